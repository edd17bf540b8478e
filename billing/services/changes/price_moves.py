"""All subscribers of a plan version are moved to another: seen first, then done in batches.

What is shown and what is written down comes from one function with a fixed number of queries.
Each subscription is then moved by `change_plan`, as if a person had done it; a worker that dies
leaves it waiting, and the next one finds what was done already. Who is to hear of it before is
told first. What is still scheduled can be taken back.
"""

import logging
from datetime import datetime, timedelta
from functools import cache

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from billing.domain.price_moves import TRIES_MAX, WAIT_MINUTES
from billing.errors import PriceMoveInvalid, PriceMoveNotRunning
from billing.models import PlanChange, PriceMove, PriceMoveRow
from billing.services.changes.move_schedules import MoveSchedules, next_before
from billing.services.changes.plan_changes import change_plan, withdraw_plan_change
from billing.services.changes.price_move_joining import (
    due_at_of,
    follow_subscribers,
    is_before_day,
    write_rows,
)
from billing.services.changes.price_move_notices import was_told
from billing.services.changes.price_move_previews import MoveTerms, effective_on, preview_price_move
from subscriptions.domain.proration_policy import Timing
from subscriptions.models import CustomerClock
from subscriptions.services.customer_clocks import key_of
from subscriptions.services.policies import ChangeOverride
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.kernel.errors import Conflict, GatewayError, InvalidInput
from tiktoktoe.standing import StandingQuery, standing

logger = logging.getLogger(__name__)
BATCH_SIZE = 100
LEASE = timedelta(minutes=5)
WAIT = timedelta(minutes=WAIT_MINUTES)
SOON = timedelta(minutes=1)


@transaction.atomic
def start_price_move(*, terms: MoveTerms, user: User | None, at: datetime) -> PriceMove:
    """Write a move down, with a row for each subscription; workers do it from then on.

    Raises:
        PriceMoveInvalid: As the preview; if subscribers of these prices are being moved; and if
            some would hear of it later than is stated, and nobody says why.
    """
    preview = preview_price_move(terms=terms, at=at)
    if not preview.moved:
        raise PriceMoveInvalid("nobody is on these prices who could be moved", field="from_version")
    if preview.short and not terms.short_notice_reason:
        raise PriceMoveInvalid(
            f"{len(preview.short)} would hear of it less than {terms.notice_days} days before",
            field="notice_days",
            remedy=f"from {preview.first_day} on nobody would, or say why it may be so",
        )
    try:
        with transaction.atomic():
            move = PriceMove.objects.create(
                from_version=terms.from_version,
                to_version=terms.to_version,
                when=terms.when,
                on=terms.on,
                prorates=terms.prorates,
                countries=list(terms.countries),
                quantity_min=terms.quantity_min,
                quantity_max=terms.quantity_max,
                started_before=terms.started_before,
                notice_days=terms.notice_days,
                short_notice_reason=terms.short_notice_reason,
                reason=terms.reason,
                actor=user,
                started_at=at,
            )
    except IntegrityError:
        raise PriceMoveInvalid(
            "its subscribers are being moved already", field="from_version"
        ) from None
    write_rows(move, preview.rows, at)
    logger.info("price move started", extra={"move": move.pk, "rows": len(preview.rows)})
    return move


def work_on_price_moves(
    *, at: datetime, clock: CustomerClock | None = None, limit: int = BATCH_SIZE
) -> int:
    """Move, or take back, what is due; any number of workers may. Gives how many were looked at.

    Of customers with a test clock only those of `clock`.
    """
    taken = _take_back_undone(at, limit)
    follow_subscribers(at=at, clock=clock)
    rows = _claim(at, clock, limit)
    for row in rows:
        _move(row, at)
    _finish(at)
    return taken + len(rows)


@transaction.atomic
def _claim(at: datetime, clock: CustomerClock | None, limit: int) -> list[PriceMoveRow]:
    """Rows that are due, put off for others while this worker has them."""
    rows = _first_due(limit).rows(at=at, clock=key_of(clock))
    if rows:
        PriceMoveRow.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=at + LEASE)
    return rows


@cache
def _first_due(limit: int) -> StandingQuery[..., PriceMoveRow, PriceMoveRow]:
    def first_due(at: datetime, clock: int | None) -> "QuerySet[PriceMoveRow]":
        due = PriceMoveRow.objects.waiting().filter(
            move__state="running", due_at__lte=at, subscription__customer__clock=clock
        )
        locked = due.select_for_update(of=("self",), skip_locked=True).order_by("due_at", "pk")
        return locked.select_related(
            "move__from_version__plan", "move__to_version__plan", "move__actor", "subscription"
        )[:limit]

    return standing(first_due)


def _move(row: PriceMoveRow, at: datetime) -> None:
    move = row.move
    known = _done_before(row)
    if known is not None:
        _moved(row, known, at)
        return
    if why := _left(row, at):
        _settle(row, PriceMoveRow.State.REFUSED, at, why=why)
        return
    if not was_told(row, at):
        return
    due_at = due_at_of(move, row, at)
    if due_at > at:
        _wait(row, due_at)
        return
    until = row.subscription.current_period_end if move.is_at_renewal else at
    coming = next_before(row.subscription, until=until, at=at)
    if coming is not None:  # by then it is on other prices, or has another quantity
        _wait(row, max(coming, at) + SOON)
        return
    try:
        change = change_plan(
            subscription=row.subscription,
            plan_version=move.to_version,
            quantity=row.subscription.quantity,
            actor=Actor(source="price_move", user=move.actor),
            override=ChangeOverride(
                timing=Timing.PERIOD_END if move.is_at_renewal else Timing.IMMEDIATE,
                prorates=move.prorates,
            ),
            reason=move.reason,
            at=at,
        )
    except InvalidInput as refusal:
        _settle(row, PriceMoveRow.State.REFUSED, at, why=str(refusal))
    except (Conflict, GatewayError) as refusal:
        _put_off(row, str(refusal), at)
    except Exception as problem:  # one that cannot be moved must not keep the others from it
        logger.exception("subscription not moved", extra={"row": row.pk})
        _put_off(row, f"{type(problem).__name__}: {problem}", at)
    else:
        _moved(row, change, at)


def _moved(row: PriceMoveRow, change: PlanChange, at: datetime) -> None:
    """Write a change down; one that was scheduled while the move was taken back is withdrawn."""
    if _settle(row, PriceMoveRow.State.MOVED, at, change=change):
        return
    if change.state == PlanChange.State.SCHEDULED:
        withdraw_plan_change(change=change, at=at)
    else:
        PriceMoveRow.objects.filter(pk=row.pk).update(state=PriceMoveRow.State.MOVED, change=change)


def _left(row: PriceMoveRow, at: datetime) -> str:
    """Why a subscription that waited is not to be moved any more."""
    subscription = row.subscription
    if subscription.plan_version_id != row.move.from_version_id:
        return "it is not on these prices any more"
    effective_at = effective_on(row.move.when, subscription, row.not_before, at)
    if MoveSchedules([subscription]).ahead_of(subscription, effective_at).would_be_replaced:
        return "another change is scheduled for it"
    return ""


def _done_before(row: PriceMoveRow) -> PlanChange | None:
    """The change by which a worker that died has moved it already."""
    changes = PlanChange.objects.filter(
        subscription=row.subscription,
        plan_version=row.move.to_version,
        source="price_move",
        requested_at__gte=row.move.started_at,
    )
    return changes.exclude(state="withdrawn").order_by("-requested_at").first()


@transaction.atomic
def _settle(
    row: PriceMoveRow,
    state: PriceMoveRow.State,
    at: datetime,
    *,
    why: str = "",
    change: PlanChange | None = None,
) -> bool:
    """Decide about a row; whether nobody else has."""
    waiting = PriceMoveRow.objects.waiting().filter(pk=row.pk)
    return bool(waiting.update(state=state, why=why[:300], change=change, done_at=at))


@transaction.atomic
def _put_off(row: PriceMoveRow, why: str, at: datetime) -> None:
    """Try it again later, for as long as that makes sense; then it is refused for that reason."""
    if row.tries + 1 >= TRIES_MAX:
        _settle(row, PriceMoveRow.State.REFUSED, at, why=why)
        return
    PriceMoveRow.objects.waiting().filter(pk=row.pk).update(
        tries=row.tries + 1, why=why[:300], due_at=at + WAIT
    )


@transaction.atomic
def _wait(row: PriceMoveRow, due_at: datetime) -> None:
    """Look at it again when its period has ended, or a change of it is made; that is no try."""
    PriceMoveRow.objects.waiting().filter(pk=row.pk).update(due_at=due_at)


@transaction.atomic
def _finish(at: datetime) -> None:
    done = [move.pk for move in _without_rows.rows() if not is_before_day(move, at)]
    if done:
        over = _without_rows.build().filter(pk__in=done)
        over.update(state=PriceMove.State.DONE, finished_at=at)


@standing
def _without_rows() -> "QuerySet[PriceMove]":
    open_rows = PriceMoveRow.objects.waiting().values("move")
    return PriceMove.objects.filter(state=PriceMove.State.RUNNING).exclude(pk__in=open_rows)


@transaction.atomic
def undo_price_move(*, move: PriceMove, at: datetime) -> PriceMove:
    """Take back what has not taken effect; who is on the new prices already stays there.

    Subscriptions that wait are left at once, scheduled changes are withdrawn by the workers.

    Raises:
        PriceMoveNotRunning: If it was taken back already, or nothing of it is to come.
    """
    locked = PriceMove.objects.select_for_update().get(pk=move.pk)
    waiting = PriceMoveRow.objects.waiting().filter(move=locked)
    if locked.state == PriceMove.State.UNDONE or not (
        waiting.exists() or _scheduled_rows().filter(move=locked).exists()
    ):
        raise PriceMoveNotRunning(f"nothing of {locked} is to come that could be taken back")
    waiting.update(state=PriceMoveRow.State.TAKEN_BACK, done_at=at)
    locked.state, locked.undone_at = PriceMove.State.UNDONE, at
    locked.save(update_fields=["state", "undone_at"])
    logger.info("price move taken back", extra={"move": locked.pk})
    return locked


def _scheduled_rows() -> "QuerySet[PriceMoveRow]":
    return PriceMoveRow.objects.filter(
        state=PriceMoveRow.State.MOVED, change__state=PlanChange.State.SCHEDULED
    )


def _take_back_undone(at: datetime, limit: int) -> int:
    found = _first_undone(limit).rows()
    for row in found:
        assert row.change is not None
        actor = Actor(source="price_move", user=row.move.actor)
        change = withdraw_plan_change(change=row.change, actor=actor, at=at)
        if change.state == PlanChange.State.WITHDRAWN:
            _taken_back(row, at)
    return len(found)


@cache
def _first_undone(limit: int) -> StandingQuery[..., PriceMoveRow, PriceMoveRow]:
    def first_undone() -> "QuerySet[PriceMoveRow]":
        rows = _scheduled_rows().filter(move__state=PriceMove.State.UNDONE)
        return rows.select_related("change__subscription", "move__actor").order_by("pk")[:limit]

    return standing(first_undone)


@transaction.atomic
def _taken_back(row: PriceMoveRow, at: datetime) -> None:
    PriceMoveRow.objects.filter(pk=row.pk).update(state=PriceMoveRow.State.TAKEN_BACK, done_at=at)

"""All subscribers of a plan version are moved to another: seen first, then done in batches.

What is shown and what is written down comes from one function with a fixed number of queries.
Each subscription is then moved by `change_plan`, as if a person had done it; a worker that dies
leaves it waiting, and the next one finds what was done already. What is still scheduled can be
taken back.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from billing.domain.price_moves import (
    TRIES_MAX,
    WAIT_MINUTES,
    Candidate,
    Effect,
    obstacle,
    summed,
)
from billing.errors import PriceMoveInvalid, PriceMoveNotRunning
from billing.models import PlanChange, PriceMove, PriceMoveRow
from billing.services.changes.plan_changes import change_plan, recurring_fee, withdraw_plan_change
from billing.services.invoices.terms import PriceBook
from subscriptions.domain.proration_policy import Timing
from subscriptions.models import Meter, PlanVersion, Subscription, SubscriptionAddOn
from subscriptions.services.policies import ChangeOverride
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.kernel.errors import Conflict, GatewayError, InvalidInput
from tiktoktoe.kernel.periods import local_midnight

logger = logging.getLogger(__name__)
BATCH_SIZE = 100
LEASE = timedelta(minutes=5)
WAIT = timedelta(minutes=WAIT_MINUTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveTerms:
    """Whom to move where, when and how."""

    from_version: PlanVersion
    to_version: PlanVersion
    when: str
    reason: str
    on: date | None = None
    prorates: bool | None = None
    countries: Sequence[str] = field(default_factory=tuple)
    quantity_min: int | None = None
    quantity_max: int | None = None
    started_before: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveRow:
    """One subscription: what its fees would be, or why it is not moved."""

    subscription: Subscription
    effect: Effect
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MovePreview:
    """What a move would do; the sums are of those that are moved."""

    terms: MoveTerms
    rows: Sequence[MoveRow]
    effect: Effect

    @property
    def moved(self) -> list[MoveRow]:
        """Those that can be moved."""
        return [row for row in self.rows if not row.why]

    @property
    def refused(self) -> list[MoveRow]:
        """Those that cannot, each with its reason."""
        return [row for row in self.rows if row.why]


def preview_price_move(*, terms: MoveTerms, at: datetime) -> MovePreview:
    """What a move would do to each subscription and to the fees of all; nothing is written.

    Raises:
        PriceMoveInvalid: If nobody could be moved like this; names the field.
    """
    _check(terms, at)
    subscriptions = list(_subscribers(terms))
    ids = [s.pk for s in subscriptions]
    scheduled = set(
        PlanChange.objects.filter(subscription__in=ids, state="scheduled").values_list(
            "subscription", flat=True
        )
    )
    clashes = _clashes(terms.to_version, subscriptions, at)
    book = PriceBook([terms.from_version.pk, terms.to_version.pk])
    fees: dict[int, Effect] = {}
    rows = []
    for subscription in subscriptions:
        quantity = subscription.quantity
        if quantity not in fees:
            fees[quantity] = Effect(
                before=recurring_fee(book, terms.from_version, quantity),
                after=recurring_fee(book, terms.to_version, quantity),
            )
        why = obstacle(
            Candidate(
                state=subscription.state,
                cancel_at=subscription.cancel_at,
                pause_at=subscription.pause_at,
                has_scheduled_change=subscription.pk in scheduled,
                clashing_meter=clashes.get(subscription.pk),
            )
        )
        rows.append(MoveRow(subscription=subscription, effect=fees[quantity], why=why))
    moved = (row.effect for row in rows if not row.why)
    return MovePreview(terms=terms, rows=rows, effect=summed(moved, terms.from_version.currency))


def _check(terms: MoveTerms, at: datetime) -> None:
    source, target = terms.from_version, terms.to_version
    if source.pk == target.pk:
        raise PriceMoveInvalid("these are the same prices", field="to_version")
    if source.currency != target.currency:
        raise PriceMoveInvalid(
            f"they are in {target.currency}, the subscriptions in {source.currency}",
            field="to_version",
            remedy=f"choose prices in {source.currency}",
        )
    if target.published_at is None or target.effective_from > at:
        raise PriceMoveInvalid(f"{target} is not on sale yet", field="to_version")
    if terms.when not in PriceMove.When.values:
        raise PriceMoveInvalid(f"{terms.when!r} is no time", field="when")
    if (terms.when == PriceMove.When.ON_DAY) != (terms.on is not None):
        raise PriceMoveInvalid("a day goes with a move on a day, and only with it", field="on")
    if terms.on is not None and terms.on < at.date():
        raise PriceMoveInvalid(f"{terms.on} is over", field="on", remedy="a day to come")
    crosses = source.plan.billing_interval != target.plan.billing_interval
    if crosses and terms.prorates is False and terms.when != PriceMove.When.RENEWAL:
        raise PriceMoveInvalid(
            "another interval begins a period that must be charged",
            field="prorates",
            remedy="prorate it, or move at renewal",
        )


def _subscribers(terms: MoveTerms) -> "QuerySet[Subscription]":
    found = Subscription.objects.live().filter(plan_version=terms.from_version)
    if terms.countries:
        found = found.filter(customer__country__in=list(terms.countries))
    if terms.quantity_min is not None:
        found = found.filter(quantity__gte=terms.quantity_min)
    if terms.quantity_max is not None:
        found = found.filter(quantity__lte=terms.quantity_max)
    if terms.started_before is not None:
        found = found.filter(started_at__date__lt=terms.started_before)
    return found.select_related("customer").order_by("customer__name", "pk")


def _clashes(
    version: PlanVersion, subscriptions: Sequence[Subscription], at: datetime
) -> dict[int, str]:
    """Where something else of the customer's bills one of the new prices' meters."""
    meters = Meter.objects.filter(prices__plan_version=version).distinct()
    by_customer: dict[int, list[tuple[int, str]]] = {}
    others = Subscription.objects.live().filter(
        customer__in={s.customer_id for s in subscriptions},
        plan_version__prices__meter__in=meters,
    )
    for pk, customer, meter in others.values_list(
        "pk", "customer", "plan_version__prices__meter__name"
    ):
        by_customer.setdefault(customer, []).append((pk, meter))
    add_ons = SubscriptionAddOn.objects.at(at).filter(
        subscription__customer__in={s.customer_id for s in subscriptions},
        plan_version__prices__meter__in=meters,
    )
    for customer, meter in add_ons.values_list(
        "subscription__customer", "plan_version__prices__meter__name"
    ):
        by_customer.setdefault(customer, []).append((0, meter))
    found = {}
    for subscription in subscriptions:
        for pk, meter in by_customer.get(subscription.customer_id, ()):
            if pk != subscription.pk:
                found[subscription.pk] = meter
    return found


@transaction.atomic
def start_price_move(*, terms: MoveTerms, user: User | None, at: datetime) -> PriceMove:
    """Write a move down, with a row for each subscription; workers do it from then on.

    Raises:
        PriceMoveInvalid: As the preview; and if subscribers of these prices are being moved.
    """
    preview = preview_price_move(terms=terms, at=at)
    if not preview.moved:
        raise PriceMoveInvalid("nobody is on these prices who could be moved", field="from_version")
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
                reason=terms.reason,
                actor=user,
                started_at=at,
            )
    except IntegrityError:
        raise PriceMoveInvalid(
            "its subscribers are being moved already", field="from_version"
        ) from None
    PriceMoveRow.objects.bulk_create(
        [
            PriceMoveRow(
                move=move,
                subscription=row.subscription,
                state=PriceMoveRow.State.REFUSED if row.why else PriceMoveRow.State.WAITING,
                why=row.why,
                currency=terms.from_version.currency,
                fee_before=row.effect.before.amount,
                fee_after=row.effect.after.amount,
                due_at=_due_at(terms, row.subscription, at),
                done_at=at if row.why else None,
            )
            for row in preview.rows
        ],
        batch_size=1000,
    )
    logger.info("price move started", extra={"move": move.pk, "rows": len(preview.rows)})
    return move


def _due_at(terms: MoveTerms, subscription: Subscription, at: datetime) -> datetime:
    if terms.on is None:
        return at
    return max(local_midnight(terms.on, subscription.time_zone), at)


def work_on_price_moves(*, at: datetime, limit: int = BATCH_SIZE) -> int:
    """Move, or take back, what is due; any number of workers may. Gives how many were looked at."""
    taken = _take_back_undone(at, limit)
    rows = _claim(at, limit)
    for row in rows:
        _move(row, at)
    _finish(at)
    return taken + len(rows)


@transaction.atomic
def _claim(at: datetime, limit: int) -> list[PriceMoveRow]:
    """Rows that are due, put off for others while this worker has them."""
    due = PriceMoveRow.objects.waiting().filter(move__state="running", due_at__lte=at)
    locked = due.select_for_update(of=("self",), skip_locked=True).order_by("due_at", "pk")
    rows = list(
        locked.select_related("move__to_version__plan", "move__actor", "subscription")[:limit]
    )
    PriceMoveRow.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=at + LEASE)
    return rows


def _move(row: PriceMoveRow, at: datetime) -> None:
    move = row.move
    known = _done_before(row)
    if known is not None:
        _moved(row, known, at)
        return
    if why := _left(row):
        _settle(row, PriceMoveRow.State.REFUSED, at, why=why)
        return
    is_renewal = move.when == PriceMove.When.RENEWAL
    try:
        change = change_plan(
            subscription=row.subscription,
            plan_version=move.to_version,
            quantity=row.subscription.quantity,
            actor=Actor(source="price_move", user=move.actor),
            override=ChangeOverride(
                timing=Timing.PERIOD_END if is_renewal else Timing.IMMEDIATE,
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


def _left(row: PriceMoveRow) -> str:
    """Why a subscription that waited is not to be moved any more."""
    if row.subscription.plan_version_id != row.move.from_version_id:
        return "it is not on these prices any more"
    if PlanChange.objects.filter(subscription=row.subscription, state="scheduled").exists():
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
def _finish(at: datetime) -> None:
    open_rows = PriceMoveRow.objects.waiting().values("move")
    done = PriceMove.objects.filter(state=PriceMove.State.RUNNING).exclude(pk__in=open_rows)
    done.update(state=PriceMove.State.DONE, finished_at=at)


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
    rows = _scheduled_rows().filter(move__state=PriceMove.State.UNDONE)
    found = list(rows.select_related("change__subscription", "move__actor").order_by("pk")[:limit])
    for row in found:
        assert row.change is not None
        actor = Actor(source="price_move", user=row.move.actor)
        change = withdraw_plan_change(change=row.change, actor=actor, at=at)
        if change.state == PlanChange.State.WITHDRAWN:
            _taken_back(row, at)
    return len(found)


@transaction.atomic
def _taken_back(row: PriceMoveRow, at: datetime) -> None:
    PriceMoveRow.objects.filter(pk=row.pk).update(state=PriceMoveRow.State.TAKEN_BACK, done_at=at)

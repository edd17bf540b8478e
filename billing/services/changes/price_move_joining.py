"""The rows of a price move: of its subscribers when it starts, and of those who join them later."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from billing.models import PlanChange, PriceMove, PriceMoveRow
from billing.services.changes.price_move_notices import first_day_for
from billing.services.changes.price_move_previews import (
    MoveRow,
    MoveTerms,
    day_of,
    effective_on,
    rows_of,
    subscribers,
)
from subscriptions.domain.lifecycle import BILLED_STATES
from subscriptions.models import CustomerClock, Subscription
from tiktoktoe.kernel.periods import local_midnight
from tiktoktoe.standing import standing


def write_rows(move: PriceMove, found: Iterable[MoveRow], at: datetime) -> int:
    """A row for each subscription, in the caller's transaction; one that is there stays."""
    rows = [_row(move, one, at) for one in found]
    PriceMoveRow.objects.bulk_create(rows, batch_size=1000, ignore_conflicts=True)
    return len(rows)


def due_at_of(move: PriceMove, row: PriceMoveRow, at: datetime) -> datetime:
    """When a subscription is to be looked at: on the day, or once its renewal is the next one."""
    if row.not_before is None:
        return at
    subscription = row.subscription
    if move.when == PriceMove.When.ON_DAY:
        return max(row.not_before, at)
    end = subscription.current_period_end
    return at if end >= row.not_before else end


def _row(move: PriceMove, one: MoveRow, at: datetime) -> PriceMoveRow:
    notice = move.notice
    row = PriceMoveRow(
        move=move,
        subscription=one.subscription,
        state=PriceMoveRow.State.REFUSED if one.why else PriceMoveRow.State.WAITING,
        why=one.why,
        currency=move.from_version.currency,
        fee_before=one.effect.before.amount,
        fee_after=one.effect.after.amount,
        not_before=day_of(move.on, one.subscription),
        effective_at=one.effective_at,
        done_at=at if one.why else None,
    )
    if notice.is_short(one.effective_at, at) and not notice.may_be_short:
        row.not_before = first_day_for(row, at)
        row.effective_at = effective_on(move.when, one.subscription, row.not_before, at)
    assert row.effective_at is not None
    told_from = max(notice.tells_from(row.effective_at), at)
    row.due_at = told_from if notice.tells else due_at_of(move, row, at)
    return row


@transaction.atomic
def follow_subscribers(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """Give those who came to the old prices before a move's day a row of it; gives how many.

    So does one whose scheduled move was replaced by a change that left it on the old prices.
    """
    known = PriceMoveRow.objects.filter(subscription=OuterRef("pk"))
    joined = 0
    for move in _running.rows():
        _begin_again(move, at)
        if not is_before_day(move, at):
            continue
        terms = _terms_of(move)
        joining = subscribers(terms).filter(
            ~Exists(known.filter(move=move)), state__in=BILLED_STATES, customer__clock=clock
        )
        new = list(joining)
        if new:
            found = [one for one in rows_of(terms, new, at) if not one.why]
            joined += write_rows(move, found, at)
    return joined


@standing
def _running() -> "QuerySet[PriceMove]":
    moves = PriceMove.objects.filter(state=PriceMove.State.RUNNING, when__in=PriceMove.WITH_DAY)
    return moves.select_related("from_version__plan", "to_version__plan")


def is_before_day(move: PriceMove, at: datetime) -> bool:
    """Whether a move's day has not yet come anywhere: who joins now is moved with the others."""
    return move.on is not None and at < local_midnight(move.on, "Pacific/Kiritimati")


def _begin_again(move: PriceMove, at: datetime) -> None:
    terms = {"move": move.pk, "from_version": move.from_version_id}
    if _replaced.rows(**terms):
        _replaced.build(**terms).update(
            state=PriceMoveRow.State.WAITING, change=None, done_at=None, due_at=at
        )


@standing
def _replaced(move: int, from_version: int) -> "QuerySet[PriceMoveRow]":
    later = PlanChange.objects.filter(
        subscription=OuterRef("subscription"), requested_at__gt=OuterRef("change__requested_at")
    )
    return PriceMoveRow.objects.filter(
        Exists(later.exclude(source="price_move")),
        move=move,
        state=PriceMoveRow.State.MOVED,
        change__state=PlanChange.State.WITHDRAWN,
        subscription__in=Subscription.objects.live().filter(plan_version=from_version),
    )


def _terms_of(move: PriceMove) -> MoveTerms:
    return MoveTerms(
        from_version=move.from_version,
        to_version=move.to_version,
        when=move.when,
        reason=move.reason,
        on=move.on,
        prorates=move.prorates,
        countries=move.countries,
        quantity_min=move.quantity_min,
        quantity_max=move.quantity_max,
        started_before=move.started_before,
        notice_days=move.notice_days,
        short_notice_reason=move.short_notice_reason,
    )

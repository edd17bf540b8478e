"""Subscribers hear of a price move before their own day; nobody is moved who was not told in time.

A row waits until its notice is due, is then announced (billing.queries.happenings), and goes on
when it was. Whoever could not be told in time gets a later day: the notice counts, not the day.
"""

from datetime import datetime, timedelta

from django.db import transaction

from billing.models import Announcement, PriceMoveRow
from billing.queries.price_moves import UPCOMING
from billing.services.changes.move_schedules import MoveSchedules
from billing.services.changes.price_move_previews import effect_of, effective_on
from billing.services.invoices.terms import PriceBook
from tiktoktoe.kernel.periods import local_date, local_midnight

LOOK_AGAIN = timedelta(minutes=2)


@transaction.atomic
def was_told(row: PriceMoveRow, at: datetime) -> bool:
    """Whether a subscriber has heard of its day, or need not; else the row waits for that."""
    notice = row.move.notice
    if not notice.tells:
        return True
    effective_at = _own_day(row, at)
    if row.effective_at == effective_at and is_announced(row):
        return True
    if at < notice.tells_from(effective_at):
        _wait_until(row, effective_at, notice.tells_from(effective_at))
        return False
    if notice.is_short(effective_at, at) and not notice.may_be_short:
        row.not_before = first_day_for(row, at)
        effective_at = _own_day(row, at)
        _keep(row, not_before=row.not_before)
        _wait_until(row, effective_at, max(notice.tells_from(effective_at), at))
        return False
    book = PriceBook([row.move.from_version_id, row.move.to_version_id])
    then = MoveSchedules([row.subscription]).ahead_of(row.subscription, effective_at).standing
    effect = effect_of(book, row.move.from_version, row.move.to_version, then.quantity)
    _keep(
        row,
        effective_at=effective_at,
        tell_at=at,
        fee_before=effect.before.amount,
        fee_after=effect.after.amount,
        due_at=at + LOOK_AGAIN,
    )
    return notice.may_be_short


def is_announced(row: PriceMoveRow) -> bool:
    """Whether its day, as it stands, was told."""
    return Announcement.objects.filter(kind=UPCOMING, object_key=row.told_as).exists()


def first_day_for(row: PriceMoveRow, at: datetime) -> datetime:
    """The first local midnight of which a subscriber who hears of it now is told in time."""
    zone = row.subscription.time_zone
    possible = row.move.notice.first_possible(at)
    return local_midnight(local_date(possible, zone) + timedelta(days=2), zone)


def _own_day(row: PriceMoveRow, at: datetime) -> datetime:
    """When it would be moved; a day that has begun meanwhile stays that day."""
    if row.not_before is not None and row.move.when == row.move.When.ON_DAY:
        return row.not_before
    since = min(at, row.not_before) if row.not_before is not None else at
    return effective_on(row.move.when, row.subscription, row.not_before, since)


def _wait_until(row: PriceMoveRow, effective_at: datetime, due_at: datetime) -> None:
    _keep(row, effective_at=effective_at, tell_at=None, due_at=due_at)


def _keep(row: PriceMoveRow, **fields: object) -> None:
    PriceMoveRow.objects.waiting().filter(pk=row.pk).update(**fields)
    for name, value in fields.items():
        setattr(row, name, value)

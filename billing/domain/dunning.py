"""When a declined payment is tried again, and when it is given up.

The times follow the reason: funds arrive on paydays, a network's trouble passes in minutes,
and a card that was reported stolen is never asked again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from billing.domain.declines import POLICIES, DeclineClass
from tiktoktoe.kernel.clock import utc
from tiktoktoe.kernel.periods import add_months, local_date, local_instant

PAYDAY_TIME = time(0, 5)
FRIDAY = 4

_MINUTES = (1, 5, 30, 120, 720)
_DAYS: Mapping[DeclineClass, tuple[int, ...]] = {
    DeclineClass.SOFT_GENERIC: (1, 3, 5, 7),
    DeclineClass.SOFT_LIMIT: (1, 2, 3),
    DeclineClass.UNCLASSIFIED: (3, 7),
}
_FUNDS_DAYS = (1, 3)  # then two paydays
_FUNDS_RETRIES = 4
_FUNDS_WITHIN = timedelta(days=21)


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """What is to be done after a decline: `at` is when, or None to give up; and why."""

    at: datetime | None
    reason: str


def next_retry(
    *,
    decline_class: DeclineClass,
    retries_done: int,
    first_failed_at: datetime,
    failed_at: datetime,
    time_zone: str,
) -> Retry:
    """When to try again by itself.

    Args:
        decline_class: Why the last attempt was declined.
        retries_done: How many retries have been made; the first attempt is none.
        first_failed_at: When the first attempt failed; days are counted from then.
        failed_at: When the last one did.
        time_zone: The customer's; paydays are local days there.
    """
    if not POLICIES[decline_class].retry_later:
        return Retry(at=None, reason=f"{decline_class}: trying again cannot help")
    if decline_class == DeclineClass.TECHNICAL:
        return _after_minutes(retries_done, utc(failed_at))
    if decline_class == DeclineClass.SOFT_FUNDS:
        return _when_funds_come(retries_done, utc(first_failed_at), utc(failed_at), time_zone)
    return _after_days(decline_class, retries_done, utc(first_failed_at), utc(failed_at))


def next_payday(after: datetime, time_zone: str) -> datetime:
    """The next 1st, 15th or Friday, five past midnight local time, after an instant."""
    today = local_date(after, time_zone)
    days = sorted({_next_monthday(today, 1), _next_monthday(today, 15), _next_friday(today)})
    return local_instant(days[0], time_zone, PAYDAY_TIME)


def _after_minutes(retries_done: int, failed_at: datetime) -> Retry:
    if retries_done >= len(_MINUTES):
        return Retry(at=None, reason=f"technical: {retries_done} retries made")
    minutes = _MINUTES[retries_done]
    return Retry(at=failed_at + timedelta(minutes=minutes), reason=f"technical: {minutes} min on")


def _after_days(
    decline_class: DeclineClass, retries_done: int, first: datetime, last: datetime
) -> Retry:
    days = _DAYS[decline_class]
    if retries_done >= len(days):
        return Retry(at=None, reason=f"{decline_class}: {retries_done} retries made")
    day = days[retries_done]
    # After another reason had kept it waiting, the planned day may have passed.
    at = max(first + timedelta(days=day), last + timedelta(days=1))
    return Retry(at=at, reason=f"{decline_class}: day {day}")


def _when_funds_come(retries_done: int, first: datetime, last: datetime, time_zone: str) -> Retry:
    if retries_done >= _FUNDS_RETRIES:
        return Retry(at=None, reason=f"soft_funds: {retries_done} retries made")
    if retries_done < len(_FUNDS_DAYS):
        day = _FUNDS_DAYS[retries_done]
        at = max(first + timedelta(days=day), last + timedelta(days=1))
        reason = f"soft_funds: day {day}"
    else:
        at, reason = next_payday(last, time_zone), "soft_funds: next payday"
    if at > first + _FUNDS_WITHIN:
        return Retry(at=None, reason=f"soft_funds: more than {_FUNDS_WITHIN.days} days")
    return Retry(at=at, reason=reason)


def _next_monthday(today: date, day: int) -> date:
    this_month = today.replace(day=day)
    return this_month if this_month > today else add_months(this_month, 1)


def _next_friday(today: date) -> date:
    return today + timedelta(days=(FRIDAY - today.weekday() - 1) % 7 + 1)

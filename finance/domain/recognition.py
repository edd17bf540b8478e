"""When revenue is earned: straight-line schedules that add up to the cent.

What is recognised through an instant is the whole times the share of time elapsed, rounded
half to even; a month gets the difference of two such figures. So a schedule never drifts and
always adds up, and no month is a whole minor unit away from its exact share.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise

from finance.errors import ScheduleInvalid
from tiktoktoe.kernel.money import Money, from_minor, to_minor
from tiktoktoe.kernel.periods import SECOND, Period, add_months, local_date, local_midnight


class Grain(StrEnum):
    """How finely time is cut."""

    SECOND = "second"
    DAY = "day"  # the first day counts whole, the last is cut off
    MONTH = "month"  # each month of service the same, however long it is


@dataclass(frozen=True, slots=True)
class Recognition:
    """What is earned in a calendar month; `month` is its first day."""

    month: date
    amount: Money


def straight_line(
    amount: Money, period: Period, *, grain: Grain = Grain.DAY, time_zone: str = "UTC"
) -> tuple[Recognition, ...]:
    """Spread an amount evenly over a period, by calendar month.

    Args:
        amount: What is to be earned; payable, and negative for a credit.
        period: When the service is given.
        grain: How finely time is cut.
        time_zone: Where the months of the books begin and end.

    Raises:
        ScheduleInvalid: If the period has no unit of the grain, or is not of whole months
            where the grain is a month.
    """
    if grain == Grain.MONTH:
        return _even_months(amount, period, time_zone)
    start, end = _grid(period, grain, time_zone)
    if end <= start:
        raise ScheduleInvalid(f"{period} holds no whole {grain}", field="period")
    cuts = [start, *_month_starts(start, end, time_zone), end]
    shares = [_share(cut - start, end - start) for cut in cuts]
    months = [local_date(cut, time_zone).replace(day=1) for cut in cuts[:-1]]
    return _differences(amount, months, shares)


def recognized_through(schedule: tuple[Recognition, ...], month: date) -> Money:
    """What is earned up to the end of a month."""
    parts = [to_minor(part.amount) for part in schedule if part.month <= month]
    return from_minor(sum(parts), schedule[0].amount.currency)


def earned_until(amount: Money, period: Period, at: datetime, *, time_zone: str = "UTC") -> Money:
    """How much of an amount is earned by an instant, by the day, and so how much is not.

    What is earned before a credit note is contra revenue; the rest leaves the liability.
    """
    start, end = _grid(period, Grain.DAY, time_zone)
    until = min(max(local_midnight(local_date(at, time_zone), time_zone), start), end)
    share = _share(until - start, end - start) if end > start else Fraction(1)
    return from_minor(_half_even(to_minor(amount) * share), amount.currency)


def _even_months(amount: Money, period: Period, time_zone: str) -> tuple[Recognition, ...]:
    first, last = local_date(period.start, time_zone), local_date(period.end, time_zone)
    count = (last.year - first.year) * 12 + last.month - first.month
    if count < 1 or add_months(first, count) != last:
        raise ScheduleInvalid(
            f"{period} is not of whole months", field="period", remedy="spread it by the day"
        )
    months = [add_months(first.replace(day=1), n) for n in range(count)]
    return _differences(amount, months, [Fraction(n, count) for n in range(count + 1)])


def _grid(period: Period, grain: Grain, time_zone: str) -> tuple[datetime, datetime]:
    if grain == Grain.SECOND:
        return period.start.replace(microsecond=0), period.end.replace(microsecond=0)
    first, last = local_date(period.start, time_zone), local_date(period.end, time_zone)
    return local_midnight(first, time_zone), local_midnight(last, time_zone)


def _month_starts(start: datetime, end: datetime, time_zone: str) -> Iterator[datetime]:
    """The local month beginnings strictly between two instants."""
    month = add_months(local_date(start, time_zone).replace(day=1), 1)
    while (cut := local_midnight(month, time_zone)) < end:
        yield cut
        month = add_months(month, 1)


def _share(elapsed: timedelta, whole: timedelta) -> Fraction:
    return Fraction(elapsed // SECOND, whole // SECOND)


def _differences(
    amount: Money, months: list[date], shares: list[Fraction]
) -> tuple[Recognition, ...]:
    minor = to_minor(amount)
    through = [_half_even(minor * share) for share in shares]
    return tuple(
        Recognition(month, from_minor(after - before, amount.currency))
        for month, (before, after) in zip(months, pairwise(through), strict=True)
    )


def _half_even(value: Fraction) -> int:
    """The nearest whole number; a half goes to the even one, so that halves do not add up."""
    floor, rest = divmod(value, 1)
    goes_up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and floor % 2 == 1)
    return int(floor) + goes_up

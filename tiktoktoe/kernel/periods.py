"""Periods of time, and the billing periods that follow from an anchor day.

A `Period` holds instants. Where one ends is decided on the calendar of a place: boundaries
are local midnights of the anchor day and its repetitions, each counted from the original
anchor, so that 31 January is followed by 28 February and then by 31 March.
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tiktoktoe.kernel.clock import utc
from tiktoktoe.kernel.errors import InvalidInput

MIDNIGHT = time()
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """The time from `start` up to, not including, `end`; both are kept in UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", utc(self.start))
        object.__setattr__(self, "end", utc(self.end))
        if self.end <= self.start:
            raise InvalidInput(
                f"a period must end after it starts: {self}", field="end", remedy="swap them"
            )

    def __str__(self) -> str:
        return f"[{self.start.isoformat()}, {self.end.isoformat()})"

    @property
    def duration(self) -> timedelta:
        """How long it lasts: elapsed time, so 23 hours on the day the clocks go forward."""
        return self.end - self.start

    def contains(self, at: datetime) -> bool:
        """Whether an instant falls in it; its end does not."""
        return self.start <= utc(at) < self.end

    def overlaps(self, other: "Period") -> bool:
        """Whether they share an instant; neighbours do not."""
        return self.start < other.end and other.start < self.end

    def intersection(self, other: "Period") -> "Period | None":
        """The time they share, if any."""
        if not self.overlaps(other):
            return None
        return Period(max(self.start, other.start), min(self.end, other.end))

    def fraction(self, whole: "Period") -> Fraction:
        """The share of a whole period's time that falls in this one, between 0 and 1."""
        shared = self.intersection(whole)
        if shared is None:
            return Fraction(0)
        return Fraction(shared.duration // _MICROSECOND, whole.duration // _MICROSECOND)

    def days(self, time_zone: str) -> int:
        """How many local midnights it passes: the days on a calendar there, not 24 hours."""
        return (local_date(self.end, time_zone) - local_date(self.start, time_zone)).days


_MICROSECOND = timedelta(microseconds=1)


class IntervalUnit(StrEnum):
    """What billing periods are counted in."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"


_DAYS = {IntervalUnit.DAY: 1, IntervalUnit.WEEK: 7}
_MONTHS = {
    IntervalUnit.MONTH: 1,
    IntervalUnit.QUARTER: 3,
    IntervalUnit.HALF_YEAR: 6,
    IntervalUnit.YEAR: 12,
}


class Alignment(StrEnum):
    """Whether periods repeat from the day it began, or with the calendar's months and weeks."""

    ANNIVERSARY = "anniversary"
    CALENDAR = "calendar"


@dataclass(frozen=True, slots=True)
class Interval:
    """The nominal length of a billing period: a unit, so many times."""

    unit: IntervalUnit
    count: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "unit", IntervalUnit(self.unit))
        if self.count < 1:
            raise InvalidInput(f"{self.count} is not positive", field="interval_count")

    @property
    def months(self) -> int:
        """Its length in calendar months; 0 if it is counted in days."""
        return _MONTHS.get(self.unit, 0) * self.count

    @property
    def days(self) -> int:
        """Its length in calendar days; 0 if it is counted in months."""
        return _DAYS.get(self.unit, 0) * self.count

    def add_to(self, day: date, times: int) -> date:
        """The day so many intervals later, or earlier; months are clamped to their last day."""
        if self.months:
            return add_months(day, self.months * times)
        return day + timedelta(days=self.days * times)

    def calendar_start(self, day: date) -> date:
        """The first day of the calendar week, month, quarter, half-year or year of a day."""
        if self.unit == IntervalUnit.WEEK:
            return day - timedelta(days=day.weekday())
        months = _MONTHS.get(self.unit)
        if months is None:
            return day
        return date(day.year, (day.month - 1) // months * months + 1, 1)


@dataclass(frozen=True, slots=True)
class BillingPeriods:
    """The endless row of periods that an anchor day and an interval make in a time zone.

    Period 0 starts on the anchor; those before it have negative numbers.
    """

    anchor_on: date
    time_zone: str
    interval: Interval
    anchor_time: time = MIDNIGHT

    def boundary(self, n: int) -> datetime:
        """The instant at which period n starts and period n - 1 ends."""
        return local_instant(
            self.interval.add_to(self.anchor_on, n), self.time_zone, self.anchor_time
        )

    def period(self, n: int) -> Period:
        """The n-th period.

        Raises:
            InvalidInput: If its only day was left out of the local calendar (Samoa,
                30 December 2011); `period_at` never meets such a one.
        """
        return Period(self.boundary(n), self.boundary(n + 1))

    def index_at(self, at: datetime) -> int:
        """The number of the period that an instant falls in."""
        instant = utc(at)
        n = self._estimate(local_date(instant, self.time_zone))
        while self.boundary(n) > instant:
            n -= 1
        while self.boundary(n + 1) <= instant:
            n += 1
        return n

    def period_at(self, at: datetime) -> Period:
        """The period that an instant falls in."""
        return self.period(self.index_at(at))

    def after(self, period: Period) -> Period:
        """The period that starts where another one, or a part of one, ends."""
        return self.period_at(period.end)

    def between(self, start: datetime, end: datetime) -> Iterator[Period]:
        """The periods that start in [start, end), in order."""
        period = self.period_at(start)
        if period.start < utc(start):
            period = self.after(period)
        while period.start < utc(end):
            yield period
            period = self.after(period)

    def _estimate(self, day: date) -> int:
        if self.interval.months:
            months = (day.year - self.anchor_on.year) * 12 + day.month - self.anchor_on.month
            return months // self.interval.months
        return (day - self.anchor_on).days // self.interval.days


def billing_periods(
    start_on: date,
    time_zone: str,
    interval: Interval,
    *,
    alignment: Alignment = Alignment.ANNIVERSARY,
    anchor_time: time = MIDNIGHT,
) -> BillingPeriods:
    """The billing periods of something that starts on a local day."""
    anchor_on = interval.calendar_start(start_on) if alignment == Alignment.CALENDAR else start_on
    return BillingPeriods(anchor_on, time_zone, interval, anchor_time)


def add_months(day: date, months: int) -> date:
    """The same day so many months later, or that month's last day if it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def local_date(at: datetime, time_zone: str) -> date:
    """The day that people in a time zone write at an instant."""
    return utc(at).astimezone(zone(time_zone)).date()


def local_midnight(day: date, time_zone: str) -> datetime:
    """The instant at which a day starts in a time zone."""
    return local_instant(day, time_zone, MIDNIGHT)


@lru_cache(maxsize=16_384)  # a billing run asks for the same few midnights again and again
def local_instant(day: date, time_zone: str, at: time) -> datetime:
    """The instant at which clocks in a time zone first show a day and time, in UTC.

    If they show it twice, it is the first time; if they jump over it, it is the jump.
    """
    wall = datetime.combine(day, at, tzinfo=zone(time_zone))
    later, earlier = wall.astimezone(UTC), wall.replace(fold=1).astimezone(UTC)
    if earlier >= later:
        return later
    return _jump_between(earlier, later, wall.tzinfo)


def zone(time_zone: str) -> ZoneInfo:
    """The rules of an IANA time zone.

    Raises:
        InvalidInput: If there is no such zone.
    """
    try:
        return ZoneInfo(time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidInput(
            f"{time_zone!r} is no time zone", field="time_zone", remedy="write Europe/Berlin"
        ) from None


def _jump_between(earlier: datetime, later: datetime, tz: object) -> datetime:
    """The instant at which the offset changes, found by halving; on a whole second."""
    assert isinstance(tz, ZoneInfo)
    before = earlier.astimezone(tz).utcoffset()
    while later - earlier > SECOND:
        middle = earlier + (later - earlier) // 2 // SECOND * SECOND
        if middle.astimezone(tz).utcoffset() == before:
            earlier = middle
        else:
            later = middle
    return later

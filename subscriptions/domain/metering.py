"""From usage events to a quantity, and when an event counts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, localcontext
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from math import ceil

from subscriptions.errors import EventInFuture, EventInvalid, EventTooLate
from tiktoktoe.kernel.clock import utc
from tiktoktoe.kernel.rates import (
    EXACT_CONTEXT,
    Exact,
    exact_sum,
    round_down,
    round_half_away,
)


class Aggregation(StrEnum):
    """How a meter makes one quantity of many events."""

    SUM = "sum"
    COUNT = "count"
    MAX = "max"
    UNIQUE = "unique"
    LATEST = "latest"
    WEIGHTED = "weighted"  # a level that changes, by the time that it stands


ROLLED_UP = frozenset({Aggregation.SUM, Aggregation.COUNT, Aggregation.MAX})
QUANTITY_PLACES = 10  # of a quantity that is not whole, as an invoice line keeps it
DIMENSION_MAX = 100


class QuantityRounding(StrEnum):
    """How a meter's quantity is rounded, once, before it is priced."""

    NONE = "none"
    UP = "up"
    DOWN = "down"
    HALF = "half"


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """What any number of events add up to; totals of parts add up to the total of the whole."""

    event_count: int = 0
    quantity_sum: Decimal = Decimal(0)
    quantity_max: Decimal | None = None

    def plus(self, other: "UsageTotal") -> "UsageTotal":
        """Both together, in whichever order."""
        present = [m for m in (self.quantity_max, other.quantity_max) if m is not None]
        return UsageTotal(
            self.event_count + other.event_count,
            exact_sum((self.quantity_sum, other.quantity_sum)),
            max(present, default=None),
        )

    def quantity(self, aggregation: Aggregation) -> Decimal:
        """The quantity of a meter that sums, counts or takes the largest; of no events, 0.

        Raises:
            ValueError: If the meter needs the events themselves (unique, latest, weighted).
        """
        if aggregation not in ROLLED_UP:
            raise ValueError(f"{aggregation} cannot be had from totals, only from events")
        if aggregation == Aggregation.COUNT:
            return Decimal(self.event_count)
        if aggregation == Aggregation.MAX:
            return self.quantity_max if self.quantity_max is not None else Decimal(0)
        return self.quantity_sum

    def shown(self, aggregation: Aggregation) -> Decimal:
        """What a chart of days shows: the quantity, or of a meter that needs the events
        themselves, how many there were (unique) or their sum (latest, weighted)."""
        if aggregation in ROLLED_UP:
            return self.quantity(aggregation)
        return Decimal(self.event_count) if aggregation == "unique" else self.quantity_sum


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteredEvent:
    """What a meter needs to know of an event; `subject` is what a unique count counts."""

    event_id: str
    counted_at: datetime
    quantity: Decimal
    subject: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitedEvents:
    """What is left to charge of events that have to be looked at one by one."""

    units: Decimal  # charged, of the events between the limits
    fees: int  # how many of those pay the fee per event
    at_minimum: int
    at_maximum: int
    included: Decimal = Decimal(0)  # what of them all is not charged


@dataclass(frozen=True, slots=True)
class TierLevels:
    """A level by the tiers that it reached: the units of each, by the days that they were there."""

    units: tuple[Decimal, ...]
    highest: Decimal
    last: Decimal


def levels_in_tiers(
    changes: Iterable[tuple[date, Decimal]],
    *,
    until: date,
    whole_days: int,
    bounds: Sequence[Decimal | None],
    included: Decimal = Decimal(0),
) -> TierLevels:
    """Lay a level into tiers, day by day, over the days of the whole period.

    A unit lies in the tier that the level was in when it came, and leaves it first that came
    last. Source: Lago's prorated_graduated_spec.

    Args:
        changes: By how much the level changes on which days, in their order.
        until: The day after the last.
        whole_days: The days of the whole period.
        bounds: The upper bounds of the tiers, the last without.
        included: What of the level is not charged.
    """
    known = list(changes)
    ends = [*(day for day, _ in known[1:]), until]
    sums = [Decimal(0)] * len(bounds)
    level = charged = highest = Decimal(0)
    with localcontext(EXACT_CONTEXT):
        for (day, change), end in zip(known, ends, strict=False):
            level += change
            charged = max(level - included, Decimal(0))
            highest = max(highest, charged)
            for number, units in enumerate(_laid_into(charged, bounds)):
                sums[number] += units * (end - day).days
    shares = (round_half_away(Fraction(s) / whole_days, QUANTITY_PLACES) for s in sums)
    return TierLevels(tuple(shares), highest, charged)


def changes_of_levels(levels: Iterable[tuple[date, Decimal]]) -> list[tuple[date, Decimal]]:
    """By how much a level changes on which days, of what it is from each day on."""
    before, changes = Decimal(0), []
    for day, level in levels:
        changes.append((day, exact_sum((level, -before))))
        before = level
    return changes


def changes_of_held(
    moves: Iterable[tuple[date, str, bool]], *, from_day: date, to_day: date
) -> list[tuple[date, Decimal]]:
    """By how much the number of values that are held changes on which days.

    `moves` are the days on which a value came (true) or was taken away, in their order. It is
    held on both days, each day once. (`subscriptions.queries` does the same for many.)
    """
    days: dict[str, set[date]] = {}
    since: dict[str, date] = {}
    for day, value, comes in moves:
        if comes:
            since.setdefault(value, day)
        elif value in since:
            days.setdefault(value, set()).update(
                _each_day(since.pop(value), day + timedelta(days=1))
            )
    for value, day in since.items():
        days.setdefault(value, set()).update(_each_day(day, to_day))
    levels = [
        (day, Decimal(sum(day in held for held in days.values())))
        for day in _each_day(from_day, to_day)
    ]
    return [(day, change) for day, change in changes_of_levels(levels) if change]


def _each_day(first: date, after: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((after - first).days)]


def _laid_into(level: Decimal, bounds: Iterable[Decimal | None]) -> Iterator[Decimal]:
    """The units of a level in each tier."""
    below = Decimal(0)
    for bound in bounds:
        top = level if bound is None else min(level, bound)
        yield max(top - below, Decimal(0))
        below = level if bound is None else bound


@dataclass(frozen=True, slots=True)
class LevelChange:
    """That a level goes up or down by so much at an instant."""

    at: datetime
    quantity: Decimal


def weighted_by_days(
    changes: Iterable[tuple[date, Decimal]], *, from_day: date, to_day: date, whole_days: int
) -> Fraction:
    """A level by the days it stood, over the days of the whole period.

    The day of a change counts whole. Source: Lago's prorated sum; LAGO-TERM-33.
    """
    day_sum = Fraction(0)
    for day, quantity in changes:
        days = (to_day - max(day, from_day)).days
        day_sum += Fraction(quantity) * max(days, 0)
    return day_sum / whole_days


def weighted_by_time(
    changes: Iterable[LevelChange], *, since: datetime, until: datetime, whole: timedelta
) -> Fraction:
    """A level by the time it stood, over a whole period's length; both to the microsecond.

    Changes before `since` make the level that is there at the start.
    """
    moment = timedelta(microseconds=1)
    stood = Fraction(0)
    for change in changes:
        standing = utc(until) - max(utc(change.at), utc(since))
        stood += Fraction(change.quantity) * max(standing // moment, 0)
    return stood / (whole // moment)


def rounded_quantity(value: Exact, rounding: QuantityRounding, places: int) -> Decimal:
    """A quantity by its meter's rule; halves go away from zero.

    What is not rounded keeps 10 decimals, as an invoice line does.
    """
    match rounding:
        case QuantityRounding.UP:
            return round_down(_ceiled(value, places), places)
        case QuantityRounding.DOWN:
            return round_down(value, places)
        case QuantityRounding.HALF:
            return round_half_away(value, places)
        case QuantityRounding.NONE:
            return round_half_away(value, QUANTITY_PLACES)


def _ceiled(value: Exact, places: int) -> Fraction:
    return Fraction(ceil(Fraction(value) * 10**places), 10**places)


def dimensions_of(properties: Mapping[str, object] | None, names: Iterable[str]) -> dict[str, str]:
    """The values of dimensions in an event, as text; those that are not there are left out.

    PostgreSQL's `subscriptions_dimensions` makes the same of the event that is kept.

    Raises:
        EventInvalid: If a value is no text, whole number, or true or false, or too long.
    """
    found = {}
    for name in names:
        value = (properties or {}).get(name)
        if value is None:
            continue
        if isinstance(value, bool):
            found[name] = "true" if value else "false"
        elif isinstance(value, str | int) and len(str(value)) <= DIMENSION_MAX:
            found[name] = str(value)
        else:
            raise EventInvalid(
                f"must be a text of at most {DIMENSION_MAX} characters or a whole number",
                field=f"properties.{name}",
            )
    return found


def matches(dimensions: Mapping[str, str], match: Mapping[str, Iterable[str]]) -> bool:
    """Whether events of these dimensions are what a variant is for: each value is one of its."""
    return all(name in dimensions and dimensions[name] in values for name, values in match.items())


def add_up(totals: Iterable[UsageTotal]) -> UsageTotal:
    """The total of totals."""
    result = UsageTotal()
    for part in totals:
        result = result.plus(part)
    return result


def total_of(events: Iterable[MeteredEvent]) -> UsageTotal:
    """What events add up to."""
    return add_up(UsageTotal(1, event.quantity, event.quantity) for event in events)


def quantity_of(aggregation: Aggregation, events: Iterable[MeteredEvent]) -> Decimal:
    """The quantity of events, in whichever order they come; of none, 0.

    Of events at the same instant the latest is the one whose id sorts last, so that a
    recount always gives the same.
    """
    if aggregation == Aggregation.UNIQUE:
        return Decimal(len({event.subject for event in events}))
    if aggregation == Aggregation.LATEST:
        last = max(events, key=lambda event: (event.counted_at, event.event_id), default=None)
        return last.quantity if last is not None else Decimal(0)
    return total_of(events).quantity(aggregation)


def counted_at(
    *,
    occurred_at: datetime,
    received_at: datetime,
    closed_through: datetime | None,
    late_days: int,
    future_seconds: int,
) -> datetime:
    """The instant at which an event counts for billing.

    That is when it occurred, unless that time has been billed already: then it counts at the
    start of the open period, so that it is billed next.

    Raises:
        EventTooLate: If it occurred more than `late_days` before it was received.
        EventInFuture: If it is more than `future_seconds` ahead of the clock.
    """
    occurred, received = utc(occurred_at), utc(received_at)
    age = received - occurred
    if age > _days(late_days):
        raise EventTooLate(
            f"it occurred more than {late_days} days ago",
            field="occurred_at",
            remedy="usage is accepted later only by a correction of the invoice",
        )
    if age < _seconds(-future_seconds):
        raise EventInFuture(
            f"it is more than {future_seconds} seconds ahead",
            field="occurred_at",
            remedy="check the sender's clock and time zone",
        )
    return occurred if closed_through is None else max(occurred, utc(closed_through))


@lru_cache
def _days(number: int) -> timedelta:
    return timedelta(days=number)


@lru_cache
def _seconds(number: int) -> timedelta:
    return timedelta(seconds=number)

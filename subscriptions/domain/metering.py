"""From usage events to a quantity, and when an event counts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache

from subscriptions.errors import EventInFuture, EventTooLate
from tiktoktoe.kernel.clock import utc
from tiktoktoe.kernel.rates import exact_sum


class Aggregation(StrEnum):
    """How a meter makes one quantity of many events."""

    SUM = "sum"
    COUNT = "count"
    MAX = "max"
    UNIQUE = "unique"
    LATEST = "latest"


ROLLED_UP = frozenset({Aggregation.SUM, Aggregation.COUNT, Aggregation.MAX})


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
            ValueError: If the meter needs the events themselves (unique, latest).
        """
        if aggregation not in ROLLED_UP:
            raise ValueError(f"{aggregation} cannot be had from totals, only from events")
        if aggregation == Aggregation.COUNT:
            return Decimal(self.event_count)
        if aggregation == Aggregation.MAX:
            return self.quantity_max if self.quantity_max is not None else Decimal(0)
        return self.quantity_sum


@dataclass(frozen=True, slots=True, kw_only=True)
class MeteredEvent:
    """What a meter needs to know of an event; `subject` is what a unique count counts."""

    event_id: str
    counted_at: datetime
    quantity: Decimal
    subject: str = ""


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

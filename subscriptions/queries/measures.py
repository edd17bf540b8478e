"""What is to be measured of a meter, and what it comes to: values, and no question asked yet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from subscriptions.domain.metering import (
    Aggregation,
    LimitedEvents,
    TierLevels,
    UsageTotal,
    add_up,
)
from subscriptions.models import Meter
from subscriptions.queries import UsageSpan
from tiktoktoe.kernel.periods import Period, local_date, local_midnight

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTerms:
    """The terms of a price that looks at each event: limits, and what is included."""

    percentage: Decimal
    fee: Decimal
    included_units: Decimal
    included_events: int
    minimum: Decimal | None
    maximum: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TierBounds:
    """The tiers that the days of a level are laid into, and what of it is not charged."""

    bounds: tuple[Decimal | None, ...]
    included: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class LateArrival:
    """An event that came when its time had been billed, and the instant it would have counted."""

    source_id: int
    event_id: str
    occurred_at: datetime
    counted_at: datetime
    counted_on: date

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "source_id": self.source_id,
            "event_id": self.event_id,
            "occurred_at": self.occurred_at.isoformat(),
            "counted_at": self.counted_at.isoformat(),
            "counted_on": self.counted_on.isoformat(),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Late:
    """What came late for what has ended, to be counted as if it had been there in time.

    `over_at` is the end of what was billed, `billed_at` when that was; None: nothing of it is
    charged, so that only what came late counts.
    """

    over_at: datetime
    over_day: date
    billed_at: datetime | None
    arrivals: tuple[LateArrival, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What is to be measured: a span of a meter, in the way of a price.

    `since` and `until` are the span's local midnights; `whole` is the billing period, the
    denominator of what is prorated or weighted.
    """

    span: UsageSpan
    meter: Meter
    since: datetime
    until: datetime
    whole: timedelta
    whole_days: int
    is_prorated: bool = False
    rounds_up_to: int | None = None  # places of what is prorated
    has_amounts: bool = False
    late: Late | None = None

    @property
    def aggregation(self) -> Aggregation:
        """How its meter counts."""
        return Aggregation(self.meter.aggregation)


@dataclass(frozen=True, slots=True)
class DayTotals:
    """The roll-ups of one value of a meter's dimensions, in a span and, of a level, before it."""

    key: str  # the dimensions as PostgreSQL writes them
    dimensions: Mapping[str, str]
    total: UsageTotal
    before: Decimal
    day_sum: Decimal  # quantity times the days that it stood in the span


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Some of the events of a measure, by their dimensions; all of them if the meter has none."""

    measure: Measure
    groups: tuple[DayTotals, ...]
    events: EventTerms | None = None
    tiers: TierBounds | None = None

    @property
    def total(self) -> UsageTotal:
        """What its days add up to."""
        return add_up(group.total for group in self.groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a part comes to."""

    quantity: Decimal
    event_count: int
    event_amount: Decimal = ZERO
    limited: LimitedEvents | None = None
    tiered: TierLevels | None = None


def measure_of(
    *,
    customer_id: int,
    meter: Meter,
    stretch: Period,
    whole: Period,
    time_zone: str,
    is_prorated: bool,
    rounds_up_to: int | None = None,
    has_amounts: bool = False,
    has_last_day: bool = False,
    late: Late | None = None,
) -> Measure:
    """What is to be measured of a meter in a stretch of a billing period: whole local days.

    A day that is cut by the end goes on on other terms, and belongs to those, unless nothing
    comes after it (`has_last_day`).
    """
    first, after = local_date(stretch.start, time_zone), local_date(stretch.end, time_zone)
    if has_last_day and local_midnight(after, time_zone) != stretch.end:
        after += timedelta(days=1)
    return Measure(
        span=UsageSpan(customer_id, meter.pk, first, after),
        meter=meter,
        since=local_midnight(first, time_zone),
        until=local_midnight(after, time_zone),
        whole=whole.end - whole.start,
        whole_days=max(whole.days(time_zone), 1),
        is_prorated=is_prorated,
        rounds_up_to=rounds_up_to,
        has_amounts=has_amounts,
        late=late,
    )


def share_of(measure: Measure, before: Decimal, stood: Decimal) -> Fraction:
    """A level by the seconds that it stood, over the whole period's."""
    second = timedelta(seconds=1)
    length = Fraction((measure.until - measure.since) // second)
    return (Fraction(before) * length + Fraction(stood)) / Fraction(measure.whole // second)

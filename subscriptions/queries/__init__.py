"""Reads over usage: quantities of many periods at once, days, and the events behind them.

And what a customer may use: entitlements, with what it has used so far.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from django.db import connection

from subscriptions.domain.entitlements import FeatureKind, Grant, Override, Terms, resolve
from subscriptions.domain.lifecycle import BILLED_STATES
from subscriptions.domain.metering import Aggregation, UsageTotal
from subscriptions.models import Customer, UsageEvent
from tiktoktoe.kernel.periods import (
    BillingPeriods,
    Interval,
    IntervalUnit,
    Period,
    local_date,
)


@dataclass(frozen=True, slots=True)
class UsageSpan:
    """A customer's usage of a meter from one local day up to, not including, another."""

    customer_id: int
    meter_id: int
    from_day: date
    to_day: date


@dataclass(frozen=True, slots=True)
class DayOfUsage:
    """What one local day adds up to."""

    day: date
    total: UsageTotal


@dataclass(frozen=True, slots=True)
class CustomerUsage:
    """What one customer's usage of a meter adds up to."""

    customer: Customer
    total: UsageTotal


TOTALS = """
SELECT wanted.position,
       coalesce(sum(part.event_count), 0),
       coalesce(sum(part.quantity_sum), 0),
       max(part.quantity_max)
FROM unnest(%(customers)s::bigint[], %(meters)s::bigint[], %(starts)s::date[], %(ends)s::date[])
     WITH ORDINALITY AS wanted(customer_id, meter_id, from_day, to_day, position)
LEFT JOIN LATERAL (
    SELECT event_count, quantity_sum, quantity_max FROM subscriptions_usageday d
    WHERE d.customer_id = wanted.customer_id AND d.meter_id = wanted.meter_id
      AND d.day >= wanted.from_day AND d.day < wanted.to_day
    UNION ALL
    SELECT event_count, quantity_sum, quantity_max FROM subscriptions_usagedelta d
    WHERE d.customer_id = wanted.customer_id AND d.meter_id = wanted.meter_id
      AND d.day >= wanted.from_day AND d.day < wanted.to_day
) AS part ON true
GROUP BY wanted.position ORDER BY wanted.position
"""

DAYS = """
SELECT day, sum(event_count), sum(quantity_sum), max(quantity_max) FROM (
    SELECT day, dimensions, event_count, quantity_sum, quantity_max FROM subscriptions_usageday
    WHERE customer_id = %(customer)s AND meter_id = %(meter)s AND day >= %(start)s AND day < %(end)s
    UNION ALL
    SELECT day, dimensions, event_count, quantity_sum, quantity_max FROM subscriptions_usagedelta
    WHERE customer_id = %(customer)s AND meter_id = %(meter)s AND day >= %(start)s AND day < %(end)s
) AS part
WHERE %(dimensions)s::text[] IS NULL OR dimensions::text = ANY(%(dimensions)s)
GROUP BY day ORDER BY day
"""

# Of all customers: {by} is day or customer_id, {order} how they are ranked.
OF_METER = """
SELECT {by}, sum(event_count), sum(quantity_sum), max(quantity_max) FROM (
    SELECT {by}, event_count, quantity_sum, quantity_max FROM subscriptions_usageday
    WHERE meter_id = %(meter)s AND day >= %(start)s AND day < %(end)s
    UNION ALL
    SELECT {by}, event_count, quantity_sum, quantity_max FROM subscriptions_usagedelta
    WHERE meter_id = %(meter)s AND day >= %(start)s AND day < %(end)s
) AS part GROUP BY {by} ORDER BY {order} LIMIT %(limit)s
"""


def usage_totals(spans: Sequence[UsageSpan]) -> list[UsageTotal]:
    """What each span adds up to, in their order; one query, exact at this instant."""
    if not spans:
        return []
    parameters: dict[str, list[int] | list[date]] = {
        "customers": [span.customer_id for span in spans],
        "meters": [span.meter_id for span in spans],
        "starts": [span.from_day for span in spans],
        "ends": [span.to_day for span in spans],
    }
    with connection.cursor() as cursor:
        cursor.execute(TOTALS, parameters)
        return [_total(row[1:]) for row in cursor.fetchall()]


def usage_days(span: UsageSpan, *, dimensions: Sequence[str] | None = None) -> list[DayOfUsage]:
    """The days of a span that have usage, in order; of some values of its dimensions, if given."""
    parameters: dict[str, int | date | list[str] | None] = {
        "dimensions": None if dimensions is None else list(dimensions),
        "customer": span.customer_id,
        "meter": span.meter_id,
        "start": span.from_day,
        "end": span.to_day,
    }
    with connection.cursor() as cursor:
        cursor.execute(DAYS, parameters)
        return [DayOfUsage(row[0], _total(row[1:])) for row in cursor.fetchall()]


def meter_days(*, meter_id: int, from_day: date, to_day: date) -> list[DayOfUsage]:
    """The days on which any customer used a meter, in order; each customer's own local days."""
    rows = _of_meter(meter_id, from_day, to_day, by="day", order="day", limit=None)
    return [DayOfUsage(day, total) for day, total in rows if isinstance(day, date)]


def heaviest_users(
    *, meter_id: int, from_day: date, to_day: date, limit: int
) -> list[CustomerUsage]:
    """The customers who used most of a meter, most first."""
    order = "sum(quantity_sum) DESC, customer_id"
    rows = _of_meter(meter_id, from_day, to_day, by="customer_id", order=order, limit=limit)
    customers = Customer.objects.in_bulk([key for key, _ in rows])
    return [CustomerUsage(customers[key], total) for key, total in rows if isinstance(key, int)]


def _of_meter(
    meter_id: int, from_day: date, to_day: date, *, by: str, order: str, limit: int | None
) -> list[tuple[object, UsageTotal]]:
    parameters: dict[str, int | date | None] = {
        "meter": meter_id,
        "start": from_day,
        "end": to_day,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(OF_METER.format(by=by, order=order), parameters)
        return [(row[0], _total(row[1:])) for row in cursor.fetchall()]


def usage_events(
    span: UsageSpan, *, after: tuple[datetime, str] | None = None, limit: int = 100
) -> list[UsageEvent]:
    """The events behind a span, in order of time; `after` is where the page before ended."""
    rows = UsageEvent.objects.filter(
        customer_id=span.customer_id,
        meter_id=span.meter_id,
        counted_on__gte=span.from_day,
        counted_on__lt=span.to_day,
    ).order_by("occurred_at", "event_id")
    if after is not None:
        at, event_id = after
        rows = rows.filter(occurred_at__gte=at).exclude(occurred_at=at, event_id__lte=event_id)
    return list(rows[:limit])


def _total(row: Sequence[object]) -> UsageTotal:
    event_count, quantity_sum, quantity_max = row
    assert isinstance(event_count, int | Decimal)
    assert isinstance(quantity_sum, Decimal)
    assert quantity_max is None or isinstance(quantity_max, Decimal)
    return UsageTotal(int(event_count), quantity_sum, quantity_max)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    """What a customer may use of a feature, and for a metered one how much it has."""

    code: str
    name: str
    kind: FeatureKind
    unit: str
    terms: Terms
    period: Period | None = None
    used: Decimal | None = None

    @property
    def is_allowed(self) -> bool:
        """Whether the customer may use more of it now."""
        return self.terms.is_allowed(self.used)

    @property
    def left(self) -> Decimal | None:
        """What is left of its limit."""
        return self.terms.left(self.used)


# One row for each subscription that brings the feature, or one without.
ENTITLED = """
SELECT f.code, f.name, f.kind, coalesce(m.unit, f.unit), f.meter_id, m.aggregation,
       c.id, c.time_zone, o.id, o.is_granted, o.limit_units, o.ends_at,
       held.id, held.limit_units, held.is_per_unit, held.quantity,
       held.anchor_on, held.time_zone, held.interval, held.interval_count
FROM subscriptions_customer c CROSS JOIN subscriptions_feature f
LEFT JOIN subscriptions_meter m ON m.id = f.meter_id
LEFT JOIN subscriptions_featureoverride o
       ON o.customer_id = c.id AND o.feature_id = f.id
      AND o.starts_at <= %(at)s AND (o.ends_at IS NULL OR o.ends_at > %(at)s)
LEFT JOIN (
    SELECT s.customer_id, s.id, g.feature_id, g.limit_units, g.is_per_unit, s.quantity,
           s.anchor_on, s.time_zone, p.interval, p.interval_count
    FROM subscriptions_subscription s
    JOIN subscriptions_featuregrant g ON g.plan_version_id = s.plan_version_id
    JOIN subscriptions_planversion v ON v.id = s.plan_version_id
    JOIN subscriptions_plan p ON p.id = v.plan_id
    WHERE s.state = ANY(%(states)s) AND (s.ended_at IS NULL OR s.ended_at > %(at)s)
) held ON held.customer_id = c.id AND held.feature_id = f.id
WHERE c.id = %(customer)s AND (%(feature)s::text IS NULL OR f.code = %(feature)s)
ORDER BY f.name, f.code, held.id
"""


def entitlements(
    customer_id: int, *, at: datetime, feature: str | None = None
) -> list[Entitlement]:
    """What a customer may use at an instant: of one feature, or of all; two queries at most.

    Usage is counted in the billing period of the first subscription that brings the feature,
    or without one in the customer's calendar month.
    """
    parameters: dict[str, int | str | datetime | list[str] | None] = {
        "customer": customer_id,
        "feature": feature,
        "at": at,
        "states": [state.value for state in sorted(BILLED_STATES)],
    }
    with connection.cursor() as cursor:
        cursor.execute(ENTITLED, parameters)
        rows = [_EntitledRow(*row) for row in cursor.fetchall()]
    groups = [list(group) for _, group in groupby(rows, key=lambda row: row.code)]
    metered = [group[0] for group in groups if group[0].meter_id is not None]
    used = dict(
        zip(
            (row.code for row in metered),
            usage_totals([row.span(at) for row in metered]),
            strict=True,
        )
    )
    return [_entitlement(group, used.get(group[0].code), at) for group in groups]


class _EntitledRow(NamedTuple):
    """A row of ENTITLED."""

    code: str
    name: str
    kind: str
    unit: str
    meter_id: int | None
    aggregation: str
    customer_id: int
    customer_zone: str
    override_id: int | None
    is_granted: bool
    override_limit: Decimal | None
    override_ends_at: datetime | None
    subscription_id: int | None
    limit: Decimal | None
    is_per_unit: bool
    quantity: int
    anchor_on: date
    time_zone: str
    interval: str
    interval_count: int

    def period(self, at: datetime) -> Period:
        """The period in which usage is counted."""
        if self.subscription_id is None:
            today = local_date(at, self.customer_zone)
            month = Interval(IntervalUnit.MONTH, 1)
            return BillingPeriods(today.replace(day=1), self.customer_zone, month).period(0)
        interval = Interval(IntervalUnit(self.interval), self.interval_count)
        return BillingPeriods(self.anchor_on, self.time_zone, interval).period_at(at)

    def span(self, at: datetime) -> UsageSpan:
        """The local days of that period."""
        assert self.meter_id is not None
        period = self.period(at)
        zone = self.customer_zone if self.subscription_id is None else self.time_zone
        return UsageSpan(
            self.customer_id,
            self.meter_id,
            local_date(period.start, zone),
            local_date(period.end, zone),
        )


def _entitlement(rows: list[_EntitledRow], used: UsageTotal | None, at: datetime) -> Entitlement:
    first = rows[0]
    override = None
    if first.override_id is not None:
        override = Override(
            is_granted=first.is_granted,
            limit=first.override_limit,
            until=first.override_ends_at,
        )
    grants = [
        Grant(limit=row.limit, is_per_unit=row.is_per_unit, quantity=row.quantity)
        for row in rows
        if row.subscription_id is not None
    ]
    return Entitlement(
        code=first.code,
        name=first.name,
        kind=FeatureKind(first.kind),
        unit=first.unit,
        terms=resolve(grants, override),
        period=first.period(at) if used is not None else None,
        used=used.quantity(Aggregation(first.aggregation)) if used is not None else None,
    )

"""Reads over usage: quantities of many periods at once, days, and the events behind them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import connection
from django.db.models import F, Func, JSONField, Subquery, TextField
from django.db.models.functions import Cast

from subscriptions.domain.metering import UsageTotal
from subscriptions.models import Customer, EventSource, Meter, UsageEvent


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
    span: UsageSpan,
    *,
    after: tuple[datetime, str] | None = None,
    limit: int = 100,
    dimensions: Sequence[str] | None = None,
) -> list[UsageEvent]:
    """The events behind a span, in order of time; `after` is where the page before ended.

    Of some values of its meter's dimensions, if given, as `usage_days`.
    """
    rows = UsageEvent.objects.filter(
        customer_id=span.customer_id,
        meter_id=span.meter_id,
        counted_on__gte=span.from_day,
        counted_on__lt=span.to_day,
    ).order_by("occurred_at", "event_id")
    if dimensions is not None:
        rows = rows.alias(dimensions=_dimensions(span.meter_id)).filter(dimensions__in=dimensions)
    if after is not None:
        at, event_id = after
        rows = rows.filter(occurred_at__gte=at).exclude(occurred_at=at, event_id__lte=event_id)
    return list(rows[:limit])


def _dimensions(meter_id: int) -> Cast:
    """An event's values of its meter's dimensions, as PostgreSQL writes them."""
    names = Subquery(Meter.objects.filter(pk=meter_id).values("dimensions"))
    values = Func(
        F("properties"), names, function="subscriptions_dimensions", output_field=JSONField()
    )
    return Cast(values, TextField())


def _total(row: Sequence[object]) -> UsageTotal:
    event_count, quantity_sum, quantity_max = row
    assert isinstance(event_count, int | Decimal)
    assert isinstance(quantity_sum, Decimal)
    assert quantity_max is None or isinstance(quantity_max, Decimal)
    return UsageTotal(int(event_count), quantity_sum, quantity_max)


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page of events, each with its source's name; `after` is where the next one starts."""

    events: list[tuple[UsageEvent, str]]
    after: str


def event_page(
    span: UsageSpan,
    *,
    after: tuple[datetime, str] | None,
    limit: int,
    dimensions: Sequence[str] | None = None,
) -> EventPage:
    """The events that count in a span, in the order they happened, from a place on."""
    found = usage_events(span, after=after, limit=limit + 1, dimensions=dimensions)
    shown = found[:limit]
    sources = dict(EventSource.objects.values_list("pk", "name"))
    last = shown[-1] if len(found) > limit else None
    return EventPage(
        events=[(event, sources.get(event.source_id, "")) for event in shown],
        after=f"{last.occurred_at.isoformat()} {last.event_id}" if last else "",
    )

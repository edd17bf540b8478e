"""Quantities of many customers, meters and spans at once, by whatever way a meter counts.

What can be had from the daily roll-ups is had from them, in one query. Only what depends on
single events (unique, latest, weighted by time, amounts and limits of events) reads events,
in one query for each such way; never one per customer.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from subscriptions.domain.metering import (
    Aggregation,
    LimitedEvents,
    QuantityRounding,
    TierLevels,
    UsageTotal,
    add_up,
    levels_in_tiers,
    rounded_quantity,
)
from subscriptions.models import Meter
from subscriptions.queries import UsageSpan
from tiktoktoe.kernel.periods import Period, local_date, local_midnight
from tiktoktoe.kernel.rates import exact_sum

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


@dataclass(slots=True)
class _Found:
    """What the events of a part gave, by what was asked of them."""

    quantity: Fraction | Decimal | None = None
    event_amount: Decimal = ZERO
    limited: LimitedEvents | None = None
    changes: list[tuple[date, Decimal]] = field(default_factory=list)


ROLL_UPS = """
SELECT wanted.position, part.dimensions::text,
       coalesce(sum(part.event_count) FILTER (WHERE part.day >= wanted.from_day), 0),
       coalesce(sum(part.quantity_sum) FILTER (WHERE part.day >= wanted.from_day), 0),
       max(part.quantity_max) FILTER (WHERE part.day >= wanted.from_day),
       coalesce(sum(part.quantity_sum) FILTER (WHERE part.day < wanted.from_day), 0),
       sum(part.quantity_sum * (wanted.to_day - greatest(part.day, wanted.from_day)))
FROM unnest(%(customers)s::bigint[], %(meters)s::bigint[], %(starts)s::date[], %(ends)s::date[],
            %(levels)s::boolean[])
     WITH ORDINALITY AS wanted(customer_id, meter_id, from_day, to_day, is_level, position)
CROSS JOIN LATERAL (
    SELECT day, dimensions, event_count, quantity_sum, quantity_max FROM subscriptions_usageday d
    WHERE d.customer_id = wanted.customer_id AND d.meter_id = wanted.meter_id
      AND d.day >= CASE WHEN is_level THEN '-infinity' ELSE from_day END AND d.day < wanted.to_day
    UNION ALL
    SELECT day, dimensions, event_count, quantity_sum, quantity_max FROM subscriptions_usagedelta d
    WHERE d.customer_id = wanted.customer_id AND d.meter_id = wanted.meter_id
      AND d.day >= CASE WHEN is_level THEN '-infinity' ELSE from_day END AND d.day < wanted.to_day
) AS part
GROUP BY wanted.position, part.dimensions ORDER BY wanted.position, part.dimensions
"""

# By how much a level that is a sum changes on which days; what was before comes with the first.
LEVELS = """
SELECT wanted.position, greatest(part.day, wanted.from_day) AS day, sum(part.quantity_sum)
FROM unnest(%(customers)s::bigint[], %(meters)s::bigint[], %(starts)s::date[], %(ends)s::date[],
            %(keys)s::jsonb[])
     WITH ORDINALITY AS wanted(customer_id, meter_id, from_day, to_day, keys, position)
CROSS JOIN LATERAL (
    SELECT day, dimensions, quantity_sum FROM subscriptions_usageday d
    WHERE d.customer_id = wanted.customer_id AND d.meter_id = wanted.meter_id
      AND d.day < wanted.to_day
    UNION ALL
    SELECT day, dimensions, quantity_sum FROM subscriptions_usagedelta d
    WHERE d.customer_id = wanted.customer_id AND d.meter_id = wanted.meter_id
      AND d.day < wanted.to_day
) AS part
WHERE wanted.keys IS NULL OR wanted.keys ? part.dimensions::text
GROUP BY 1, 2 ORDER BY 1, 2
"""

# The events of each wanted part; {columns} are those that the question needs.
EVENTS = """
FROM unnest(%(customers)s::bigint[], %(meters)s::bigint[], %(starts)s::date[], %(ends)s::date[],
            %(levels)s::boolean[], %(untils)s::timestamptz[], %(keys)s::jsonb[])
     WITH ORDINALITY AS wanted(customer_id, meter_id, from_day, to_day, is_level, until, keys,
                               position)
JOIN subscriptions_meter meter ON meter.id = wanted.meter_id
CROSS JOIN LATERAL (
    SELECT e.* FROM subscriptions_usageevent e
    WHERE e.customer_id = wanted.customer_id AND e.meter_id = wanted.meter_id
      AND e.counted_on >= CASE WHEN is_level THEN '-infinity' ELSE from_day END
      AND e.counted_on < wanted.to_day
      AND (wanted.keys IS NULL
           OR wanted.keys ? subscriptions_dimensions(e.properties, meter.dimensions)::text)
) AS event
"""
UNIQUE = f"""
SELECT position, count(DISTINCT event.properties ->> meter.unique_property)
{EVENTS} GROUP BY position
"""

# A value is held from the day of an event of more than nothing to that of one of nothing,
# both included; {days} of each value are added up, a day once.
HELD = f"""
WITH move AS (
    SELECT position, from_day, to_day, event.properties ->> meter.unique_property AS value,
           event.quantity, event.counted_on,
           lead(event.counted_on) OVER later AS next_on, lead(event.quantity) OVER later AS next
    {EVENTS}
    WINDOW later AS (PARTITION BY position, event.properties ->> meter.unique_property
                     ORDER BY event.counted_at, event.event_id)
), held AS (
    SELECT position, value, bool_or(next_on IS NULL) AS at_end,
           range_agg(daterange(counted_on, CASE WHEN next_on IS NULL THEN to_day
                                                WHEN next > 0 THEN next_on ELSE next_on + 1 END))
             * datemultirange(daterange(from_day, to_day)) AS days
    FROM move WHERE quantity > 0 GROUP BY position, value, from_day, to_day
)
SELECT position, count(*) FILTER (WHERE at_end),
       sum((SELECT coalesce(sum(upper(part) - lower(part)), 0) FROM unnest(days) AS part))
FROM held GROUP BY position
"""  # noqa: S608 - put together from constants
LATEST = f"""
SELECT DISTINCT ON (position) position, event.quantity
{EVENTS} ORDER BY position, event.counted_at DESC, event.event_id DESC
"""
STOOD = f"""
SELECT position, sum(event.quantity * extract(epoch FROM wanted.until - event.counted_at))
{EVENTS} WHERE event.counted_on >= wanted.from_day GROUP BY position
"""  # noqa: S608 - put together from constants
AMOUNTS = f"""
SELECT position, sum((event.properties ->> meter.amount_property)::numeric)
{EVENTS} GROUP BY position
"""

# The same as `billing.domain.rating.limit_events`, for many.
LIMITED = f"""
WITH numbered AS (
    SELECT position, event.quantity, terms.*,
           sum(event.quantity) OVER earlier - event.quantity AS used,
           row_number() OVER earlier AS number
    {EVENTS}
    JOIN unnest(%(rates)s::numeric[], %(fees)s::numeric[], %(units)s::numeric[],
                %(events)s::int[], %(minima)s::numeric[], %(maxima)s::numeric[])
         WITH ORDINALITY AS terms(rate, fee, units, events, minimum, maximum, place)
      ON terms.place = wanted.position
    WINDOW earlier AS (PARTITION BY position ORDER BY event.counted_at, event.event_id
                       ROWS UNBOUNDED PRECEDING)
), charged AS (
    SELECT *, CASE WHEN events > 0 AND number > events THEN quantity
                   WHEN units = 0 AND events > 0 THEN NULL
                   WHEN units > 0 AND quantity <= units - used THEN NULL
                   ELSE quantity - greatest(units - used, 0) END AS paid
    FROM numbered
), priced AS (
    SELECT *, paid * rate * 0.01 + fee AS amount FROM charged
), judged AS (
    SELECT *, amount < minimum IS TRUE AS is_low,
           amount > maximum AND NOT (amount < minimum IS TRUE) IS TRUE AS is_high
    FROM priced
)
SELECT position, coalesce(sum(paid) FILTER (WHERE NOT is_low AND is_high IS NOT TRUE), 0),
       count(paid) FILTER (WHERE NOT is_low AND is_high IS NOT TRUE),
       count(*) FILTER (WHERE is_low), count(*) FILTER (WHERE is_high),
       sum(quantity - coalesce(paid, 0))
FROM judged GROUP BY position
"""  # noqa: S608 - put together from constants


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
    )


def roll_ups(measures: Sequence[Measure]) -> list[tuple[DayTotals, ...]]:
    """The days of each measure added up, by the values of its meter's dimensions; one query."""
    found: dict[int, list[DayTotals]] = defaultdict(list)
    if measures:
        parameters: dict[str, Any] = {
            **_spans([measure.span for measure in measures]),
            "levels": [measure.meter.is_carried_over for measure in measures],
        }
        for position, key, count, quantity, most, before, day_sum in _rows(ROLL_UPS, parameters):
            total = UsageTotal(int(count), quantity, most)
            found[position].append(DayTotals(key, json.loads(key), total, before, day_sum))
    return [tuple(found[position]) for position in range(1, len(measures) + 1)]


def measure_parts(parts: Sequence[Part]) -> list[Measured]:
    """What each part comes to, in their order; a fixed number of queries, exact right now."""
    found = [_Found() for _ in parts]
    for wanted, ask in _QUESTIONS:
        chosen = [(part, place) for part, place in zip(parts, found, strict=True) if wanted(part)]
        if chosen:
            ask(chosen)
    return [_measured(part, place) for part, place in zip(parts, found, strict=True)]


def _measured(part: Part, found: _Found) -> Measured:
    meter = part.measure.meter
    total = part.total
    exact = found.quantity if found.quantity is not None else _from_days(part, total)
    places = part.measure.rounds_up_to
    if part.measure.is_prorated and places is not None:
        exact = rounded_quantity(exact, QuantityRounding.UP, places)
    quantity = rounded_quantity(exact, QuantityRounding(meter.rounding), meter.rounding_places)
    return Measured(
        quantity=max(quantity, ZERO),  # a level below nothing costs nothing
        event_count=total.event_count,
        event_amount=found.event_amount,
        limited=found.limited,
        tiered=_tiered(part, found),
    )


def _tiered(part: Part, found: _Found) -> TierLevels | None:
    if part.tiers is None:
        return None
    return levels_in_tiers(
        found.changes,
        until=part.measure.span.to_day,
        whole_days=part.measure.whole_days,
        bounds=part.tiers.bounds,
        included=part.tiers.included,
    )


def _from_days(part: Part, total: UsageTotal) -> Fraction | Decimal:
    """A quantity that needs no single event."""
    measure = part.measure
    if measure.aggregation in {Aggregation.UNIQUE, Aggregation.LATEST}:
        return ZERO  # there was no event
    if not measure.meter.is_carried_over and measure.aggregation != Aggregation.WEIGHTED:
        return total.quantity(measure.aggregation)
    before = exact_sum(group.before for group in part.groups)
    if measure.aggregation == Aggregation.WEIGHTED:
        return _share_of(measure, before, ZERO)
    if measure.is_prorated:
        return Fraction(exact_sum(g.day_sum for g in part.groups)) / measure.whole_days
    return exact_sum((before, total.quantity_sum))


def _share_of(measure: Measure, before: Decimal, stood: Decimal) -> Fraction:
    """A level by the seconds that it stood, over the whole period's."""
    second = timedelta(seconds=1)
    length = Fraction((measure.until - measure.since) // second)
    return (Fraction(before) * length + Fraction(stood)) / Fraction(measure.whole // second)


Chosen = Sequence[tuple[Part, _Found]]


def _ask_unique(chosen: Chosen) -> None:
    for (_, found), row in _answers(UNIQUE, chosen):
        found.quantity = Decimal(row[0])


def _ask_held(chosen: Chosen) -> None:
    for (part, found), (count, days) in _answers(HELD, chosen):
        measure = part.measure
        is_share = measure.is_prorated
        found.quantity = Fraction(days) / measure.whole_days if is_share else Decimal(count)


def _ask_latest(chosen: Chosen) -> None:
    for (_, found), row in _answers(LATEST, chosen):
        found.quantity = row[0]


def _ask_stood(chosen: Chosen) -> None:
    for (part, found), row in _answers(STOOD, chosen):
        before = exact_sum(group.before for group in part.groups)
        found.quantity = _share_of(part.measure, before, row[0])


def _ask_amounts(chosen: Chosen) -> None:
    for (_, found), row in _answers(AMOUNTS, chosen):
        found.event_amount = row[0] if row[0] is not None else ZERO


def _ask_limited(chosen: Chosen) -> None:
    terms = [part.events for part, _ in chosen if part.events is not None]
    for _, found in chosen:
        found.limited = LimitedEvents(units=ZERO, fees=0, at_minimum=0, at_maximum=0)
    more = {
        "rates": [term.percentage for term in terms],
        "fees": [term.fee for term in terms],
        "units": [term.included_units for term in terms],
        "events": [term.included_events for term in terms],
        "minima": [term.minimum for term in terms],
        "maxima": [term.maximum for term in terms],
    }
    for (_, found), (units, fees, low, high, included) in _answers(LIMITED, chosen, more):
        found.limited = LimitedEvents(
            units=units, fees=int(fees), at_minimum=low, at_maximum=high, included=included
        )


def _ask_levels(chosen: Chosen) -> None:
    for (_, found), (day, change) in _answers(LEVELS, chosen):
        found.changes.append((day, change))


def _is(aggregation: Aggregation, *, held: bool | None = None) -> Callable[[Part], bool]:
    """Whether a part's meter counts like this, and has had any event."""

    def wanted(part: Part) -> bool:
        is_level = part.measure.meter.is_carried_over
        fits = held is None or is_level == held
        return part.measure.aggregation == aggregation and fits and bool(part.groups)

    return wanted


_QUESTIONS: Sequence[tuple[Callable[[Part], bool], Callable[[Chosen], None]]] = (
    (_is(Aggregation.UNIQUE, held=False), _ask_unique),
    (_is(Aggregation.UNIQUE, held=True), _ask_held),
    (_is(Aggregation.LATEST), _ask_latest),
    (_is(Aggregation.WEIGHTED), _ask_stood),
    (lambda part: part.measure.has_amounts and bool(part.groups), _ask_amounts),
    (lambda part: part.events is not None, _ask_limited),
    (lambda part: part.tiers is not None, _ask_levels),
)


def _answers(
    statement: str, chosen: Chosen, more: Mapping[str, Any] | None = None
) -> Iterable[tuple[tuple[Part, _Found], tuple[Any, ...]]]:
    """The rows of a question, each beside the part that it answers."""
    measures = [part.measure for part, _ in chosen]
    parameters: dict[str, Any] = {
        **_spans([measure.span for measure in measures]),
        "levels": [
            m.meter.is_carried_over and m.aggregation != Aggregation.WEIGHTED for m in measures
        ],
        "untils": [measure.until for measure in measures],
        "keys": [_keys(part) for part, _ in chosen],
        **(more or {}),
    }
    for position, *row in _rows(statement, parameters):
        yield chosen[position - 1], tuple(row)


def _keys(part: Part) -> Jsonb | None:
    """The dimensions that a part is of, as PostgreSQL writes them; None is all there are."""
    if not part.measure.meter.dimensions:
        return None
    return Jsonb([group.key for group in part.groups])


def _spans(spans: Sequence[UsageSpan]) -> dict[str, list[int] | list[date]]:
    return {
        "customers": [span.customer_id for span in spans],
        "meters": [span.meter_id for span in spans],
        "starts": [span.from_day for span in spans],
        "ends": [span.to_day for span in spans],
    }


def _rows(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows

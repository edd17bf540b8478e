"""Quantities of many customers, meters and spans at once, by whatever way a meter counts.

What can be had from the daily roll-ups is had from them, in one query. Only what depends on
single events (unique, latest, weighted by time, amounts and limits of events) reads events,
in one query for each such way; never one per customer.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar

from django.db import connection
from psycopg.types.json import Jsonb

from subscriptions.domain.metering import (
    Aggregation,
    LimitedEvents,
    QuantityRounding,
    TierLevels,
    UsageTotal,
    add_up,
    changes_of_levels,
    levels_in_tiers,
    rounded_quantity,
    weighted_by_days,
)
from subscriptions.models import Meter
from subscriptions.queries import UsageSpan
from subscriptions.queries.quantity_statements import (
    AMOUNTS,
    HELD,
    HELD_LEVELS,
    LATEST,
    LATEST_LEVELS,
    LEVELS,
    LIMITED,
    ROLL_UPS,
    STOOD,
    UNIQUE,
    with_late,
)
from tiktoktoe.kernel.periods import Period, local_date, local_midnight
from tiktoktoe.kernel.rates import exact_sum

ZERO = Decimal(0)
P = TypeVar("P")


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


@dataclass(slots=True)
class _Found:
    """What the events of a part gave, by what was asked of them."""

    quantity: Fraction | Decimal | None = None
    event_amount: Decimal = ZERO
    limited: LimitedEvents | None = None
    changes: list[tuple[date, Decimal]] = field(default_factory=list)


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


def roll_ups(measures: Sequence[Measure]) -> list[tuple[DayTotals, ...]]:
    """The days of each measure added up, by the values of its meter's dimensions; one query.

    One more where something came late.
    """
    found: list[list[DayTotals]] = [[] for _ in measures]
    parts = [(Part(measure=measure, groups=()), place) for place, measure in enumerate(measures)]
    levels = [measure.meter.is_carried_over for measure in measures]
    for place, row in _answers(ROLL_UPS, parts, levels=levels):
        key, count, quantity, most, before, day_sum = row
        total = UsageTotal(int(count), quantity, most)
        found[place].append(DayTotals(key, json.loads(key), total, before, day_sum))
    return [tuple(groups) for groups in found]


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
    for found, row in _answers(UNIQUE, chosen):
        found.quantity = Decimal(row[0])


def _ask_held(chosen: Chosen) -> None:
    measures = {id(found): part.measure for part, found in chosen}
    for found, (count, days) in _answers(HELD, chosen):
        measure = measures[id(found)]
        is_share = measure.is_prorated
        found.quantity = Fraction(days) / measure.whole_days if is_share else Decimal(count)


def _ask_latest(chosen: Chosen) -> None:
    for found, row in _answers(LATEST, chosen):
        found.quantity = row[0]


def _ask_latest_levels(chosen: Chosen) -> None:
    """Of a latest that is prorated: what it was on each day."""
    parts = {id(found): part for part, found in chosen}
    said: dict[int, list[tuple[date, Decimal]]] = {key: [] for key in parts}
    for found, (day, level) in _answers(LATEST_LEVELS, chosen):
        said[id(found)].append((day, level))
    for _, found in chosen:
        measure = parts[id(found)].measure
        found.changes = changes_of_levels(said[id(found)])
        found.quantity = weighted_by_days(
            found.changes,
            from_day=measure.span.from_day,
            to_day=measure.span.to_day,
            whole_days=measure.whole_days,
        )


def _ask_stood(chosen: Chosen) -> None:
    parts = {id(found): part for part, found in chosen}
    for found, row in _answers(STOOD, chosen):
        part = parts[id(found)]
        before = exact_sum(group.before for group in part.groups)
        found.quantity = _share_of(part.measure, before, row[0])


def _ask_amounts(chosen: Chosen) -> None:
    for found, row in _answers(AMOUNTS, chosen):
        found.event_amount = row[0] if row[0] is not None else ZERO


def _ask_limited(chosen: Chosen) -> None:
    terms = [part.events for part, _ in chosen if part.events is not None]
    for _, found in chosen:
        found.limited = LimitedEvents(units=ZERO, fees=0, at_minimum=0, at_maximum=0)
    more: dict[str, Sequence[Any]] = {
        "rates": [term.percentage for term in terms],
        "fees": [term.fee for term in terms],
        "units": [term.included_units for term in terms],
        "events": [term.included_events for term in terms],
        "minima": [term.minimum for term in terms],
        "maxima": [term.maximum for term in terms],
    }
    for found, (units, fees, low, high, included) in _answers(LIMITED, chosen, more):
        found.limited = LimitedEvents(
            units=units, fees=int(fees), at_minimum=low, at_maximum=high, included=included
        )


def _ask_levels(chosen: Chosen) -> None:
    for found, (day, change) in _answers(LEVELS, chosen):
        found.changes.append((day, change))


def _ask_held_levels(chosen: Chosen) -> None:
    for found, (day, change) in _answers(HELD_LEVELS, chosen):
        found.changes.append((day, Decimal(change)))


def _is(
    aggregation: Aggregation,
    *,
    held: bool | None = None,
    prorated: bool | None = None,
    in_tiers: bool = False,
) -> Callable[[Part], bool]:
    """Whether a part's meter counts like this, and has had any event."""

    def wanted(part: Part) -> bool:
        measure = part.measure
        return (
            measure.aggregation == aggregation
            and held in {None, measure.meter.is_carried_over}
            and prorated in {None, measure.is_prorated}
            and (part.tiers is not None or not in_tiers)
            and bool(part.groups)
        )

    return wanted


_QUESTIONS: Sequence[tuple[Callable[[Part], bool], Callable[[Chosen], None]]] = (
    (_is(Aggregation.UNIQUE, held=False), _ask_unique),
    (_is(Aggregation.UNIQUE, held=True), _ask_held),
    (_is(Aggregation.LATEST, prorated=False), _ask_latest),
    (_is(Aggregation.LATEST, prorated=True), _ask_latest_levels),
    (_is(Aggregation.WEIGHTED), _ask_stood),
    (lambda part: part.measure.has_amounts and bool(part.groups), _ask_amounts),
    (lambda part: part.events is not None, _ask_limited),
    (_is(Aggregation.SUM, in_tiers=True), _ask_levels),
    (_is(Aggregation.UNIQUE, in_tiers=True), _ask_held_levels),
)


def _answers(
    statement: str,
    chosen: Sequence[tuple[Part, P]],
    more: Mapping[str, Sequence[Any]] | None = None,
    levels: Sequence[bool] | None = None,
) -> Iterable[tuple[P, tuple[Any, ...]]]:
    """The rows of a question, each beside the place of the part that it answers."""
    measures = [part.measure for part, _ in chosen]
    columns: dict[str, Sequence[Any]] = {
        **_spans([measure.span for measure in measures]),
        "levels": levels or [_reads_all(measure) for measure in measures],
        "untils": [measure.until for measure in measures],
        "keys": [_keys(part) for part, _ in chosen],
        **(more or {}),
    }
    on_time = [place for place, measure in enumerate(measures) if measure.late is None]
    came_late = [place for place, measure in enumerate(measures) if measure.late is not None]
    late = [measure.late for measure in measures]
    for places, words in ((on_time, statement), (came_late, with_late(statement))):
        if not places:
            continue
        parameters = {
            name: [column[place] for place in places]
            for name, column in {**columns, **_late_columns(late)}.items()
        }
        for position, *row in _rows(words, parameters):
            yield chosen[places[position - 1]][1], tuple(row)


def _reads_all(measure: Measure) -> bool:
    """Whether events before the span count too: a level that they made."""
    return measure.meter.is_carried_over and measure.aggregation != Aggregation.WEIGHTED


def _late_columns(late: Sequence[Late | None]) -> dict[str, Sequence[Any]]:
    return {
        "lates": [Jsonb([a.to_json() for a in one.arrivals]) if one else None for one in late],
        "over_ats": [one.over_at if one else None for one in late],
        "over_days": [one.over_day if one else None for one in late],
        "billed_ats": [one.billed_at if one else None for one in late],
    }


def _keys(part: Part) -> Jsonb | None:
    """The dimensions that a part is of, as PostgreSQL writes them; None is all there are."""
    if not part.measure.meter.dimensions:
        return None
    return Jsonb([group.key for group in part.groups])


def _spans(spans: Sequence[UsageSpan]) -> dict[str, Sequence[Any]]:
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

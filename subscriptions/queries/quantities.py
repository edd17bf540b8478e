"""Quantities of many customers, meters and spans at once, by whatever way a meter counts.

What can be had from the daily roll-ups is had from them, in one query. Only what depends on
single events (unique, latest, weighted by time, amounts and limits of events) reads events,
in one query for each such way; never one per customer.
"""

import json
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from subscriptions.domain.metering import (
    Aggregation,
    QuantityRounding,
    TierLevels,
    UsageTotal,
    levels_in_tiers,
    rounded_quantity,
)
from subscriptions.queries.measures import ZERO, DayTotals, Measure, Measured, Part, share_of
from subscriptions.queries.quantity_answers import answers
from subscriptions.queries.quantity_questions import QUESTIONS, Found
from subscriptions.queries.quantity_statements import ROLL_UPS
from tiktoktoe.kernel.rates import exact_sum


def roll_ups(measures: Sequence[Measure]) -> list[tuple[DayTotals, ...]]:
    """The days of each measure added up, by the values of its meter's dimensions; one query.

    One more where something came late.
    """
    found: list[list[DayTotals]] = [[] for _ in measures]
    parts = [(Part(measure=measure, groups=()), place) for place, measure in enumerate(measures)]
    levels = [measure.meter.is_carried_over for measure in measures]
    for place, row in answers(ROLL_UPS, parts, levels=levels):
        key, count, quantity, most, before, day_sum = row
        total = UsageTotal(int(count), quantity, most)
        found[place].append(DayTotals(key, json.loads(key), total, before, day_sum))
    return [tuple(groups) for groups in found]


def measure_parts(parts: Sequence[Part]) -> list[Measured]:
    """What each part comes to, in their order; a fixed number of queries, exact right now."""
    found = [Found() for _ in parts]
    for wanted, ask in QUESTIONS:
        chosen = [(part, place) for part, place in zip(parts, found, strict=True) if wanted(part)]
        if chosen:
            ask(chosen)
    return [_measured(part, place) for part, place in zip(parts, found, strict=True)]


def _measured(part: Part, found: Found) -> Measured:
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


def _tiered(part: Part, found: Found) -> TierLevels | None:
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
        return share_of(measure, before, ZERO)
    if measure.is_prorated:
        return Fraction(exact_sum(g.day_sum for g in part.groups)) / measure.whole_days
    return exact_sum((before, total.quantity_sum))

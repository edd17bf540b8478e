"""The questions that only single events answer, each asked once for all parts that it is about."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from subscriptions.domain.metering import (
    Aggregation,
    LimitedEvents,
    changes_of_levels,
    weighted_by_days,
)
from subscriptions.queries.measures import ZERO, Part, share_of
from subscriptions.queries.quantity_answers import answers
from subscriptions.queries.quantity_statements import (
    AMOUNTS,
    HELD,
    HELD_LEVELS,
    LATEST,
    LATEST_LEVELS,
    LEVELS,
    LIMITED,
    STOOD,
    UNIQUE,
)
from tiktoktoe.kernel.rates import exact_sum


@dataclass(slots=True)
class Found:
    """What the events of a part gave, by what was asked of them."""

    quantity: Fraction | Decimal | None = None
    event_amount: Decimal = ZERO
    limited: LimitedEvents | None = None
    changes: list[tuple[date, Decimal]] = field(default_factory=list)


Chosen = Sequence[tuple[Part, Found]]


def _ask_unique(chosen: Chosen) -> None:
    for found, row in answers(UNIQUE, chosen):
        found.quantity = Decimal(row[0])


def _ask_held(chosen: Chosen) -> None:
    measures = {id(found): part.measure for part, found in chosen}
    for found, (count, days) in answers(HELD, chosen):
        measure = measures[id(found)]
        is_share = measure.is_prorated
        found.quantity = Fraction(days) / measure.whole_days if is_share else Decimal(count)


def _ask_latest(chosen: Chosen) -> None:
    for found, row in answers(LATEST, chosen):
        found.quantity = row[0]


def _ask_latest_levels(chosen: Chosen) -> None:
    """Of a latest that is prorated: what it was on each day."""
    parts = {id(found): part for part, found in chosen}
    said: dict[int, list[tuple[date, Decimal]]] = {key: [] for key in parts}
    for found, (day, level) in answers(LATEST_LEVELS, chosen):
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
    for found, row in answers(STOOD, chosen):
        part = parts[id(found)]
        before = exact_sum(group.before for group in part.groups)
        found.quantity = share_of(part.measure, before, row[0])


def _ask_amounts(chosen: Chosen) -> None:
    for found, row in answers(AMOUNTS, chosen):
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
    for found, (units, fees, low, high, included) in answers(LIMITED, chosen, more):
        found.limited = LimitedEvents(
            units=units, fees=int(fees), at_minimum=low, at_maximum=high, included=included
        )


def _ask_levels(chosen: Chosen) -> None:
    for found, (day, change) in answers(LEVELS, chosen):
        found.changes.append((day, change))


def _ask_held_levels(chosen: Chosen) -> None:
    for found, (day, change) in answers(HELD_LEVELS, chosen):
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


QUESTIONS: Sequence[tuple[Callable[[Part], bool], Callable[[Chosen], None]]] = (
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

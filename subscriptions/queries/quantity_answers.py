"""A question about many parts at once, as PostgreSQL answers it: with what came late, or not."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from django.db import connection
from psycopg.types.json import Jsonb

from subscriptions.domain.metering import Aggregation
from subscriptions.queries import UsageSpan
from subscriptions.queries.measures import Late, Measure, Part
from subscriptions.queries.quantity_statements import with_late

P = TypeVar("P")


def answers(
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

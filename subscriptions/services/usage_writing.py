"""How usage is written down: COPY for what counts, and what was refused beside it."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

import msgspec
from django.db import connection
from psycopg.types.json import Jsonb

from subscriptions.domain.events import EventBody
from subscriptions.models import EventSource, RejectedEvent
from tiktoktoe.kernel.rates import exact_sum

BODY_KEPT = 4000
REFUSED_KEPT = 1000
NO_DIMENSIONS = b"{}"

KEYS = (
    "COPY subscriptions_usageeventkey (source_id, event_id, occurred_at, body_hash) "
    "FROM STDIN (FORMAT BINARY)"
)
KEY_TYPES = ["int8", "varchar", "timestamptz", "bytea"]
EVENTS = (
    "COPY subscriptions_usageevent (source_id, event_id, occurred_at, customer_id, meter_id, "
    "quantity, counted_at, counted_on, properties, received_at) FROM STDIN (FORMAT BINARY)"
)
EVENT_TYPES = [
    *("int8", "varchar", "timestamptz", "int8", "int8", "numeric"),
    *("timestamptz", "date", "jsonb", "timestamptz"),
]
DELTAS = (
    "COPY subscriptions_usagedelta (customer_id, meter_id, day, dimensions, event_count, "
    "quantity_sum, quantity_max) FROM STDIN (FORMAT BINARY)"
)
DELTA_TYPES = ["int8", "int8", "date", "jsonb", "int8", "numeric", "numeric"]


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that was not taken: its place in the batch, and why."""

    index: int
    event_id: str
    field: str
    code: str
    reason: str
    body: str = ""


class Row(msgspec.Struct, frozen=True, gc=False):
    """An event ready to be written."""

    index: int
    body: EventBody
    properties: bytes
    body_hash: bytes
    customer_id: int
    meter_id: int
    counted_at: datetime
    counted_on: date
    dimensions: bytes


def write_keys(rows: Sequence[Row], source: EventSource) -> None:
    """Claim the ids, in one order for everybody, so that batches rarely deadlock.

    They still may, because COPY writes to one hash partition after another.

    Raises:
        UniqueViolation: If one is taken.
        DeadlockDetected: If another batch has one of ours and waits for one that we have.
    """
    ordered = sorted(rows, key=lambda row: row.body.event_id)
    source_id = source.pk
    _copy(
        KEYS,
        KEY_TYPES,
        ((source_id, r.body.event_id, r.body.occurred_at, r.body_hash) for r in ordered),
    )


def write_events(rows: Sequence[Row], source: EventSource, at: datetime) -> None:
    """Write the events themselves."""
    source_id = source.pk
    _copy(
        EVENTS,
        EVENT_TYPES,
        (
            (
                source_id,
                r.body.event_id,
                r.body.occurred_at,
                r.customer_id,
                r.meter_id,
                r.body.quantity,
                r.counted_at,
                r.counted_on,
                Jsonb(r.properties, dumps=_as_it_is) if r.properties else None,
                at,
            )
            for r in rows
        ),
    )


def write_deltas(rows: Sequence[Row]) -> None:
    """Write what the events add to each customer's day on each meter, by its dimensions."""
    parts: dict[tuple[int, int, date, bytes], list[Decimal]] = defaultdict(list)
    for row in rows:
        key = row.customer_id, row.meter_id, row.counted_on, row.dimensions
        parts[key].append(row.body.quantity)
    _copy(
        DELTAS,
        DELTA_TYPES,
        (
            (*key, Jsonb(values, dumps=_as_it_is), len(added), exact_sum(added), max(added))
            for (*key, values), added in parts.items()
        ),
    )


def write_refused(refused: Sequence[Refused], source: EventSource, at: datetime) -> None:
    """Record what was refused; of a batch with very many, the first."""
    RejectedEvent.objects.bulk_create(
        RejectedEvent(
            source=source,
            event_id=clean(r.event_id)[:128],
            field=r.field[:64],
            code=r.code,
            reason=clean(r.reason)[:300],
            body=clean(r.body)[:BODY_KEPT],
            received_at=at,
        )
        for r in refused[:REFUSED_KEPT]
    )


def clean(text: str) -> str:
    """The text without the one character that PostgreSQL cannot keep."""
    return text.replace("\x00", "\ufffd")


def describe(body: EventBody) -> str:
    """The event as text, to be kept with its refusal."""
    event: dict[str, object] = {
        "id": body.event_id,
        "customer": body.customer,
        "meter": body.meter,
        "occurred_at": body.occurred_at.isoformat(),
        "quantity": str(body.quantity),
    }
    try:
        return json.dumps({**event, "properties": body.properties}, default=str)[:BODY_KEPT]
    except RecursionError:
        return json.dumps(event)[:BODY_KEPT]


def _copy(statement: str, types: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def _as_it_is(written: bytes) -> bytes:
    """Properties are JSON already when they come here."""
    return written

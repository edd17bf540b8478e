"""Usage events are taken in: each exactly once per source and id, whoever sends it how often.

A batch is one transaction. Keys and events are written with COPY, as if all were new; only
when the key's index objects is the batch done again, leaving out what is known by then.
Beside the events go their sums per customer, meter and local day (UsageDelta), so that a
quantity never has to be counted from the events.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection, transaction
from psycopg.errors import DeadlockDetected, UniqueViolation
from psycopg.types.json import Jsonb

from subscriptions.domain.events import EventBody, check_body
from subscriptions.domain.metering import UsageTotal, counted_at
from subscriptions.errors import EventInvalid
from subscriptions.models import (
    Customer,
    EventSource,
    Meter,
    RejectedEvent,
    UsageClosing,
    UsageEventKey,
)
from tiktoktoe.kernel.errors import InvalidInput

logger = logging.getLogger(__name__)
INGEST_LOCK = 7002
BODY_KEPT = 4000
REFUSED_KEPT = 1000
DAY = 86_400  # seconds
TRIES = 8
EVENT_COLUMNS = (
    "source_id, event_id, occurred_at, customer_id, meter_id, quantity, "
    "counted_at, counted_on, properties, received_at"
)


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that was not taken: its place in the batch, and why."""

    index: int
    event_id: str
    field: str
    code: str
    reason: str
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What became of a batch; the three numbers add up to what was sent."""

    accepted: int
    duplicates: int
    refused: tuple[Refused, ...]


@dataclass(frozen=True, slots=True)
class Incoming:
    """An event that could be read, and its place in the batch."""

    index: int
    body: EventBody


@dataclass(frozen=True, slots=True)
class _Row:
    """An event ready to be written."""

    index: int
    body: EventBody
    body_hash: bytes
    customer_id: int
    meter_id: int
    counted_at: datetime
    counted_on: date


@dataclass
class _Batch:
    """The work in hand: what is good so far, and what was refused."""

    rows: list[_Row] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    duplicates: int = 0


def record_events(
    *,
    source: EventSource,
    events: Sequence[Incoming],
    at: datetime,
    refused: Sequence[Refused] = (),
) -> BatchResult:
    """Take a batch in; good events are kept, bad ones answered and recorded, in one transaction.

    `refused` are events that could not even be read; they are recorded with the rest.
    An event sent again with the same body is a duplicate and changes nothing; with another
    body it is refused.
    """
    ensure_partitions((e.body.occurred_at for e in events), at)
    result = None
    for attempt in range(TRIES):
        try:
            result = _record(source, events, refused, at, is_first_try=attempt == 0)
            break
        except (UniqueViolation, DeadlockDetected):
            if attempt == TRIES - 1:
                raise
    assert result is not None
    logger.info(
        "usage recorded",
        extra={
            "source": source.pk,
            "accepted": result.accepted,
            "duplicates": result.duplicates,
            "refused": len(result.refused),
        },
    )
    return result


@transaction.atomic
def _record(
    source: EventSource,
    events: Sequence[Incoming],
    refused: Sequence[Refused],
    at: datetime,
    *,
    is_first_try: bool,
) -> BatchResult:
    batch = _Batch(refused=list(refused))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [INGEST_LOCK])
    _resolve(batch, events, at)
    if not is_first_try:
        _leave_out_known(batch, source)
    _leave_out_repeats(batch)
    _write_keys(batch.rows, source)
    _write_events(batch.rows, source, at)
    _write_deltas(batch.rows)
    _write_refused(batch.refused, source, at)
    return BatchResult(
        accepted=len(batch.rows),
        duplicates=batch.duplicates,
        refused=tuple(sorted(batch.refused, key=lambda r: r.index)),
    )


def _resolve(batch: _Batch, events: Sequence[Incoming], at: datetime) -> None:
    """Find each event's customer, meter and day; set aside what cannot be counted."""
    customers = {
        external_id: (pk, zone)
        for external_id, pk, zone in Customer.objects.filter(
            external_id__in={clean(e.body.customer) for e in events}
        ).values_list("external_id", "pk", "time_zone")
    }
    meters = dict(
        Meter.objects.filter(code__in={clean(e.body.meter) for e in events}).values_list(
            "code", "pk"
        )
    )
    closings = _closings([pk for pk, _ in customers.values()])
    for event in events:
        try:
            batch.rows.append(_row(event, customers, meters, closings, at))
        except InvalidInput as problem:
            code = type(problem).__name__
            batch.refused.append(
                Refused(
                    event.index,
                    event.body.event_id[:128],
                    problem.field,
                    CODES.get(code, "invalid"),
                    str(problem)[:300],
                    describe(event.body),
                )
            )


CODES = {"EventTooLate": "too_late", "EventInFuture": "in_future", "UnknownName": "unknown"}


class UnknownName(EventInvalid):
    """The event names a customer or meter that does not exist."""


def _row(
    event: Incoming,
    customers: Mapping[str, tuple[int, str]],
    meters: Mapping[str, int],
    closings: Mapping[tuple[int, int], datetime],
    at: datetime,
) -> _Row:
    body = event.body
    check_body(body)
    if body.customer not in customers:
        raise UnknownName(f"no customer is called {body.customer[:64]!r}", field="customer")
    if body.meter not in meters:
        raise UnknownName(f"no meter is called {body.meter[:64]!r}", field="meter")
    customer_id, time_zone = customers[body.customer]
    meter_id = meters[body.meter]
    counted = counted_at(
        occurred_at=body.occurred_at,
        received_at=at,
        closed_through=closings.get((customer_id, meter_id)),
        late_days=settings.USAGE_LATE_DAYS,
        future_seconds=settings.USAGE_FUTURE_SECONDS,
    )
    day = counted.astimezone(zone(time_zone)).date()
    return _Row(event.index, body, body.body_hash(), customer_id, meter_id, counted, day)


def _closings(customer_ids: Sequence[int]) -> dict[tuple[int, int], datetime]:
    rows = UsageClosing.objects.filter(customer_id__in=customer_ids)
    return {
        (customer, meter): through
        for customer, meter, through in rows.values_list(
            "customer_id", "meter_id", "closed_through"
        )
    }


def _leave_out_repeats(batch: _Batch) -> None:
    """Of events with one id in the batch, keep the first; none of them is known yet."""
    seen: dict[str, bytes] = {}
    rows = []
    for row in batch.rows:
        known = seen.setdefault(row.body.event_id, row.body_hash)
        if known is row.body_hash:
            rows.append(row)
        else:
            _set_aside(batch, row, known)
    batch.rows = rows


def _leave_out_known(batch: _Batch, source: EventSource) -> None:
    """Leave out what is recorded already.

    An id that another batch commits after this look makes the key table refuse the batch once
    more; by the next look it is known.
    """
    ids = [row.body.event_id for row in batch.rows]
    known = {
        event_id: bytes(body_hash)
        for event_id, body_hash in UsageEventKey.objects.filter(
            source_id=source.pk, event_id__in=ids
        ).values_list("event_id", "body_hash")
    }
    rows = []
    for row in batch.rows:
        if row.body.event_id in known:
            _set_aside(batch, row, known[row.body.event_id])
        else:
            rows.append(row)
    batch.rows = rows


def _set_aside(batch: _Batch, row: _Row, known_hash: bytes) -> None:
    if row.body_hash == known_hash:
        batch.duplicates += 1
        return
    batch.refused.append(
        Refused(
            row.index,
            row.body.event_id,
            "id",
            "reused",
            "this id was used before with another body",
            describe(row.body),
        )
    )


def _write_keys(rows: Sequence[_Row], source: EventSource) -> None:
    """Claim the ids, in one order for everybody, so that batches rarely deadlock.

    They still may, because COPY writes to one hash partition after another; then
    `record_events` tries again.
    """
    statement = (
        "COPY subscriptions_usageeventkey (source_id, event_id, occurred_at, body_hash) "
        "FROM STDIN (FORMAT BINARY)"
    )
    types = ["int8", "varchar", "timestamptz", "bytea"]
    ordered = sorted(rows, key=lambda row: row.body.event_id)
    _copy(
        statement,
        types,
        ((source.pk, r.body.event_id, r.body.occurred_at, r.body_hash) for r in ordered),
    )


def _write_events(rows: Sequence[_Row], source: EventSource, at: datetime) -> None:
    statement = f"COPY subscriptions_usageevent ({EVENT_COLUMNS}) FROM STDIN (FORMAT BINARY)"
    types = [
        *("int8", "varchar", "timestamptz", "int8", "int8", "numeric"),
        *("timestamptz", "date", "jsonb", "timestamptz"),
    ]
    _copy(
        statement,
        types,
        (
            (
                source.pk,
                r.body.event_id,
                r.body.occurred_at,
                r.customer_id,
                r.meter_id,
                r.body.quantity,
                r.counted_at,
                r.counted_on,
                Jsonb(r.body.properties) if r.body.properties else None,
                at,
            )
            for r in rows
        ),
    )


def _write_deltas(rows: Sequence[_Row]) -> None:
    totals: dict[tuple[int, int, date], UsageTotal] = defaultdict(UsageTotal)
    for row in rows:
        key = (row.customer_id, row.meter_id, row.counted_on)
        totals[key] = totals[key].plus(UsageTotal(1, row.body.quantity, row.body.quantity))
    statement = (
        "COPY subscriptions_usagedelta (customer_id, meter_id, day, event_count, quantity_sum, "
        "quantity_max) FROM STDIN (FORMAT BINARY)"
    )
    types = ["int8", "int8", "date", "int8", "numeric", "numeric"]
    _copy(
        statement,
        types,
        (
            (*key, total.event_count, total.quantity_sum, total.quantity_max)
            for key, total in totals.items()
        ),
    )


def _copy(statement: str, types: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def _write_refused(refused: Sequence[Refused], source: EventSource, at: datetime) -> None:
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


def ensure_partitions(moments: Iterable[datetime], at: datetime) -> None:
    """Make the monthly tables that events of these instants go to, if they are missing.

    Only months that an event may fall into are made; in its own short transactions, so that
    no batch holds the catalog's locks.
    """
    first, last = at.timestamp() - DAY * settings.USAGE_LATE_DAYS, at.timestamp() + DAY
    wanted = {
        (moment.year, moment.month): moment
        for moment in moments
        if moment.tzinfo is not None and first <= moment.timestamp() <= last
    }
    for moment in wanted.values():
        with connection.cursor() as cursor:
            cursor.execute("SELECT subscriptions_ensure_usage_partition(%s)", [moment])


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The rules of a time zone."""
    return ZoneInfo(name)


@dataclass(frozen=True, slots=True, order=True)
class Closing:
    """Until when a customer's usage of a meter is to be closed."""

    customer_id: int
    meter_id: int
    through: datetime


def close_usage(*, closings: Iterable[Closing]) -> None:
    """Close usage up to instants: what arrives later counts after them.

    Waits for batches in flight, and holds new ones up for the moment it takes, so that an
    event is either counted before the instant or counts after it. Closing earlier than
    before changes nothing.
    """
    latest: dict[tuple[int, int], datetime] = {}
    for closing in sorted(closings):
        latest[closing.customer_id, closing.meter_id] = closing.through
    if not latest:
        return
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [INGEST_LOCK])
        cursor.execute(
            CLOSE,
            [
                [customer for customer, _ in latest],
                [meter for _, meter in latest],
                list(latest.values()),
            ],
        )
    logger.info("usage closed", extra={"pairs": len(latest)})


CLOSE = """
INSERT INTO subscriptions_usageclosing AS kept (customer_id, meter_id, closed_through)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[])
ON CONFLICT (customer_id, meter_id) DO UPDATE
SET closed_through = greatest(kept.closed_through, excluded.closed_through)
"""

"""Usage events are taken in: each exactly once per source and id, whoever sends it how often.

A batch is one transaction. Keys and events are written with COPY, as if all were new; only
when the key's index objects is what is known by then left out, and the rest written again.
Beside the events go their sums per customer, meter and local day (UsageDelta), so that a
quantity never has to be counted from the events.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import msgspec
from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from psycopg.errors import DeadlockDetected, UniqueViolation

from subscriptions.domain.events import (
    EventBody,
    check_amount_property,
    check_body,
    check_counted_property,
    written_properties,
)
from subscriptions.domain.metering import counted_at, dimensions_of
from subscriptions.errors import EventInvalid
from subscriptions.models import Customer, EventSource, Meter, UsageClosing
from subscriptions.services.usage_writing import (
    NO_DIMENSIONS,
    Refused,
    Row,
    clean,
    describe,
    write_deltas,
    write_events,
    write_keys,
    write_refused,
)
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.rehearsal import is_rehearsal
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)
INGEST_LOCK = 7002
TRIES = 8
CODES = {"EventTooLate": "too_late", "EventInFuture": "in_future", "UnknownName": "unknown"}
KNOWN = """
SELECT event_id, body_hash FROM subscriptions_usageeventkey
WHERE source_id = %s AND event_id = ANY(%s)
"""

# A session that keeps its usage elsewhere (a simulation) has one table without parts.
ENSURE_PARTITION = """
SELECT subscriptions_ensure_usage_partition(%s) FROM pg_class
WHERE oid = 'subscriptions_usageevent'::regclass AND relkind = 'p'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """What became of a batch; the three numbers add up to what was sent."""

    accepted: int
    duplicates: int
    refused: tuple[Refused, ...]


class Incoming(msgspec.Struct, frozen=True, gc=False):
    """An event that could be read, and its place in the batch."""

    index: int
    body: EventBody


class UnknownName(EventInvalid):
    """The event names a customer or meter that does not exist."""


@dataclass
class _Batch:
    """The work in hand: what is good so far, and what was refused."""

    rows: list[Row] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    duplicates: int = 0


@dataclass(frozen=True, slots=True)
class _Sender:
    """Whose usage it is, in which zone, and what time it is for them: a test clock's, or ours."""

    pk: int
    zone: ZoneInfo
    at: datetime


@dataclass(frozen=True, slots=True)
class _Known:
    """What a batch's events are held against."""

    customers: Mapping[str, "_Sender"]
    meters: Mapping[str, Meter]
    closings: Mapping[tuple[int, int], datetime]
    late_days: int
    future_seconds: int


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
    customers = _customers(events, at)
    for time in {at, *(customer.at for customer in customers.values())}:
        ensure_partitions((e.body.occurred_at for e in events), time)
    result = _record(source, events, refused, customers, at)
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
    customers: Mapping[str, _Sender],
    at: datetime,
) -> BatchResult:
    batch = _Batch(refused=list(refused))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [INGEST_LOCK])
    _resolve(batch, events, customers)
    _claim_ids(batch, source)
    write_events(batch.rows, source, at)
    write_deltas(batch.rows)
    write_refused(batch.refused, source, at)
    return BatchResult(
        accepted=len(batch.rows),
        duplicates=batch.duplicates,
        refused=tuple(sorted(batch.refused, key=lambda r: r.index)),
    )


def _customers(events: Sequence[Incoming], at: datetime) -> dict[str, _Sender]:
    """The customers that events name, each with its time."""
    rows = _named.rows(names=list({clean(e.body.customer) for e in events}))
    return {
        customer.external_id: _Sender(
            customer.pk,
            zone(customer.time_zone),
            customer.clock.at if customer.clock else at,
        )
        for customer in rows
    }


@standing
def _named(names: list[str]) -> QuerySet[Customer]:
    rows = Customer.objects.filter(external_id__any_of=names).select_related("clock").order_by()
    return rows.only("external_id", "time_zone", "clock__at")


def _resolve(batch: _Batch, events: Sequence[Incoming], customers: Mapping[str, _Sender]) -> None:
    """Find each event's customer, meter and day; set aside what cannot be counted."""
    meters = _meters.rows(codes=list({clean(e.body.meter) for e in events}))
    known = _Known(
        customers=customers,
        meters={meter.code: meter for meter in meters},
        closings=_closings([customer.pk for customer in customers.values()]),
        late_days=settings.USAGE_LATE_DAYS,
        future_seconds=settings.USAGE_FUTURE_SECONDS,
    )
    for event in events:
        try:
            batch.rows.append(_row(event, known))
        except InvalidInput as problem:
            batch.refused.append(
                Refused(
                    event.index,
                    event.body.event_id[:128],
                    problem.field,
                    CODES.get(type(problem).__name__, "invalid"),
                    str(problem)[:300],
                    describe(event.body),
                )
            )


def _row(event: Incoming, known: _Known) -> Row:
    body = event.body
    meter = known.meters.get(body.meter)
    check_body(body, is_signed=meter is not None and meter.is_signed)
    properties = written_properties(body.properties)
    if body.customer not in known.customers:
        raise UnknownName(f"no customer is called {body.customer[:64]!r}", field="customer")
    if meter is None:
        raise UnknownName(f"no meter is called {body.meter[:64]!r}", field="meter")
    customer = known.customers[body.customer]
    customer_id, time_zone = customer.pk, customer.zone
    counted = counted_at(
        occurred_at=body.occurred_at,
        received_at=customer.at,
        closed_through=known.closings.get((customer_id, meter.pk)),
        late_days=known.late_days,
        future_seconds=known.future_seconds,
    )
    return Row(
        event.index,
        body,
        properties,
        body.body_hash(properties),
        customer_id,
        meter.pk,
        counted,
        counted.astimezone(time_zone).date(),
        _dimensions(body, meter),
    )


def _dimensions(body: EventBody, meter: Meter) -> bytes:
    """What a roll-up is kept by, as JSON; refuses what the meter cannot count."""
    if meter.unique_property:
        check_counted_property(body.properties, meter.unique_property)
    if meter.amount_property:
        check_amount_property(body.properties, meter.amount_property)
    if not meter.dimensions:
        return NO_DIMENSIONS
    return written_properties(dimensions_of(body.properties, meter.dimensions)) or NO_DIMENSIONS


def _closings(customer_ids: Sequence[int]) -> dict[tuple[int, int], datetime]:
    rows = _closed.rows(customers=list(customer_ids))
    return {(customer, meter): through for customer, meter, through in rows}


@standing
def _closed(customers: list[int]) -> QuerySet[UsageClosing, tuple[int, int, datetime]]:
    rows = UsageClosing.objects.filter(customer__any_of=customers).order_by()
    return rows.values_list("customer_id", "meter_id", "closed_through")


@standing
def _meters(codes: list[str]) -> QuerySet[Meter]:
    return Meter.objects.filter(code__any_of=codes).order_by()


def _claim_ids(batch: _Batch, source: EventSource) -> None:
    """Write the keys of what is new; duplicates and reused ids are set aside.

    An id that another batch commits meanwhile makes the key table object once more; by then
    it is known.
    """
    resolved, refused = batch.rows, list(batch.refused)
    _leave_out_repeats(batch)
    for attempt in range(TRIES):
        try:
            with transaction.atomic():
                write_keys(batch.rows, source)
        except (UniqueViolation, DeadlockDetected):
            if attempt == TRIES - 1:
                raise
            batch.rows, batch.refused, batch.duplicates = resolved, list(refused), 0
            _leave_out_known(batch, source)
            _leave_out_repeats(batch)
        else:
            return


def _leave_out_repeats(batch: _Batch) -> None:
    """Of events with one id in the batch, keep the first; none of them is known yet."""
    seen: dict[str, bytes] = {}
    rows: list[Row] = []
    for row in batch.rows:
        known = seen.setdefault(row.body.event_id, row.body_hash)
        if known is row.body_hash:
            rows.append(row)
        else:
            _set_aside(batch, row, known)
    batch.rows = rows


def _leave_out_known(batch: _Batch, source: EventSource) -> None:
    """Leave out what is recorded by now."""
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, [source.pk, [row.body.event_id for row in batch.rows]])
        known = {event_id: bytes(body_hash) for event_id, body_hash in cursor.fetchall()}
    rows: list[Row] = []
    for row in batch.rows:
        if row.body.event_id in known:
            _set_aside(batch, row, known[row.body.event_id])
        else:
            rows.append(row)
    batch.rows = rows


def _set_aside(batch: _Batch, row: Row, known_hash: bytes) -> None:
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


def ensure_partitions(moments: Iterable[datetime], at: datetime) -> None:
    """Make the monthly tables that events of these instants go to, if they are missing.

    Only months that an event may fall into are made; in its own short transactions, so that
    no batch holds the catalog's locks.
    """
    first = at - timedelta(days=settings.USAGE_LATE_DAYS)
    last = at + timedelta(seconds=settings.USAGE_FUTURE_SECONDS)
    wanted = {
        (moment.year, moment.month): moment
        for moment in (_in_utc(moment) for moment in moments if moment.tzinfo is not None)
        if first <= moment <= last
    }
    for moment in wanted.values():
        with connection.cursor() as cursor:
            cursor.execute(ENSURE_PARTITION, [moment])


def _in_utc(moment: datetime) -> datetime:
    """The instant in UTC, whose months the tables are; one at the end of time stays as it is."""
    if moment.tzinfo is UTC or not 1 < moment.year < 9999:
        return moment
    return moment.astimezone(UTC)


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
    before changes nothing. In a rehearsal nothing is closed, and nobody is held up.
    """
    latest: dict[tuple[int, int], datetime] = {}
    for closing in sorted(closings):
        latest[closing.customer_id, closing.meter_id] = closing.through
    if not latest or is_rehearsal():
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

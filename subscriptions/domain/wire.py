"""How usage events are written on the wire: one, an array, lines, and CloudEvents 1.0.

The standard library's JSON is too slow here; msgspec reads into plain structures, and
quantities stay exact: they are read as Decimal, never as float.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from io import BytesIO
from itertools import islice
from typing import Any

import msgspec

from subscriptions.domain.events import EventBody
from subscriptions.errors import EventInvalid

ONE = Decimal(1)


class ContentType(StrEnum):
    """What a request's body may be."""

    JSON = "application/json"
    LINES = "application/x-ndjson"
    CLOUD_EVENT = "application/cloudevents+json"
    CLOUD_EVENTS = "application/cloudevents-batch+json"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An event that could not be read: its place, the field, the reason, what was sent."""

    index: int
    event_id: str
    field: str
    reason: str
    sent: str


class PlainEvent(msgspec.Struct):
    """An event in our own words."""

    id: str
    customer: str
    meter: str
    occurred_at: datetime
    quantity: Decimal = ONE
    properties: dict[str, Any] | None = None

    def body(self) -> EventBody:
        """What it means."""
        return EventBody(
            event_id=self.id,
            customer=self.customer,
            meter=self.meter,
            occurred_at=self.occurred_at,
            quantity=self.quantity,
            properties=self.properties,
        )


class CloudEvent(msgspec.Struct):
    """A CloudEvents 1.0 envelope: `type` names the meter, `subject` the customer.

    Source: CloudEvents 1.0.2, JSON event format. Its identity is `source` and `id` together,
    so both make the event id, with a space between them, which no source may contain.
    """

    specversion: str
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    data: dict[str, msgspec.Raw] | None = None
    data_base64: str | None = None

    def body(self) -> EventBody:
        """What it means.

        Raises:
            EventInvalid: If the version is not 1.0, the source no URI, the quantity no number, or
                a part of the data is nothing that could be kept.
        """
        if self.specversion != "1.0":
            raise EventInvalid("must be 1.0", field="specversion")
        if not self.source or len(self.source.split()) != 1 or self.source != self.source.strip():
            raise EventInvalid("must be a URI reference", field="source")
        if self.data_base64 is not None:
            raise EventInvalid("is not supported", field="data_base64", remedy="send data as JSON")
        data = dict(self.data or {})
        quantity = data.pop("quantity", None)
        return EventBody(
            event_id=f"{self.source} {self.id}" if self.id else "",
            customer=self.subject,
            meter=self.type,
            occurred_at=self.time,
            quantity=ONE if quantity is None else _quantity(quantity),
            properties={name: _property(name, value) for name, value in data.items()} or None,
        )


Event = PlainEvent | CloudEvent
_plain = msgspec.json.Decoder(PlainEvent)
_cloud = msgspec.json.Decoder(CloudEvent)
_plain_array = msgspec.json.Decoder(list[PlainEvent])
_cloud_array = msgspec.json.Decoder(list[CloudEvent])
_raw_array = msgspec.json.Decoder(list[msgspec.Raw])
_raw_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_decimal = msgspec.json.Decoder(Decimal)
_any = msgspec.json.Decoder()
# Python's own limit stops a body that nests too deeply.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Malformed(EventInvalid):
    """The whole body cannot be read."""


class TooManyEvents(EventInvalid):
    """There are more events than are taken in at once."""


def read_events(
    content: bytes, content_type: ContentType, *, at_most: int
) -> tuple[list[tuple[int, EventBody]], list[Unreadable]]:
    """The events of a body with their places, and those that could not be read.

    Raises:
        Malformed: If the body as a whole is no JSON; says where.
        TooManyEvents: If there are more than `at_most`, before many bad ones are looked at.
    """
    is_cloud = content_type in {ContentType.CLOUD_EVENT, ContentType.CLOUD_EVENTS}
    array: msgspec.json.Decoder[Any] = _cloud_array if is_cloud else _plain_array
    if content_type != ContentType.LINES and content.lstrip()[:1] == b"[":
        try:
            events = array.decode(content)
        except UNREADABLE:
            parts: Sequence[bytes | msgspec.Raw] = _split_array(content)
        else:
            _check_count(events, at_most)
            return _meanings(enumerate(events))
    elif content_type == ContentType.LINES:
        lines = (line.strip() for line in BytesIO(content))
        parts = list(islice(filter(None, lines), at_most + 1))
    else:
        parts = [_whole(content)]
    _check_count(parts, at_most)
    return _one_by_one([bytes(part) for part in parts], _cloud if is_cloud else _plain)


def _check_count(events: Sequence[object], at_most: int) -> None:
    if len(events) > at_most:
        raise TooManyEvents(f"at most {at_most} events a request", field="body")


def _one_by_one(
    parts: Sequence[bytes], decoder: "msgspec.json.Decoder[Any]"
) -> tuple[list[tuple[int, EventBody]], list[Unreadable]]:
    """Read event by event, so that one bad event does not cost the good ones."""
    read: list[tuple[int, Event]] = []
    unreadable: list[Unreadable] = []
    for index, part in enumerate(parts):
        try:
            read.append((index, decoder.decode(part)))
        except UNREADABLE as problem:
            unreadable.append(_unreadable(index, part, str(problem)))
    good, bad = _meanings(iter(read))
    return good, [*unreadable, *bad]


def _meanings(
    events: Iterator[tuple[int, Event]],
) -> tuple[list[tuple[int, EventBody]], list[Unreadable]]:
    good: list[tuple[int, EventBody]] = []
    bad: list[Unreadable] = []
    for index, event in events:
        try:
            good.append((index, event.body()))
        except EventInvalid as problem:
            sent = msgspec.json.encode(event).decode(errors="replace")
            bad.append(Unreadable(index, event.id, problem.field, problem.message, sent))
    return good, bad


def _split_array(content: bytes) -> list[msgspec.Raw]:
    try:
        return _raw_array.decode(content)
    except UNREADABLE as problem:
        raise Malformed(f"the body is no JSON: {problem}", field="body") from None


def _whole(content: bytes) -> bytes:
    """The body, which must be one event as far as JSON can tell."""
    try:
        _raw_object.decode(content)
    except msgspec.ValidationError:
        reason = "the body must be an event or an array of events"
        raise Malformed(reason, field="body") from None
    except UNREADABLE as problem:
        raise Malformed(f"the body is no JSON: {problem}", field="body") from None
    return content


def _unreadable(index: int, part: bytes, problem: str) -> Unreadable:
    """Name the field that msgspec stumbled over: it says "… - at `$.quantity`"."""
    reason, _, place = problem.partition(" - at `$")
    field = place.strip("`. ") or _missing(reason)
    event_id = ""
    try:
        found = _any.decode(part)
    except UNREADABLE:
        field = field or "event"
    else:
        if isinstance(found, dict):
            event_id = str(found.get("id", ""))
    return Unreadable(index, event_id, field or "event", reason, part.decode(errors="replace"))


def _missing(reason: str) -> str:
    """The field in "Object missing required field `customer`"."""
    return reason.split("`")[1] if reason.count("`") >= 2 else ""


def _quantity(value: msgspec.Raw) -> Decimal:
    try:
        return _decimal.decode(value)
    except UNREADABLE:
        raise EventInvalid("is not a number", field="data.quantity") from None


def _property(name: str, value: msgspec.Raw) -> object:
    """A part of a CloudEvent's data; nobody has looked into it before."""
    try:
        return _any.decode(value)
    except UNREADABLE as problem:
        raise EventInvalid(f"cannot be read: {problem}", field=f"data.{name}") from None

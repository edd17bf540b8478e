"""What a usage event must be like, and what makes two of them the same.

Every event goes through here, tens of thousands a second: what looks roundabout is measured.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from subscriptions.errors import EventInvalid
from tiktoktoe.kernel.rates import exact_text

EVENT_ID_MAX = 128
QUANTITY_MAX = Decimal(10) ** 15
QUANTITY_PLACES = 10
QUANTITY_STEP = Decimal(1).scaleb(-QUANTITY_PLACES)
YEARS = range(1900, 9999)
PROPERTIES_DEPTH_MAX = 20
NUL = "\x00"
_AMOUNT = re.compile(r"\d{1,15}(\.\d{1,10})?", re.ASCII)


_canonical = msgspec.json.Encoder(order="sorted", decimal_format="number", enc_hook=str)


class EventBody(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event as its sender means it; `customer` and `meter` are external id and code."""

    event_id: str
    customer: str
    meter: str
    occurred_at: datetime
    quantity: Decimal
    properties: Mapping[str, object] | None = None

    def body_hash(self, properties: bytes) -> bytes:
        """32 bytes that are the same for the same body, however it was written.

        Args:
            properties: What `written_properties` makes of them.
        """
        moment = self.occurred_at
        if moment.tzinfo is not UTC:
            moment = moment.astimezone(UTC)
        fields = (self.customer, self.meter, moment, exact_text(self.quantity))
        return hashlib.sha256(_canonical.encode(fields) + properties).digest()


def check_body(body: EventBody, *, is_signed: bool = False) -> None:
    """Refuse an event that can never be counted; only a signed meter's may take away.

    Raises:
        EventInvalid: With the field and the way out.
    """
    if not body.event_id or len(body.event_id) > EVENT_ID_MAX or NUL in body.event_id:
        raise EventInvalid(
            f"must have 1 to {EVENT_ID_MAX} characters", field="id", remedy="send an id of yours"
        )
    if body.occurred_at.tzinfo is None:
        raise EventInvalid("has no time zone", field="occurred_at", remedy="2026-01-31T12:00:00Z")
    if body.occurred_at.year not in YEARS:
        raise EventInvalid("is no time of ours", field="occurred_at", remedy="check the year")
    _check_quantity(body.quantity, is_signed=is_signed)


def written_properties(properties: Mapping[str, object] | None) -> bytes:
    """Properties as JSON that is the same for the same properties; of none, nothing.

    Raises:
        EventInvalid: If PostgreSQL's jsonb could not keep them, or they nest too deeply.
    """
    if not properties:
        return b""
    try:
        text = _canonical.encode(properties)
    except RecursionError:
        raise EventInvalid("nest too deeply", field="properties") from None
    # Looked at one by one only when a look at the text cannot say that all is well.
    if text.count(b"{") + text.count(b"[") > PROPERTIES_DEPTH_MAX or b"\\u0000" in text:
        _check_property(properties, PROPERTIES_DEPTH_MAX)
    return text


def check_counted_property(properties: Mapping[str, object] | None, name: str) -> None:
    """Refuse an event that does not say what a unique count is to count.

    Raises:
        EventInvalid: With the property.
    """
    value = (properties or {}).get(name)
    if not isinstance(value, str | int) or value == "":
        raise EventInvalid("must name what is counted", field=f"properties.{name}")


def check_amount_property(properties: Mapping[str, object] | None, name: str) -> None:
    """Refuse an event without the amount of money that a dynamic price charges.

    Raises:
        EventInvalid: With the property.
    """
    value = (properties or {}).get(name)
    if isinstance(value, bool) or not _AMOUNT.fullmatch(str(value)):
        raise EventInvalid(
            "must be an amount with at most 10 decimals",
            field=f"properties.{name}",
            remedy="send a text such as '0.0125'",
        )


def _check_quantity(quantity: Decimal, *, is_signed: bool) -> None:
    if not quantity.is_finite():
        raise EventInvalid("is not a finite number", field="quantity")
    if not quantity and abs(quantity.adjusted()) > QUANTITY_PLACES:
        # PostgreSQL keeps no zero of that many digits, and others would be written out in full.
        raise EventInvalid("is a zero of too many digits", field="quantity", remedy="send 0")
    if quantity < 0 and not is_signed:
        raise EventInvalid("is negative", field="quantity", remedy="corrections are credit notes")
    # Not abs(), which rounds to the context, and objects to what is far too large for it.
    if quantity.copy_abs() > QUANTITY_MAX:
        raise EventInvalid(f"is above {QUANTITY_MAX:f}", field="quantity", remedy="check its unit")
    if quantity != quantity.quantize(QUANTITY_STEP):
        raise EventInvalid(f"has more than {QUANTITY_PLACES} decimals", field="quantity")


def _check_property(value: object, depth: int) -> None:
    """Refuse what PostgreSQL's jsonb cannot keep, or what nobody means to send."""
    if depth == 0:
        raise EventInvalid(f"nest deeper than {PROPERTIES_DEPTH_MAX}", field="properties")
    if isinstance(value, str) and NUL in value:
        raise EventInvalid("have a NUL character", field="properties")
    if isinstance(value, Mapping):
        for name, part in value.items():
            _check_property(name, 1)
            _check_property(part, depth - 1)
    elif isinstance(value, list):
        for part in value:
            _check_property(part, depth - 1)

"""What a usage event must be like, and what makes two of them the same."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from subscriptions.errors import EventInvalid
from tiktoktoe.kernel.rates import exact_text

EVENT_ID_MAX = 128
QUANTITY_MAX = Decimal(10) ** 15
QUANTITY_PLACES = 10
YEARS = range(1900, 9999)
PROPERTIES_DEPTH_MAX = 20
NUL = "\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBody:
    """One event as its sender means it; `customer` and `meter` are external id and code."""

    event_id: str
    customer: str
    meter: str
    occurred_at: datetime
    quantity: Decimal
    properties: Mapping[str, object] | None = None

    def body_hash(self) -> bytes:
        """32 bytes that are the same for the same body, however it was written."""
        canonical = json.dumps(
            [
                self.customer,
                self.meter,
                self.occurred_at.astimezone(UTC).isoformat(),
                exact_text(self.quantity),
                self.properties or None,
            ],
            sort_keys=True,
            separators=(",", ":"),
            ensure_ascii=False,
            default=str,
        )
        return hashlib.sha256(canonical.encode()).digest()


def check_body(body: EventBody) -> None:
    """Refuse an event that can never be counted.

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
    _check_quantity(body.quantity)
    if body.properties:
        _check_property(body.properties, PROPERTIES_DEPTH_MAX)


def _check_quantity(quantity: Decimal) -> None:
    if not quantity.is_finite():
        raise EventInvalid("is not a finite number", field="quantity")
    if quantity < 0:
        raise EventInvalid("is negative", field="quantity", remedy="corrections are credit notes")
    if quantity > QUANTITY_MAX:
        raise EventInvalid(f"is above {QUANTITY_MAX:f}", field="quantity", remedy="check its unit")
    exponent = quantity.as_tuple().exponent
    assert isinstance(exponent, int)
    if -exponent > QUANTITY_PLACES and quantity != quantity.quantize(Decimal(1).scaleb(-10)):
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

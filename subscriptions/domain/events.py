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
    if not body.event_id or len(body.event_id) > EVENT_ID_MAX or "\x00" in body.event_id:
        raise EventInvalid(
            f"must have 1 to {EVENT_ID_MAX} characters", field="id", remedy="send an id of yours"
        )
    if body.occurred_at.tzinfo is None:
        raise EventInvalid("has no time zone", field="occurred_at", remedy="2026-01-31T12:00:00Z")
    quantity = body.quantity
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

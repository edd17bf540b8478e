"""Usage, sent by the real service."""

from datetime import datetime
from decimal import Decimal
from itertools import count

from subscriptions.domain.events import EventBody
from subscriptions.models import Customer, EventSource
from subscriptions.services.event_sources import create_event_source
from subscriptions.services.usage import BatchResult, Incoming, record_events
from tests.factories.subscriptions import JAN_1

_numbers = count(1)


def make_source() -> EventSource:
    """A system that sends usage."""
    return create_event_source(name=f"source {next(_numbers)}", at=JAN_1).source


def use(
    customer: Customer,
    quantity: int | str,
    at: datetime,
    *,
    meter: str = "api_calls",
    source: EventSource | None = None,
    event_id: str | None = None,
    received_at: datetime | None = None,
    properties: dict[str, object] | None = None,
) -> BatchResult:
    """Send one event."""
    body = EventBody(
        event_id=event_id or f"event-{next(_numbers)}",
        customer=customer.external_id,
        meter=meter,
        occurred_at=at,
        quantity=Decimal(quantity),
        properties=properties,
    )
    return record_events(
        source=source or EventSource.objects.first() or make_source(),
        events=[Incoming(0, body)],
        at=received_at or at,
    )

"""Usage, sent by the real service."""

from collections.abc import Sequence
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
    event = event_of(customer, quantity, at, meter=meter, event_id=event_id, properties=properties)
    return use_together([event], source=source, at=received_at or at)


def use_together(
    events: Sequence[EventBody], *, at: datetime, source: EventSource | None = None
) -> BatchResult:
    """Send events in one batch."""
    return record_events(
        source=source or EventSource.objects.first() or make_source(),
        events=[Incoming(number, event) for number, event in enumerate(events)],
        at=at,
    )


def event_of(
    customer: Customer,
    quantity: int | str,
    at: datetime,
    *,
    meter: str = "api_calls",
    event_id: str | None = None,
    properties: dict[str, object] | None = None,
) -> EventBody:
    """An event to send."""
    return EventBody(
        event_id=event_id or f"event-{next(_numbers)}",
        customer=customer.external_id,
        meter=meter,
        occurred_at=at,
        quantity=Decimal(quantity),
        properties=properties,
    )

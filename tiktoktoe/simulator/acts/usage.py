"""Usage events, sent as a customer's system would send them."""

from collections.abc import Sequence
from datetime import datetime

from billing.services.invoices.ahead import bill_usage_ahead
from subscriptions.domain.events import EventBody
from subscriptions.services.usage import Incoming, record_events
from tiktoktoe.simulator.acts.registry import plays
from tiktoktoe.simulator.errors import ScenarioInvalid
from tiktoktoe.simulator.scenario import actions
from tiktoktoe.simulator.world import World


@plays(actions.Use)
def use(world: World, action: actions.Use, at: datetime) -> None:
    """Send usage events; each is billed by itself where a price says so."""
    customer = world.customer(action)
    meter = _meter(world, action)
    bodies = [
        EventBody(
            event_id=f"event-{world.events_sent + number}",
            customer=customer.external_id,
            meter=meter,
            occurred_at=at,
            quantity=action.units,
            properties=action.properties or None,
        )
        for number in range(1, action.times + 1)
    ]
    world.events_sent += len(bodies)
    for sent in [[body] for body in bodies] if world.bills_ahead else [bodies]:
        _send(world, action, sent, at)


def _send(world: World, action: actions.Use, bodies: Sequence[EventBody], at: datetime) -> None:
    events = [Incoming(index, body) for index, body in enumerate(bodies)]
    result = record_events(source=world.source, events=events, at=at)
    if result.refused:
        raise ScenarioInvalid(f"refused: {result.refused[0].reason}", action.place)
    if world.bills_ahead:
        bill_usage_ahead(at=at)


def _meter(world: World, action: actions.Use) -> str:
    meters = [row.code for row in world.scenario.meters]
    meter = action.meter or (meters[0] if len(meters) == 1 else "")
    if meter not in meters:
        said = f"{meter!r} is no meter" if meter else "lacks meter"
        raise ScenarioInvalid(said, action.place, allowed=", ".join(meters))
    return meter

"""Stored cards, and requests for what is overdue."""

from datetime import datetime

from billing.services.dunning.requests import request_overdue
from billing.services.payments.collection import resume_collection
from tiktoktoe.simulator.acts.registry import plays
from tiktoktoe.simulator.scenario import actions
from tiktoktoe.simulator.world import ACTOR, World


@plays(actions.SetCard)
def change_card(world: World, action: actions.SetCard, at: datetime) -> None:
    """Another card is stored: what is owed is tried again at once, as in the portal."""
    customer = world.customer(action)
    world.cards.pop(customer.external_id, None)
    if action.card != "none":
        world.cards[customer.external_id] = action.card
        resume_collection(customer=customer, actor=ACTOR, at=at)


@plays(actions.RunDunning)
def ask(world: World, action: actions.RunDunning, at: datetime) -> None:
    """As the scheduler does every minute."""
    request_overdue(at=at)

"""Who pays in the drill: customers with a card at both gateways, and invoices that are due."""

import random
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from itertools import cycle
from uuid import uuid4

from billing.models import Invoice, PaymentMethod
from billing.services.invoices.invoicing import bill_start
from billing.services.payments.routing_policies import activate_policy, add_rule, draft_policy
from subscriptions.models import Customer, Plan, PlanVersion, Product
from subscriptions.services.catalog import PriceSpec, draft_plan_version, publish_plan_version
from subscriptions.services.customers import CustomerDetails, create_customer
from subscriptions.services.signup import subscribe
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Role
from tiktoktoe.drill.gateways import Sandbox
from tiktoktoe.drill.stories import ACTOR, HOLDS, OF_GOOD_CARDS, Stories, Story

CURRENCY = "USD"
SEAT = Decimal("9.90")
SEATS_MAX = 20
INVOICES_EACH = 4  # one customer's payments run into one another, too


def found(
    *,
    payments: int,
    gateways: Sequence[Sandbox],
    dice: random.Random,
    at: datetime,
    is_calm: bool = False,
) -> Stories:
    """Make so many invoices that are due; gives what each is for."""
    _share_out(at)
    version, stories = _publish(at), dict[str, Story]()
    told = {card: cycle(_STORIES.get(card, OF_GOOD_CARDS)) for card in _CARDS}
    customer, card = None, ""
    for number in range(payments):
        if customer is None or number % INVOICES_EACH == 0:
            card = "good" if is_calm else _CARDS[number // INVOICES_EACH % len(_CARDS)]
            customer = _customer(number, card, gateways, at)
        invoice = _invoice(customer, version, dice.randint(1, SEATS_MAX), at)
        stories[str(invoice.pk)] = Story.PAID if is_calm else next(told[card])
    return stories


# One in ten is refused wherever it is charged, two only err at one gateway, on two money is held
# by hand, and of one no refund arrives.
_CARDS = (
    *("good", "refused", "held", "good", "technical"),
    *("good", "held", "technical", "refund_fails", "good"),
)
_STORIES = {
    "refused": (Story.REFUSED,),
    "held": HOLDS,
    "refund_fails": (Story.REFUND_FAILS,),
}


def _share_out(at: datetime) -> None:
    """Half of the payments start at each gateway, so that both are hit by every fault."""
    person = User.objects.create_user(f"{uuid4().hex}@drill.example", role=Role.FINANCE)
    policy = draft_policy(user=person, at=at, note="the drill")
    shares = [["stripe", 50], ["adyen", 50]]
    add_rule(policy=policy, terms={"name": "half each", "effect": "split", "shares": shares})
    activate_policy(policy=policy, user=person, at=at)


def _publish(at: datetime) -> PlanVersion:
    product = Product.objects.create(code="drill", name="Drill")
    plan = Plan.objects.create(product=product, code="drill", name="Drill")
    price = PriceSpec(
        code="seat",
        name="Seat",
        kind="recurring",
        charge_model="per_unit",
        timing="advance",
        unit_amount=SEAT,
    )
    version = draft_plan_version(plan=plan, currency=CURRENCY, prices=[price], effective_from=at)
    return publish_plan_version(version=version, at=at)


def _customer(number: int, card: str, gateways: Sequence[Sandbox], at: datetime) -> Customer:
    details = CustomerDetails(
        external_id=f"drill-{number}",
        name=f"Drill Customer {number}",
        email=f"drill{number}@drill.example",
        country="US",
        currency=CURRENCY,
    )
    customer = create_customer(details=details, at=at)
    for gateway in gateways:
        gateway.store(customer, card, at)
    if card == "held":  # so that nothing is charged by itself
        PaymentMethod.objects.filter(customer=customer).update(is_default=False)
    return customer


def _invoice(customer: Customer, version: PlanVersion, seats: int, at: datetime) -> Invoice:
    subscription = subscribe(
        customer=customer,
        plan_version=version,
        quantity=seats,
        trial_days=None,
        at=at,
        actor=ACTOR,
    )
    invoice = bill_start(subscription=subscription, at=at)
    assert invoice is not None
    return invoice

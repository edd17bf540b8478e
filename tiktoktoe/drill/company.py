"""Who pays in the drill: customers with a card at both gateways, and invoices that are due."""

import random
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import uuid4

from billing.models import Invoice
from billing.services.invoices.invoicing import bill_start
from billing.services.payments.routing_policies import activate_policy, add_rule, draft_policy
from subscriptions.models import Customer, Plan, PlanVersion, Product
from subscriptions.services.catalog import PriceSpec, draft_plan_version, publish_plan_version
from subscriptions.services.customers import CustomerDetails, create_customer
from subscriptions.services.signup import subscribe
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Role
from tiktoktoe.drill.gateways import Sandbox

ACTOR = Actor(source="drill")
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
    all_are_good: bool = False,
) -> set[str]:
    """Make so many invoices that are due; gives the references of those no card pays for."""
    _share_out(at)
    version, refused = _publish(at), set[str]()
    customer, card = None, ""
    for number in range(payments):
        if customer is None or number % INVOICES_EACH == 0:
            card = "good" if all_are_good else _card(number // INVOICES_EACH)
            customer = _customer(number, card, gateways, at)
        invoice = _invoice(customer, version, dice.randint(1, SEATS_MAX), at)
        if card == "refused":
            refused.add(str(invoice.pk))
    return refused


def _card(customer: int) -> str:
    """One in ten is refused wherever it is charged, two in ten only err at one gateway."""
    return {1: "refused", 4: "technical", 7: "technical"}.get(customer % 10, "good")


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

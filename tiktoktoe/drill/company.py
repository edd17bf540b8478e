"""Who pays in the drill: customers with a card at both gateways, or a wallet; and what is due."""

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
from subscriptions.services.catalog import draft_plan_version, publish_plan_version
from subscriptions.services.customers import CustomerDetails, create_customer
from subscriptions.services.price_specs import PriceSpec
from subscriptions.services.signup import subscribe
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Role
from tiktoktoe.drill.gateways import KeepsCards
from tiktoktoe.drill.stories import ACTOR, HOLDS, OF_GOOD_CARDS, Stories, Story
from tiktoktoe.drill.wallets import PayPal

CURRENCY = "USD"
SEAT = Decimal("9.90")
SEATS_MAX = 20
INVOICES_EACH = 4  # one customer's payments run into one another, too


def found(
    *,
    payments: int,
    cards: Sequence[KeepsCards],
    wallets: PayPal | None = None,
    dice: random.Random,
    at: datetime,
    is_calm: bool = False,
) -> Stories:
    """Make so many invoices that are due; gives what each is for.

    Every third customer has a wallet, where there is a gateway of them, and has paid a first
    invoice by it, which is not counted.
    """
    _share_out(at)
    version, stories = _publish(at), dict[str, Story]()
    told = {kind: cycle(_STORIES.get(kind, OF_GOOD_CARDS)) for kind in {*_CARDS, *_WALLETS}}
    of_cards, of_wallets = cycle(_CARDS), cycle(_WALLETS)
    customer, kind = None, "good"
    for number in range(payments):
        if customer is None or number % INVOICES_EACH == 0:
            customer = _customer(number, at)
            if wallets is not None and number // INVOICES_EACH % 3 == 2:
                kind = next(of_wallets)
                first = _invoice(customer, version, 1, at)
                wallets.store(first, kind, at)
                stories[str(first.pk)] = Story.PAID
            else:
                kind = "good" if is_calm else next(of_cards)
                for gateway in cards:
                    gateway.store(customer, kind, at)
            if kind == "held":  # so that nothing is charged by itself
                PaymentMethod.objects.filter(customer=customer).update(is_default=False)
        invoice = _invoice(customer, version, dice.randint(1, SEATS_MAX), at)
        stories[str(invoice.pk)] = Story.PAID if is_calm else next(told[kind])
    return stories


# One in ten is refused wherever it is charged, two only err at one gateway, on two money is held
# by hand, and of one no refund arrives.
_CARDS = (
    *("good", "refused", "held", "good", "technical"),
    *("good", "held", "technical", "refund_fails", "good"),
)
# Of wallets, three in ten pay by a bank account, slowly.
_WALLETS = (
    *("good", "held", "slow", "good", "refused"),
    *("slow", "held", "good", "slow", "good"),
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


def _customer(number: int, at: datetime) -> Customer:
    details = CustomerDetails(
        external_id=f"drill-{number}",
        name=f"Drill Customer {number}",
        email=f"drill{number}@drill.example",
        country="US",
        currency=CURRENCY,
    )
    return create_customer(details=details, at=at)


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

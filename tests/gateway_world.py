"""What every gateway's world can do in a test, so that one test speaks of all of them."""

from typing import Protocol

from billing.models import Invoice, PaymentAttempt, PaymentMethod
from subscriptions.models import Customer
from tests.factories.subscriptions import make_customer
from tiktoktoe.sandbox.control import SandboxControl


class GatewayWorld(Protocol):
    """A real stand-in on the wire, and what a test wants to do or to know there.

    Attributes:
        name: The gateway's.
        charges: Which requests charge a stored method, for faults.
        looks: Which requests look something up, for faults.
        fee: Of a charge of 99.00 USD, once it is told.
    """

    name: str
    address: str
    control: SandboxControl
    charges: str
    looks: str
    refunds: str
    pages: str
    fee: str
    last4: str

    def pay_on_page(self, address: str, card: str = "good", *, authenticate: bool = True) -> None:
        """Do what a customer does on a hosted page."""
        ...

    def store_card(self, customer: Customer, card: str = "good") -> PaymentMethod:
        """Store a card of a customer, by way of the setup page.

        Args:
            card: good, asks_holder, or how it is declined when it is charged later: funds,
                generic, expired, fraud.
        """
        ...

    def confirm(self, attempt: PaymentAttempt, *, passes: bool = True) -> dict[str, str]:
        """Answer the bank's question about a stored card; gives what the browser brings back."""
        ...

    def charged(self, invoice: Invoice) -> list[int]:
        """The gateway's truth: the amounts taken for an invoice, in cents."""
        ...

    def refunded(self) -> int:
        """The gateway's truth: everything that was given back, in cents."""
        ...

    def deliver(self) -> None:
        """Let what the gateway has to tell arrive."""
        ...

    def tell_fees(self) -> None:
        """Let the gateway tell what the payments have cost."""
        ...

    def dispute(
        self, attempt: PaymentAttempt, reason: str = "fraud", *, is_inquiry: bool = False
    ) -> str:
        """Contest a payment as the card's holder, and let it be heard; gives the dispute's name.

        Args:
            reason: fraud, or canceled.
        """
        ...

    def decide(self, dispute: str, verdict: str) -> None:
        """Let the bank decide, and let it be heard: won, lost, or escalated."""
        ...

    def hear(self, dispute: str) -> None:
        """Let what there is to tell of a dispute arrive, once more."""
        ...

    def environment(self) -> dict[str, str]:
        """What a process of its own needs to reach it."""
        ...


def customer_with(world: GatewayWorld, card: str = "good") -> Customer:
    """A customer whose default method is a card stored at this gateway."""
    customer = make_customer()
    world.store_card(customer, card)
    return customer

"""What rows of all kinds have in common: by whom and when, and whose they are."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from billing.services.moving_in.books import Books
from subscriptions.errors import CustomerInvalid, SubscriptionInvalid
from subscriptions.models import Customer, Subscription
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.money import Money, zero

REASON = "Moved in"


@dataclass(frozen=True, slots=True)
class Arrival:
    """By whom and when a row is taken in, and what it says of itself besides being taken.

    `remarks` are by field, and keep nothing out; `sums` are by what they are and by currency.
    """

    actor: Actor
    at: datetime
    books: Books = field(default_factory=Books)
    remarks: list[tuple[str, str]] = field(default_factory=list)
    sums: dict[tuple[str, str], Money] = field(default_factory=dict)

    def add(self, name: str, amount: Money) -> None:
        """Count an amount."""
        key = name, amount.currency.code
        self.sums[key] = self.sums.get(key, zero(amount.currency.code)) + amount


def customer_named(given: Mapping[str, Any]) -> Customer:
    """The customer of a row."""
    customer = Customer.objects.filter(external_id=given["customer"]).first()
    if customer is None:
        raise CustomerInvalid("there is no such customer", field="customer")
    return customer


def subscription_named(reference: str) -> Subscription:
    """The subscription of a reference."""
    known = Subscription.objects.select_related("customer", "plan_version__plan")
    found = known.filter(reference=reference).first()
    if found is None:
        raise SubscriptionInvalid("there is no such subscription", field="subscription")
    return found

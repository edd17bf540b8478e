"""What is on customers' credit balances, and how it came there."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import F, Sum, Window

from billing.models import CreditBalance, CreditEntry
from subscriptions.models import Customer
from tiktoktoe.kernel.money import Money, zero


@dataclass(frozen=True, slots=True)
class BalanceRow:
    """A movement of a balance, with what was on it afterwards."""

    entry: CreditEntry
    after: Money


def credit_of(customer_id: int, currency: str) -> Money:
    """What is on a customer's credit balance in a currency."""
    held = CreditBalance.objects.filter(customer_id=customer_id, currency=currency)
    found = held.order_by("pk").first()
    return found.amount if found else zero(currency)


def credit_balances(customer: Customer) -> list[Money]:
    """What is on each balance of a customer that is not empty."""
    held = CreditBalance.objects.filter(customer=customer, amount__gt=0)
    return [balance.amount for balance in held]


def credit_history(customers: Iterable[Customer], *, limit: int = 200) -> Iterator[BalanceRow]:
    """The latest movements, each with the balance after it."""
    running = Window(
        Sum("amount"),
        partition_by=[F("customer"), F("currency")],
        order_by=[F("recorded_at").asc(), F("pk").asc()],
    )
    entries = (
        CreditEntry.objects.filter(customer__in=customers)
        .select_related("invoice", "credit_note__invoice")
        .annotate(after=running)
        .order_by("-recorded_at", "-pk")
    )
    for entry in entries[:limit]:
        yield BalanceRow(entry, Money(entry.after, entry.currency))

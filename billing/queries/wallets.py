"""What is in customers' wallets."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, Sum

from billing.models import PrepaidCredit, Wallet
from subscriptions.models import Customer
from tiktoktoe.kernel.money import Money


@dataclass(frozen=True, slots=True)
class WalletRow:
    """A wallet with what is left in it, lot by lot."""

    wallet: Wallet
    left: Money
    lots: tuple[PrepaidCredit, ...]


def prepaid_of(customer_id: int, currency: str, at: datetime) -> Money:
    """What a customer's wallets in a currency hold that has not expired."""
    lots = PrepaidCredit.objects.filter(wallet__customer=customer_id, wallet__currency=currency)
    valid = lots.filter(Q(expires_at=None) | Q(expires_at__gt=at))
    return Money(valid.aggregate(left=Sum("amount_left"))["left"] or 0, currency)


def wallet_rows(customer: Customer, at: datetime) -> list[WalletRow]:
    """A customer's wallets, in the order in which they are used."""
    rows = []
    for wallet in customer.wallets.prefetch_related("credits"):
        lots = tuple(wallet.credits.all())
        valid = [lot for lot in lots if lot.expires_at is None or lot.expires_at > at]
        left = sum((lot.amount_left for lot in valid), Money(0, wallet.currency))
        rows.append(WalletRow(wallet, left, lots))
    return rows

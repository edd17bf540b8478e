"""What is in customers' wallets."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import QuerySet

from billing.domain.prepaid import Charge, LimitedLot, cover
from billing.models import InvoiceLine, PrepaidCredit, Wallet
from subscriptions.models import Customer, Price
from tiktoktoe.kernel.money import Money
from tiktoktoe.standing import standing


@dataclass(frozen=True, slots=True)
class WalletRow:
    """A wallet with what is left in it, lot by lot."""

    wallet: Wallet
    left: Money
    lots: tuple[PrepaidCredit, ...]


@standing
def _lots(customer: int, currency: str) -> "QuerySet[PrepaidCredit]":
    lots = PrepaidCredit.objects.filter(wallet__customer=customer, wallet__currency=currency)
    return lots.filter(amount_left__gt=0).order_by().select_related("wallet")


class Purse:
    """For previews: a customer's wallets in a currency, remembering what earlier invoices took."""

    def __init__(
        self,
        customer_id: int,
        currency: str,
        refilled: Iterable[PrepaidCredit] = (),
        *,
        has_any: bool = True,
    ) -> None:
        """`refilled`: lots as they are once an invoice has given something back to them.

        `has_any`: whether there are others, where that is known.
        """
        back = {lot.pk: lot for lot in refilled}
        lots = _lots.rows(customer=customer_id, currency=currency) if has_any else []
        found = [*(lot for lot in lots if lot.pk not in back), *back.values()]
        self._lots = sorted(found, key=order_of_use)
        self._held = {lot.pk: lot.amount_left.amount for lot in self._lots}
        self._currency = currency

    def take(self, lines: Iterable[tuple[int | None, Money]], due: Money, at: datetime) -> Money:
        """What the wallets pay of an invoice with these prices and gross amounts, and use up."""
        valid = [lot for lot in self._lots if lot.expires_at is None or lot.expires_at > at]
        limited = [limited_lot(x, self._held[x.pk]) for x in valid if x.wallet.is_limited]
        paid = cover(limited, _charges(list(lines)), due.amount) if limited else []
        left = due.amount - sum((amount for _, amount in paid), Decimal(0))
        for lot in valid:
            if not lot.wallet.is_limited and (amount := min(self._held[lot.pk], left)) > 0:
                paid.append((lot.pk, amount))
                left -= amount
        for key, amount in paid:
            self._held[key] -= amount
        return Money(due.amount - left, self._currency)


def order_of_use(lot: PrepaidCredit) -> tuple[object, ...]:
    """In which order lots are used: by wallet, then what expires first, was granted, is oldest.

    As the SQL that takes them says it (billing.services.credit.prepaid).
    """
    expires = (lot.expires_at is None, lot.expires_at or lot.at)
    return lot.wallet.priority, expires, str(lot.kind), lot.at, lot.pk


def limited_lot(lot: PrepaidCredit, held: Decimal) -> LimitedLot:
    """A lot of a limited wallet with so much left of it."""
    wallet = lot.wallet
    return LimitedLot(
        key=lot.pk,
        held=held,
        plans=frozenset(wallet.plan_codes),
        meters=frozenset(wallet.meter_codes),
    )


def charges_of(invoice_ids: Sequence[UUID]) -> Mapping[UUID, list[Charge]]:
    """The lines of invoices as limited wallets look at them."""
    found: dict[UUID, list[Charge]] = defaultdict(list)
    rows = InvoiceLine.objects.filter(invoice__in=invoice_ids).values_list(
        "invoice", "amount", "tax_amount", "price__plan_version__plan__code", "price__meter__code"
    )
    for invoice_id, amount, tax, plan, meter in rows.order_by("invoice", "position"):
        found[invoice_id].append(Charge(gross=amount + tax, plan=plan or "", meter=meter or ""))
    return found


def _charges(lines: Sequence[tuple[int | None, Money]]) -> list[Charge]:
    prices = Price.objects.filter(pk__in=[price_id for price_id, _ in lines if price_id])
    codes = {
        pk: (plan, meter or "")
        for pk, plan, meter in prices.values_list("pk", "plan_version__plan__code", "meter__code")
    }
    found = []
    for price_id, gross in lines:
        plan, meter = codes.get(price_id or 0, ("", ""))
        found.append(Charge(gross=gross.amount, plan=plan, meter=meter))
    return found


def wallet_rows(customer: Customer, at: datetime) -> list[WalletRow]:
    """A customer's wallets, in the order in which they are used."""
    rows = []
    for wallet in customer.wallets.prefetch_related("credits"):
        lots = tuple(wallet.credits.all())
        valid = [lot for lot in lots if lot.expires_at is None or lot.expires_at > at]
        left = sum((lot.amount_left for lot in valid), Money(0, wallet.currency))
        rows.append(WalletRow(wallet, left, lots))
    return rows

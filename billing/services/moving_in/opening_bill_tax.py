"""A bill of another engine, and the tax on it: as the file says, else as our own rates have it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from billing.domain.tax import RateTotal, TaxedLine, TaxRate, TaxTreatment
from billing.domain.tax_engine import Sale, SaleLine
from billing.domain.totals import Totals
from billing.errors import OpeningBillInvalid
from billing.gateways.tax_service import tax_engine
from billing.services.invoices.tax import tax_rounding
from billing.services.invoices.terms import LoadedPrice
from billing.services.moving_in.arrivals import Arrival
from billing.services.moving_in.books import Books
from subscriptions.models import Plan, Subscription
from tiktoktoe.kernel.money import Money, allocate, quantize, total
from tiktoktoe.kernel.periods import Period, local_date


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningBill:
    """What a row says was billed, of which prices and for which time; known by its key."""

    subscription: Subscription
    plan: Plan
    prices: Sequence[LoadedPrice]
    period: Period
    quantity: int
    reference: str
    key: str
    amounts: Sequence[Money]
    discounts: Sequence[Money]

    @property
    def amount(self) -> Money:
        """What was charged, as the prices say it."""
        return total(self.amounts, self.subscription.currency)


def payable(amount: Decimal, subscription: Subscription, name: str) -> Money:
    """An amount of a field; refused if nobody could pay it."""
    money = Money(amount, subscription.currency)
    if quantize(money) != money:
        raise OpeningBillInvalid(f"{money} is no payable amount", field=name)
    return money


def tax_of_bill(bill: OpeningBill, given: Decimal | None, by: Arrival) -> Totals:
    """The lines with their tax.

    Raises:
        OpeningBillInvalid: If the tax makes no sense, or nobody can say it.
    """
    if given is None:
        if tax_engine() is not None:
            raise OpeningBillInvalid("say it: the tax engine is not asked about it", field="tax")
        return _by_our_rates(bill, by.books)
    tax = payable(given, bill.subscription, "tax")
    ours = _by_our_rates(bill, by.books) if tax_engine() is None else None
    if ours is not None and ours.tax == tax:
        return ours
    if tax >= bill.amount:
        raise OpeningBillInvalid(f"{tax} is more than what it is on", field="tax")
    if ours is not None:
        by.remarks.append(("tax", f"{tax} was charged; by our rates it is {ours.tax}"))
    return _as_said(bill, tax)


def _by_our_rates(bill: OpeningBill, books: Books) -> Totals:
    customer = bill.subscription.customer
    sale = Sale(
        key="",
        payer=customer,
        on=local_date(bill.period.start, customer.time_zone),
        currency=bill.subscription.currency,
        rounding=tax_rounding(),
        seller_country=books.issuers.of(customer, bill.plan)[1].country,
        lines=[
            SaleLine(amount=amount, price_id=loaded.price.pk, includes_tax=loaded.includes_tax)
            for loaded, amount in zip(bill.prices, bill.amounts, strict=True)
        ],
    )
    return books.taxes(customer.country).tax(sale)


def _as_said(bill: OpeningBill, tax: Money) -> Totals:
    """One tax of the amount that the row says, shared out to the lines."""
    includes_tax = bill.prices[0].includes_tax
    net = bill.amount - tax if includes_tax else bill.amount
    rate = TaxRate(
        code="elsewhere",
        name="Tax",
        percentage=(tax.amount / net.amount * 100).quantize(Decimal("0.0001")),
        treatment=TaxTreatment.TAXED if tax else TaxTreatment.OUT_OF_SCOPE,
        jurisdiction=bill.subscription.customer.country,
    )
    parts = allocate(tax, [amount.amount for amount in bill.amounts])
    lines = tuple(
        TaxedLine(net=amount - part if includes_tax else amount, taxes=(part,), rates=(rate,))
        for amount, part in zip(bill.amounts, parts, strict=True)
    )
    return Totals(
        lines=lines,
        by_rate=(RateTotal(rate=rate, base=net, tax=tax),),
        subtotal=net,
        tax=tax,
        total=net + tax,
    )

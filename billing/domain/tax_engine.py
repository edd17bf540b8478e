"""What a tax engine is asked and answers, whoever it is; an answer is checked before it counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Protocol

from billing.domain.tax import (
    RateTotal,
    TaxableLine,
    TaxedLine,
    TaxRate,
    TaxRounding,
    TaxTreatment,
)
from billing.domain.totals import Totals, totals
from billing.errors import TaxAnswerWrong
from tiktoktoe.kernel.money import Money, quantize, total

PENDING = TaxRate(
    code="", name="Tax to come", percentage=Decimal(0), treatment=TaxTreatment.OUT_OF_SCOPE
)


class TaxPayer(Protocol):
    """What decides who is owed tax of a customer."""

    country: str
    region: str
    city: str
    postal_code: str
    tax_number: str
    is_tax_exempt: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleLine:
    """A line as its price says it: with tax or without, of a category or a price of one."""

    amount: Money
    price_id: int | None = None
    category: str = ""
    exact: Fraction | None = None
    includes_tax: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """What is sold to whom on which day; the key names it, however often it is asked about.

    An estimate is for a preview: nothing is sold yet, and an engine need not keep it.
    """

    key: str
    payer: TaxPayer
    on: date
    currency: str
    rounding: TaxRounding
    lines: Sequence[SaleLine]
    seller_country: str = ""
    is_estimate: bool = False


class TaxEngine(Protocol):
    """Works out the tax of a sale.

    An engine that is not ours is asked outside of transactions, for drafts that wait for it.

    Raises:
        TaxRateMissing, GatewayError: If it cannot say.
    """

    def tax(self, sale: Sale) -> Totals:
        """The sale's lines with their taxes, and what they come to."""
        ...


def untaxed(sale: Sale) -> Totals:
    """A sale whose tax is still to come."""
    return totals(
        [
            TaxableLine(amount=line.amount, rates=(PENDING,), includes_tax=line.includes_tax)
            for line in sale.lines
        ],
        currency=sale.currency,
    )


def checked(sale: Sale, taxed: Sequence[TaxedLine]) -> Totals:
    """An engine's lines and what they come to.

    Raises:
        TaxAnswerWrong: If a line is missing, or an amount is not the one that was asked about.
    """
    if len(taxed) != len(sale.lines):
        raise TaxAnswerWrong(f"{len(taxed)} lines came back for {len(sale.lines)}")
    for number, (line, answer) in enumerate(zip(sale.lines, taxed, strict=True), start=1):
        if not answer.rates or any(quantize(tax) != tax for tax in answer.taxes):
            raise TaxAnswerWrong(f"the taxes of line {number} are no payable amounts")
        if (answer.gross if line.includes_tax else answer.net) != line.amount:
            raise TaxAnswerWrong(f"line {number} is {line.amount}, not what was answered")
    by_rate = []
    for rate in dict.fromkeys(rate for line in taxed for rate in line.rates):
        charged = [line for line in taxed if rate in line.rates]
        tax = total((line.taxes[line.rates.index(rate)] for line in charged), sale.currency)
        base = total((line.net for line in charged), sale.currency)
        by_rate.append(RateTotal(rate=rate, base=base, tax=tax))
    subtotal = total((line.net for line in taxed), sale.currency)
    tax = total((line.tax for line in taxed), sale.currency)
    if tax != total((row.tax for row in by_rate), sale.currency) or (subtotal + tax).amount < 0:
        raise TaxAnswerWrong("the taxes do not add up")
    return Totals(
        lines=tuple(taxed),
        by_rate=tuple(by_rate),
        subtotal=subtotal,
        tax=tax,
        total=subtotal + tax,
    )

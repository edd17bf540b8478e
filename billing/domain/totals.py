"""What a document's lines come to."""

from collections.abc import Sequence
from dataclasses import dataclass

from billing.domain.tax import RateTotal, TaxableLine, TaxedLine, TaxRounding, tax_lines
from billing.errors import TotalsDisagree
from tiktoktoe.kernel.money import Money, total, zero


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Subtotal, tax by rate and total of a document, and each line with its tax."""

    lines: tuple[TaxedLine, ...]
    by_rate: tuple[RateTotal, ...]
    subtotal: Money
    tax: Money
    total: Money


def totals(
    lines: Sequence[TaxableLine],
    *,
    currency: str,
    rounding: TaxRounding = TaxRounding.PER_INVOICE,
) -> Totals:
    """Add up the lines of a document, which are payable amounts; of none, zero.

    Raises:
        CurrencyMismatch: If a line is in another currency.
        TotalsDisagree: If the parts did not add up, which would be a fault here.
    """
    taxed = tax_lines(lines, currency=currency, rounding=rounding)
    subtotal = total((line.net for line in taxed.lines), currency)
    tax = total((row.tax for row in taxed.by_rate), currency)
    if tax != total((line.tax for line in taxed.lines), currency):
        raise TotalsDisagree("the lines' taxes do not add up to the rates' taxes")
    return Totals(
        lines=taxed.lines, by_rate=taxed.by_rate, subtotal=subtotal, tax=tax, total=subtotal + tax
    )


def creditable(*, invoiced: Money, credited: Money) -> Money:
    """How much of an invoice can still be taken back."""
    return max(invoiced - credited, zero(invoiced.currency))

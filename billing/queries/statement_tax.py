"""The tax of the documents on a statement: each one's by rate, and all of them together."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from billing.models import CreditNote, Invoice
from tiktoktoe.kernel.money import Money, total


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxPart:
    """One tax at one rate: on what, and how much; below zero where it is taken back."""

    name: str
    percentage: Decimal
    net: Money
    tax: Money

    @property
    def is_charged(self) -> bool:
        """Whether there is a tax; an exemption has a name and no tax."""
        return bool(self.percentage or self.tax)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentTax:
    """What documents come to before tax, each tax, and with it.

    With several taxes on one line the nets of the parts add up to more than the net.
    """

    net: Money
    parts: tuple[TaxPart, ...]
    tax: Money
    gross: Money


def tax_of(document: Invoice | CreditNote, *, sign: int = 1) -> DocumentTax:
    """A document's own, as it was issued; `sign` -1: it is taken back, or takes back."""
    currency = document.currency
    return DocumentTax(
        net=document.subtotal * sign,
        parts=tuple(
            TaxPart(
                name=str(row["name"]),
                percentage=Decimal(row["percentage"]),
                net=Money(row["base"], currency) * sign,
                tax=Money(row["tax"], currency) * sign,
            )
            for row in document.tax_breakdown
        ),
        tax=document.tax * sign,
        gross=document.total * sign,
    )


def tax_in_all(documents: Iterable[DocumentTax], currency: str) -> DocumentTax:
    """Of several documents together, rate by rate in the order in which they came."""
    found = list(documents)
    by_rate: dict[tuple[str, Decimal], list[TaxPart]] = {}
    for part in (part for document in found for part in document.parts):
        by_rate.setdefault((part.name, part.percentage), []).append(part)
    return DocumentTax(
        net=total((document.net for document in found), currency),
        parts=tuple(
            TaxPart(
                name=name,
                percentage=percentage,
                net=total((part.net for part in parts), currency),
                tax=total((part.tax for part in parts), currency),
            )
            for (name, percentage), parts in by_rate.items()
        ),
        tax=total((document.tax for document in found), currency),
        gross=total((document.gross for document in found), currency),
    )

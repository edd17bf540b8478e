"""What all printed documents share: who writes to whom, facts, totals, and notes about tax."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.domain.issuing import IssuedBy
from billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from billing.queries.issuers import company
from billing.services.documents.words import Wording

LABELS = {
    "bill_to": "Bill to",
    "description": "Description",
    "quantity": "Quantity",
    "unit_price": "Unit price",
    "amount": "Amount",
    "how_to_pay": "How to pay",
    "page": "Page",
}
Row = dict[str, Any]


def letter(title: str, kind: str, bill_to: Row, issued: datetime, seller: IssuedBy) -> Row:
    wording, number = Wording.of(bill_to), seller.tax_number
    contact = [number and wording.say("VAT {number}", number=number), seller.email]
    return {
        "title": title,
        "kind": kind,
        "language": wording.locale.language,
        "labels": {name: wording.say(label) for name, label in LABELS.items()},
        "issued_parts": {
            "year": issued.year,
            "month": issued.month,
            "day": issued.day,
        },
        "seller": {
            "name": seller.name,
            "address": seller.address,
            "logo_text": seller.logo_text,
            "colour": seller.colour,
            "footer": seller.footer,
            "contact": " · ".join(part for part in contact if part),
        },
        "bill_to": _address(bill_to, wording),
    }


def seller_of(invoice: Invoice) -> IssuedBy:
    """Who issued it, as it was then."""
    return IssuedBy.from_json(invoice.issued_by) if invoice.issued_by else company()


def named_facts(facts: Iterable[tuple[str, str]], wording: Wording) -> list[list[str]]:
    """Those that there are, named in the customer's language."""
    return [[wording.say(name), value] for name, value in facts if value]


def _address(bill_to: Row, wording: Wording) -> list[str]:
    country = str(bill_to.get("country", ""))
    parts = [
        bill_to.get("name", ""),
        bill_to.get("address_line1", ""),
        bill_to.get("address_line2", ""),
        f"{bill_to.get('postal_code', '')} {bill_to.get('city', '')}".strip(),
        bill_to.get("region", ""),
        wording.locale.territories.get(country, country),
    ]
    return [str(part) for part in parts if part]


def shown_amount(line: InvoiceLine | CreditNoteLine, *, with_tax: bool) -> Decimal:
    """A line's amount: with tax where every price of the document includes it, else net."""
    amount = line.amount + line.tax_amount if with_tax else line.amount
    return Decimal(amount.amount)


def sums(
    document: Invoice | CreditNote, total_name: str, wording: Wording, *, with_tax: bool
) -> Iterable[Row]:
    """Subtotal, taxes, total; where the lines are with tax, the total and what is in it."""
    currency = document.currency
    whole = total_row(total_name, document.total.amount, currency, wording, strong=True)
    taxes = list(_taxes(document.tax_breakdown, currency, wording, with_tax=with_tax))
    if with_tax:
        yield from [whole, *taxes]
        return
    yield total_row("Subtotal", document.subtotal.amount, currency, wording, strong=False)
    yield from [*taxes, whole]


def _taxes(
    tax_breakdown: Sequence[Row], currency: str, wording: Wording, *, with_tax: bool
) -> Iterable[Row]:
    for row in tax_breakdown:
        if Decimal(row["tax"]) or row.get("treatment") == "taxed":
            base = wording.money(Decimal(row["base"]), currency)
            percentage = wording.percentage(Decimal(row["percentage"]))
            tax = wording.say(str(row["name"]))
            words = (
                "including {tax} {percentage} on {base}"
                if with_tax
                else "{tax} {percentage} on {base}"
            )
            name = wording.say(words, tax=tax, percentage=percentage, base=base)
        else:
            name = str(row["name"])
        yield total_row(name, Decimal(row["tax"]), currency, wording, strong=False)


def total_row(name: str, amount: Decimal, currency: str, wording: Wording, *, strong: bool) -> Row:
    """A row of the totals; its name is put into the customer's language."""
    said = wording.say(name)
    return {"name": said, "amount": wording.money(amount, currency), "strong": strong}


def tax_notes(tax_breakdown: Sequence[Row], wording: Wording) -> list[str]:
    notes = dict.fromkeys(row["note"] for row in tax_breakdown if row.get("note"))
    return [wording.say(note) for note in notes]

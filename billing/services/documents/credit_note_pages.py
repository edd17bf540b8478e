"""What is printed on a credit note, in the customer's words."""

from billing.models import CreditNote
from billing.services.documents.letters import (
    Row,
    letter,
    named_facts,
    seller_of,
    shown_amount,
    sums,
    tax_notes,
    total_row,
)
from billing.services.documents.words import Wording


def credit_note_content(note: CreditNote) -> Row:
    """What is printed on a credit note, in words."""
    invoice = note.invoice
    wording = Wording.of(invoice.bill_to)
    facts = [
        ("Credit note number", note.number),
        ("Date", wording.day(note.issued_at)),
        ("For invoice", str(invoice)),
        *([("Invoice date", wording.day(invoice.finalized_at))] if invoice.finalized_at else []),
        ("Your tax number", str(invoice.bill_to.get("tax_number", ""))),
    ]
    lines = list(note.lines.select_related("invoice_line").order_by("invoice_line__position"))
    with_tax = all(line.invoice_line.includes_tax for line in lines)
    rows = [
        {
            "description": wording.line(line.invoice_line.kind, line.description),
            "note": wording.days(line.invoice_line.period_start, line.invoice_line.period_end),
            "steps": [],
            "quantity": "",
            "unit_price": "",
            "amount": wording.money(shown_amount(line, with_tax=with_tax), note.currency),
        }
        for line in lines
    ]
    total = wording.money(note.total.amount, note.currency)
    title = wording.say("Credit note {number}", number=note.number)
    reason = wording.say("Reason: {reason}", reason=wording.reason(note.reason))
    return {
        **letter(
            title, wording.say("Credit note"), invoice.bill_to, note.issued_at, seller_of(invoice)
        ),
        "stamp": None,
        "facts": named_facts(facts, wording),
        "headline": wording.say("{amount} credited", amount=total),
        "lines": rows,
        "totals": [
            *sums(note, "Total credited", wording, with_tax=with_tax),
            *_note_parts(note, wording),
        ],
        "notes": [reason, *tax_notes(note.tax_breakdown, wording)],
    }


def _note_parts(note: CreditNote, wording: Wording) -> list[Row]:
    """Where the credit goes."""
    parts = [
        (wording.say("Off invoice {number}", number=str(note.invoice)), note.owed_less.amount),
        ("Back to prepaid credits", note.to_wallets.amount),
        ("To be refunded", note.to_refund.amount),
        ("To your credit balance", note.to_balance.amount),
    ]
    return [
        total_row(name, amount, note.currency, wording, strong=False)
        for name, amount in parts
        if amount
    ]

"""Invoices and credit notes as PDF: the same bytes for the same document, every time.

Everything that is printed comes ready, as JSON, so that no customer's name can be read as
markup. The compiler is kept: a document takes some ten milliseconds.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Any

import typst
from django.conf import settings

from billing.domain.creditor_references import creditor_reference, printed
from billing.domain.issuing import IssuedBy
from billing.models import CreditNote, CreditNoteLine, DisputeAnswer, Invoice, InvoiceLine
from billing.queries.issuers import IssuerBook, company
from billing.queries.statements import Statement
from billing.services.documents.words import Wording
from billing.services.invoices.writing import bill_to
from tiktoktoe.kernel.clock import utc

FOLDER = Path(settings.BASE_DIR) / "templates" / "documents"
FONTS = Path(str(files("font_source_sans_pro"))) / "files"
LABELS = {
    "bill_to": "Bill to",
    "description": "Description",
    "quantity": "Quantity",
    "unit_price": "Unit price",
    "amount": "Amount",
    "how_to_pay": "How to pay",
    "page": "Page",
}
STAMPS = {"draft": ("Draft", "bad"), "paid": ("Paid", "good"), "void": ("Void", "bad")}
_compiling = Lock()
Row = dict[str, Any]


def invoice_pdf(*, invoice: Invoice) -> bytes:
    """An invoice as PDF."""
    return _compile("invoice.typ", invoice_content(invoice), invoice.finalized_at)


def sample_pdf(*, invoice: Invoice, seller: IssuedBy) -> bytes:
    """What an invoice would look like had somebody else issued it; nothing is kept."""
    invoice.issued_by = seller.to_json()
    return invoice_pdf(invoice=invoice)


def credit_note_pdf(*, note: CreditNote) -> bytes:
    """A credit note as PDF."""
    return _compile("credit_note.typ", credit_note_content(note), note.issued_at)


def statement_pdf(*, statement: Statement) -> bytes:
    """A statement of account as PDF."""
    return _compile("statement.typ", statement_content(statement), statement.end)


def evidence_pdf(*, answer: DisputeAnswer, at: datetime) -> bytes:
    """What we hold against a dispute, as PDF."""
    return _compile("evidence.typ", evidence_content(answer, at), at)


def evidence_content(answer: DisputeAnswer, at: datetime) -> Row:
    """What is printed of an answer; banks read English."""
    payment = answer.dispute.payment
    to = {**payment.invoice.bill_to, "locale": "en", "time_zone": "UTC"}
    wording = Wording.of(to)
    title = f"Evidence about invoice {payment.invoice}"
    letter = _letter(title, "Evidence", to, at, _seller(payment.invoice))
    return {
        **letter,
        "stamp": None,
        "labels": {**letter["labels"], "bill_to": "Customer"},
        "facts": [
            ["Dispute", answer.dispute.gateway_reference],
            ["Payment", answer.dispute.attempt.gateway_reference],
            ["Amount", wording.money(answer.dispute.amount.amount, answer.dispute.currency)],
            ["Reason", answer.dispute.reason],
        ],
        "headline": title,
        "sections": [
            {"name": name.capitalize(), "lines": text.splitlines()}
            for name, text in answer.texts.items()
            if text.strip()
        ],
    }


def statement_content(statement: Statement) -> Row:
    """What is printed on a statement, in words."""
    customer, currency = statement.customer, statement.currency
    _, seller = IssuerBook().of(customer)
    to = bill_to(customer)
    wording = Wording.of(to)
    days = wording.days(statement.start, statement.end)
    closing = wording.money(statement.closing.amount, currency)
    rows = [
        {
            "description": f"{wording.say(row.what)} {row.number}".strip(),
            "note": wording.day(row.at),
            "steps": [],
            "quantity": "",
            "unit_price": wording.money(row.amount.amount, currency),
            "amount": wording.money(row.balance.amount, currency),
        }
        for row in statement.rows
    ]
    title = wording.say("Statement of {days}", days=days)
    letter = _letter(title, wording.say("Statement"), to, statement.last_day, seller)
    columns = {"quantity": "", "unit_price": wording.say("Amount")}
    labels = {**letter["labels"], **columns, "amount": wording.say("Owed then")}
    last_day = wording.day(statement.last_day)
    return {
        **letter,
        "labels": labels,
        "stamp": None,
        "facts": [
            [wording.say("Days"), days],
            [wording.say("Currency"), currency],
            [wording.say("Customer"), customer.external_id],
        ],
        "headline": wording.say("{amount} owed on {day}", amount=closing, day=last_day),
        "lines": rows,
        "totals": [
            _total("Opening", statement.opening.amount, currency, wording, strong=False),
            _total("Closing", statement.closing.amount, currency, wording, strong=True),
        ],
        "notes": [],
    }


def invoice_content(invoice: Invoice) -> Row:
    """What is printed on an invoice, in words."""
    wording = Wording.of(invoice.bill_to)
    issued = invoice.finalized_at or invoice.created_at
    lines = list(invoice.lines.select_related("subscription").order_by("position"))
    with_tax = bool(lines) and all(line.includes_tax for line in lines)
    facts = [
        ("Invoice number", invoice.number or wording.say("not issued yet")),
        ("Date", wording.day(issued)),
        ("Due", wording.day(invoice.due_at) if invoice.due_at else ""),
        ("Replaces invoice", str(invoice.replaces) if invoice.replaces else ""),
        ("Period", _period(invoice, wording)),
        ("Your tax number", str(invoice.bill_to.get("tax_number", ""))),
    ]
    due = wording.money(invoice.amount_due.amount, invoice.currency)
    is_owed = invoice.state in {"open", "uncollectible"} and invoice.amount_due.amount > 0
    headline = None
    if is_owed and invoice.due_at:
        headline = wording.say("{amount} due {day}", amount=due, day=wording.day(invoice.due_at))
    title = (
        wording.say("Invoice {number}", number=invoice.number)
        if invoice.number
        else wording.say("Draft of an invoice")
    )
    return {
        **_letter(title, wording.say("Invoice"), invoice.bill_to, issued, _seller(invoice)),
        "stamp": _stamp(invoice, wording),
        "facts": _facts(facts, wording),
        "headline": headline,
        "lines": list(_lines(invoice, lines, wording, with_tax=with_tax)),
        "totals": _invoice_totals(invoice, wording, with_tax=with_tax),
        "notes": _tax_notes(invoice.tax_breakdown, wording),
        "pay": _how_to_pay(invoice, wording) if is_owed else None,
        "pay_link": f"{settings.BASE_URL}/portal/" if is_owed else None,
    }


def credit_note_content(note: CreditNote) -> Row:
    """What is printed on a credit note, in words."""
    invoice = note.invoice
    wording = Wording.of(invoice.bill_to)
    assert invoice.finalized_at is not None
    facts = [
        ("Credit note number", note.number),
        ("Date", wording.day(note.issued_at)),
        ("For invoice", f"{invoice.number}"),
        ("Invoice date", wording.day(invoice.finalized_at)),
        ("Your tax number", str(invoice.bill_to.get("tax_number", ""))),
    ]
    lines = list(note.lines.select_related("invoice_line").order_by("invoice_line__position"))
    with_tax = all(line.invoice_line.includes_tax for line in lines)
    rows = [
        {
            "description": line.description,
            "note": wording.days(line.invoice_line.period_start, line.invoice_line.period_end),
            "steps": [],
            "quantity": "",
            "unit_price": "",
            "amount": wording.money(_shown(line, with_tax=with_tax), note.currency),
        }
        for line in lines
    ]
    total = wording.money(note.total.amount, note.currency)
    title = wording.say("Credit note {number}", number=note.number)
    reason = wording.say("Reason: {reason}", reason=note.reason)
    return {
        **_letter(
            title, wording.say("Credit note"), invoice.bill_to, note.issued_at, _seller(invoice)
        ),
        "stamp": None,
        "facts": _facts(facts, wording),
        "headline": wording.say("{amount} credited", amount=total),
        "lines": rows,
        "totals": [
            *_sums(note, "Total credited", wording, with_tax=with_tax),
            *_note_parts(note, wording),
        ],
        "notes": [reason, *_tax_notes(note.tax_breakdown, wording)],
    }


def _note_parts(note: CreditNote, wording: Wording) -> list[Row]:
    """Where the credit goes."""
    parts = [
        (wording.say("Off invoice {number}", number=str(note.invoice)), note.to_invoice.amount),
        ("To be refunded", note.to_refund.amount),
        ("To your credit balance", note.to_balance.amount),
    ]
    return [
        _total(name, amount, note.currency, wording, strong=False)
        for name, amount in parts
        if amount
    ]


def _seller(invoice: Invoice) -> IssuedBy:
    """Who issued it, as it was then."""
    return IssuedBy.from_json(invoice.issued_by) if invoice.issued_by else company()


def _letter(title: str, kind: str, bill_to: Row, issued: datetime, seller: IssuedBy) -> Row:
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


def _facts(facts: Iterable[tuple[str, str]], wording: Wording) -> list[list[str]]:
    """Those that there are, named in the customer's language."""
    return [[wording.say(name), value] for name, value in facts if value]


def _stamp(invoice: Invoice, wording: Wording) -> Row | None:
    if invoice.state not in STAMPS:
        return None
    words, tone = STAMPS[invoice.state]
    return {"words": wording.say(words), "tone": tone}


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


def _period(invoice: Invoice, wording: Wording) -> str:
    """From the first day of any line to the last."""
    lines = list(invoice.lines.all())
    if not lines:
        return ""
    start = min(line.period_start for line in lines)
    return wording.days(start, max(line.period_end for line in lines))


def _shown(line: InvoiceLine | CreditNoteLine, *, with_tax: bool) -> Decimal:
    """A line's amount: with tax where every price of the document includes it, else net."""
    amount = line.amount + line.tax_amount if with_tax else line.amount
    return Decimal(amount.amount)


def _lines(
    invoice: Invoice, lines: Iterable[InvoiceLine], wording: Wording, *, with_tax: bool
) -> Iterable[Row]:
    """Its lines; where they are of several subscriptions, with a heading for each."""
    before = invoice.subscription_id
    for line in lines:
        of = line.subscription
        group = ""
        if of is not None and of.pk != before:
            group, before = wording.say("Subscription {reference}", reference=of.reference), of.pk
        yield {**_line(line, wording, with_tax=with_tax), "group": group}


def _line(line: InvoiceLine, wording: Wording, *, with_tax: bool) -> Row:
    # A price with tax has no place beside net amounts.
    unit_amount = line.unit_amount if with_tax or not line.includes_tax else None
    return {
        "description": line.description,
        "note": wording.days(line.period_start, line.period_end),
        "steps": list(_steps(line, wording, with_tax=with_tax)),
        "quantity": wording.number(line.quantity),
        "unit_price": (
            wording.price(unit_amount, line.currency) if unit_amount is not None else ""
        ),
        "amount": wording.money(_shown(line, with_tax=with_tax), line.currency),
    }


def _steps(line: InvoiceLine, wording: Wording, *, with_tax: bool) -> Iterable[str]:
    """The arithmetic, where quantity times unit price does not say it all."""
    inputs = line.derivation.get("inputs", {})
    steps: Sequence[Row] = line.derivation.get("steps", [])
    included = inputs.get("included")
    if included:
        billable = wording.number(Decimal(inputs["billable"]))
        yield wording.say(
            "{included} included, {billable} charged",
            included=wording.number(Decimal(included)),
            billable=billable,
        )
    if line.unit_amount is None and line.quantity and (with_tax or not line.includes_tax):
        yield from (f"{step['label']}: {step['formula']}" for step in steps)
    if line.discount:
        less = wording.money(line.discount.amount, line.currency)
        yield wording.say("less {amount} by coupon", amount=less)
    if line.includes_tax and not with_tax:
        yield wording.say(
            "{amount} with tax", amount=wording.money(line.charged.amount, line.currency)
        )


def _invoice_totals(invoice: Invoice, wording: Wording, *, with_tax: bool) -> list[Row]:
    currency = invoice.currency
    rows = list(_sums(invoice, "Total", wording, with_tax=with_tax))
    deductions = [
        ("Credited", -invoice.amount_taken_off.amount),
        ("Paid from your credit balance", -invoice.amount_from_balance.amount),
        ("Paid from prepaid credits", -invoice.amount_from_wallets.amount),
        ("Amount paid", -invoice.amount_paid.amount),
        ("Refunded", invoice.amount_refunded.amount),
    ]
    shown = [
        _total(name, amount, currency, wording, strong=False)
        for name, amount in deductions
        if amount
    ]
    if shown:
        due = invoice.amount_due.amount
        rows += [*shown, _total("Amount due", due, currency, wording, strong=True)]
    return rows


def _sums(
    document: Invoice | CreditNote, total_name: str, wording: Wording, *, with_tax: bool
) -> Iterable[Row]:
    """Subtotal, taxes, total; where the lines are with tax, the total and what is in it."""
    currency = document.currency
    whole = _total(total_name, document.total.amount, currency, wording, strong=True)
    taxes = list(_taxes(document.tax_breakdown, currency, wording, with_tax=with_tax))
    if with_tax:
        yield from [whole, *taxes]
        return
    yield _total("Subtotal", document.subtotal.amount, currency, wording, strong=False)
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
        yield _total(name, Decimal(row["tax"]), currency, wording, strong=False)


def _total(name: str, amount: Decimal, currency: str, wording: Wording, *, strong: bool) -> Row:
    """A row of the totals; its name is put into the customer's language."""
    said = wording.say(name)
    return {"name": said, "amount": wording.money(amount, currency), "strong": strong}


def _tax_notes(tax_breakdown: Sequence[Row], wording: Wording) -> list[str]:
    notes = dict.fromkeys(row["note"] for row in tax_breakdown if row.get("note"))
    return [wording.say(note) for note in notes]


def transfer_reference(invoice: Invoice) -> str:
    """What a payer puts on a transfer: in euros the structured reference, which banks check."""
    number = str(invoice.number)
    reference = creditor_reference(number) if invoice.currency == "EUR" else ""
    return f"{printed(reference)} ({number})" if reference else number


def _how_to_pay(invoice: Invoice, wording: Wording) -> list[str]:
    bank = _seller(invoice).bank
    by_card = wording.say("By card, on your own page:")
    if not bank:
        return [by_card]
    transfer = wording.say(
        "By bank transfer to {bank}, reference {number}.",
        bank=bank,
        number=transfer_reference(invoice),
    )
    return [transfer, by_card]


def _compile(template: str, content: Row, issued: datetime | None) -> bytes:
    with _compiling:
        pdf = _compiler(template).compile(
            sys_inputs={"document": json.dumps(content, ensure_ascii=False)},
            format="pdf",
            timestamp=int(utc(issued).timestamp()) if issued else 0,
        )
    assert isinstance(pdf, bytes)
    return pdf


@lru_cache(maxsize=4)
def _compiler(template: str) -> typst.Compiler:
    """A compiler that sees only our templates and the fonts of a pinned package."""
    return typst.Compiler(
        input=str(FOLDER / template),
        root=str(FOLDER),
        font_paths=[str(FONTS)],
        ignore_system_fonts=True,
    )

"""Final invoices are corrected by credit notes."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet, Sum

from billing.domain.attempts import COUNTED_REFUND_STATES
from billing.domain.credit_parts import CreditParts, Sources, credit_parts
from billing.domain.crediting import LineCredit, LineLeft, credit_line, credit_total
from billing.domain.totals import creditable
from billing.errors import (
    CreditExceedsInvoice,
    CreditInvalid,
    CreditNoteKeyReused,
    InvoiceNotOpen,
)
from billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine, Refund
from billing.services.credit.credit_balance import credit_from_note, lock_balance
from billing.services.credit.customer_credit import pay_open_invoices
from billing.services.credit.prepaid_returns import return_note_to_wallets
from billing.services.invoices.invoicing import ensure_nothing_in_flight, lock_invoice
from billing.services.invoices.numbering import take_credit_note_number
from billing.services.payments.payment_moves import recover_subscription
from tiktoktoe.kernel.catching_up import written_at
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money, total, zero
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)
CREDITABLE_STATES = frozenset({"open", "paid", "uncollectible", "elsewhere"})
Credited = tuple[InvoiceLine, LineCredit]


@transaction.atomic
def issue_credit_note(
    *,
    invoice: Invoice,
    reason: str,
    idempotency_key: str,
    at: datetime,
    amount: Decimal | None = None,
    line_amounts: Mapping[UUID, Decimal] | None = None,
    to_refund: Decimal | None = None,
    to_balance: Decimal | None = None,
    to_wallets: Decimal | None = None,
    pays_open: bool = True,
) -> CreditNote:
    """Take back part of a final invoice, or all that is left of it.

    By default an open invoice owes that much less, and is settled when nothing is left to pay;
    of the rest, what prepaid credits paid goes back to their lots, what was paid is to be given
    back by a refund (`refund_credit_note`), and what came from the credit balance goes back there.
    The same key gives the same note.

    Args:
        invoice: What is corrected.
        reason: Printed on the note.
        idempotency_key: Identifies this act.
        at: Now.
        amount: How much, tax included; spread over the lines. By default all that is left.
        line_amounts: Instead of an amount, what to take back of each line: net, or with tax
            where the line's price includes it.
        to_refund: How much of it is to be given back as money.
        to_balance: How much of it goes to the customer's credit balance, where it pays open
            and later invoices. What neither names comes off the invoice.
        to_wallets: With those two, how much of what comes off goes back to prepaid credits.
        pays_open: Whether what goes to the balance pays open invoices now.

    Raises:
        InvoiceNotOpen: If it is a draft or void.
        PaymentInFlight: If a payment of an open invoice may be going through.
        CreditExceedsInvoice: If more would be credited than was invoiced.
        CreditInvalid: If the amount or a part of it makes no sense.
        CreditNoteKeyReused: If the key belongs to another invoice's note.
    """
    at = written_at(at)
    locked = lock_invoice(invoice.pk)
    known = CreditNote.objects.filter(idempotency_key=idempotency_key).first()
    if known is not None:
        if known.invoice_id != locked.pk:
            raise CreditNoteKeyReused(f"{idempotency_key} is the key of {known}")
        return known
    _check_creditable(locked)
    credited = _choose(locked, amount, line_amounts)
    parts = _parts(locked, credited, (to_refund, to_balance, to_wallets))
    note = _write(locked, credited, parts, reason=reason, key=idempotency_key, at=at)
    return_note_to_wallets(note=note, at=at)
    _count_on_invoice(locked, note, at)
    if note.to_balance:
        credit_from_note(note=note, actor="billing", at=at)
        if pays_open:
            pay_open_invoices(customer_id=note.customer_id, currency=note.currency, at=at)
    logger.info("credit note issued", extra={"note": note.number, "invoice": locked.number})
    return note


def _check_creditable(invoice: Invoice) -> None:
    if invoice.state not in CREDITABLE_STATES:
        raise InvoiceNotOpen(f"{invoice} is {invoice.state}; only an issued one can be credited")
    if invoice.kind == Invoice.Kind.TOP_UP:
        is_paid = invoice.state == Invoice.State.PAID
        way = "are used or expire" if is_paid else "are there once it is paid: make it void"
        raise InvoiceNotOpen(f"{invoice} bought prepaid credits, which {way}")
    if invoice.state == Invoice.State.OPEN:
        ensure_nothing_in_flight(invoice)
    if not creditable(invoiced=invoice.total, credited=invoice.amount_credited):
        raise CreditExceedsInvoice(f"nothing is left to credit of {invoice}")


def _choose(
    invoice: Invoice, amount: Decimal | None, line_amounts: Mapping[UUID, Decimal] | None
) -> list[Credited]:
    """The lines that are credited, each with how much."""
    lines = list(invoice.lines.order_by("position"))
    left = left_of_lines(lines)
    if line_amounts is None:
        everything = creditable(invoiced=invoice.total, credited=invoice.amount_credited)
        wanted = everything if amount is None else Money(amount, invoice.currency)
        shares = credit_total([left[line.pk] for line in lines], wanted)
        return [
            (line, share)
            for line, share in zip(lines, shares, strict=True)
            if share.net or share.tax
        ]
    by_id = {line.pk: line for line in lines}
    unknown = line_amounts.keys() - by_id.keys()
    if unknown or not line_amounts:
        raise CreditInvalid("name lines of this invoice", field="line_amounts")
    chosen = [
        (by_id[pk], credit_line(left[pk], Money(amount, invoice.currency)))
        for pk, amount in line_amounts.items()
    ]
    _check_sum(invoice, chosen)
    return chosen


def _check_sum(invoice: Invoice, chosen: Sequence[Credited]) -> None:
    """Lines below zero make an invoice of less than its other lines come to."""
    asked = total((credit.net + credit.tax for _, credit in chosen), invoice.currency)
    most = creditable(invoiced=invoice.total, credited=invoice.amount_credited)
    if asked > most:
        raise CreditExceedsInvoice(f"{asked} is more than the {most} that can be credited")


def left_of_lines(lines: Sequence[InvoiceLine]) -> dict[UUID, LineLeft]:
    """What credit notes have left of each line; one query, and one for several taxes on a line."""
    rows = _taken.rows(lines=[line.pk for line in lines])
    taken = {pk: (net, tax) for pk, net, tax in rows}
    parts = _parts_taken(lines)
    left = {}
    for line in lines:
        net, tax = taken.get(line.pk, (Decimal(0), Decimal(0)))
        left[line.pk] = LineLeft(
            net=line.amount - Money(net, line.currency),
            tax=line.tax_amount - Money(tax, line.currency),
            includes_tax=line.includes_tax,
            parts=tuple(
                (
                    row["code"],
                    Money(Decimal(row["tax"]) - parts[line.pk, row["code"]], line.currency),
                )
                for row in line.taxes
            ),
        )
    return left


@standing
def _taken(lines: list[UUID]) -> "QuerySet[CreditNoteLine, tuple[UUID, Decimal, Decimal]]":
    noted = CreditNoteLine.objects.filter(invoice_line__any_of=lines).order_by()
    of_lines = noted.values_list("invoice_line")
    return of_lines.annotate(net=Sum("amount"), tax=Sum("tax_amount"))


def _parts_taken(lines: Sequence[InvoiceLine]) -> Mapping[tuple[UUID, str], Decimal]:
    """What was taken back of each of several taxes on a line."""
    found: dict[tuple[UUID, str], Decimal] = defaultdict(Decimal)
    several = [line for line in lines if line.taxes]
    if several:
        notes = CreditNoteLine.objects.filter(invoice_line__in=several)
        for pk, taxes in notes.values_list("invoice_line", "taxes"):
            for row in taxes:
                found[pk, row["code"]] += Decimal(row["tax"])
    return found


def _parts(
    invoice: Invoice,
    credited: Sequence[Credited],
    wishes: Sequence[Decimal | None],
) -> CreditParts:
    currency = invoice.currency
    to_refund, to_balance, to_wallets = (
        None if wish is None else Money(wish, currency) for wish in wishes
    )
    return credit_parts(
        amount=total((credit.net + credit.tax for _, credit in credited), currency),
        sources=sources_of(invoice),
        refundable=refundable_of(invoice),
        to_refund=to_refund,
        to_balance=to_balance,
        to_wallets=to_wallets,
    )


def sources_of(invoice: Invoice) -> Sources:
    """Where the money of an issued invoice came from, as far as it is not given back."""
    nothing = zero(invoice.currency)
    others = refundable_of(invoice) + invoice.amount_from_balance - invoice.amount_to_balance
    return Sources(
        due=invoice.amount_due,
        prepaid=invoice.amount_from_wallets,
        others=max(others, nothing),
    )


def refundable_of(invoice: Invoice) -> Money:
    """What was paid of an invoice as money and is neither given back nor promised yet."""
    promised = sum(_promised.rows(invoice=invoice.pk), Decimal(0))
    paid: Money = invoice.amount_paid
    return paid - _refunded_without_note(invoice) - Money(promised, invoice.currency)


@standing
def _promised(invoice: UUID) -> "QuerySet[CreditNote, Decimal]":
    notes = CreditNote.objects.filter(invoice=invoice).order_by()
    return notes.values_list("to_refund", flat=True)


def _refunded_without_note(invoice: Invoice) -> Money:
    """What was, or is being, given back of it for no note; it is owed again."""
    refunds = _without_note.rows(invoice=invoice.pk)
    return total((refund.amount for refund in refunds), invoice.currency)


@standing
def _without_note(invoice: UUID) -> "QuerySet[Refund]":
    refunds = Refund.objects.filter(payment__invoice=invoice, credit_note__isnull=True)
    return refunds.filter(state__in=sorted(COUNTED_REFUND_STATES)).order_by()


def _write(
    invoice: Invoice,
    credited: Sequence[Credited],
    parts: CreditParts,
    *,
    reason: str,
    key: str,
    at: datetime,
) -> CreditNote:
    subtotal = total((credit.net for _, credit in credited), invoice.currency)
    tax = total((credit.tax for _, credit in credited), invoice.currency)
    if parts.to_balance:
        lock_balance(invoice.customer_id, invoice.currency)
    note = CreditNote.objects.create(
        id=uuid7(),
        number=take_credit_note_number(invoice.issuer),
        invoice=invoice,
        customer_id=invoice.customer_id,
        currency=invoice.currency,
        subtotal=subtotal.amount,
        tax=tax.amount,
        total=(subtotal + tax).amount,
        to_invoice=parts.to_invoice.amount,
        to_wallets=parts.to_wallets.amount,
        to_refund=parts.to_refund.amount,
        to_balance=parts.to_balance.amount,
        reason=reason,
        tax_breakdown=_tax_breakdown(invoice, credited),
        idempotency_key=key,
        issued_at=at,
        created_at=at,
    )
    CreditNoteLine.objects.bulk_create(
        CreditNoteLine(
            id=uuid7(),
            credit_note=note,
            invoice_line=line,
            description=line.description,
            currency=invoice.currency,
            amount=credit.net.amount,
            tax_amount=credit.tax.amount,
            taxes=[{"code": code, "tax": str(tax.amount)} for code, tax in credit.parts],
        )
        for line, credit in credited
    )
    return CreditNote.objects.get(pk=note.pk)


def _tax_breakdown(invoice: Invoice, credited: Sequence[Credited]) -> list[dict[str, Any]]:
    """The invoice's tax rows, with what is taken back at each rate."""
    nothing = Money(0, invoice.currency)
    bases: dict[str, Money] = defaultdict(lambda: nothing)
    taxes: dict[str, Money] = defaultdict(lambda: nothing)
    for line, credit in credited:
        for code, tax in credit.parts or ((line.tax_code, credit.tax),):
            bases[code] += credit.net
            taxes[code] += tax
    return [
        {
            **row,
            "base": str(bases[row["code"]].amount),
            "tax": str(taxes[row["code"]].amount),
        }
        for row in invoice.tax_breakdown
        if row["code"] in bases
    ]


def _count_on_invoice(invoice: Invoice, note: CreditNote, at: datetime) -> None:
    invoice.amount_credited += note.total
    invoice.amount_to_balance += note.to_balance
    invoice.amount_from_wallets -= note.to_wallets
    fields = ["amount_credited", "amount_to_balance", "amount_from_wallets"]
    if invoice.state == Invoice.State.OPEN and not invoice.amount_due:
        invoice.state = Invoice.State.PAID
        invoice.paid_at = at
        fields += ["state", "paid_at"]
    invoice.save(update_fields=fields)
    if invoice.state == Invoice.State.PAID:
        recover_subscription(invoice, at)

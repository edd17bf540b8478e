"""From rows of documents to journal entries: loads what a kind needs, for many at once.

An entry falls on the UTC day of its event, or on the first open day when that one is closed.
A row that moves nothing yields None; one whose amounts do not add up yields the refusal, so
that it keeps no other document from being posted.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from billing.models import CreditNoteLine, InvoiceLine, PrepaidCredit
from finance.domain import entries as rules
from finance.domain.facts import (
    BankChargeFact,
    CreditFact,
    CreditLineFact,
    CreditNoteFact,
    DisputeFact,
    Earned,
    ForeignFeeFact,
    InvoiceFact,
    InvoiceLineFact,
    PaymentFact,
    RefundFact,
    ReturnFact,
    WriteOffFact,
)
from finance.domain.journal import Entry, Posting
from finance.errors import DocumentInconsistent
from finance.models import Entity, JournalEntry, NothingToPost
from finance.models import Posting as PostingRow
from finance.queries import DocumentKind, Rows, write_off_counts
from finance.services.built_entries import Found, PostingDay, built
from finance.services.opening_entries import opening_bills
from tiktoktoe.kernel.money import Money, allocate, from_minor, zero


def entries_of(document: DocumentKind, rows: Rows, *, books: Entity, at: datetime) -> list[Found]:
    """What is to be posted for each row, in the rows' order."""
    days = PostingDay(at=at, closed_through=books.closed_through)
    if document.reverses:
        return list(_reversals(document, rows, days))
    return list(_BUILDERS[document.kind](rows, days))


def _invoices(rows: Rows, days: PostingDay) -> Iterator[Found]:
    fields = ("pk", "number", "customer_id", "currency", "tax", "total", "finalized_at")
    found = list(rows.values_list(*fields))
    lines = _invoice_lines([row[0] for row in found])
    for pk, number, customer, currency, tax, total, finalized_at in found:
        fact = InvoiceFact(
            id=str(pk),
            number=number,
            customer=str(customer),
            lines=lines[pk],
            tax=Money(tax, currency),
            total=Money(total, currency),
        )
        yield pk, built(rules.invoice_finalized, fact, days.of(finalized_at))


def _invoice_lines(invoice_ids: Sequence[UUID]) -> Mapping[UUID, list[InvoiceLineFact]]:
    facts: dict[UUID, list[InvoiceLineFact]] = defaultdict(list)
    rows = InvoiceLine.objects.filter(invoice_id__in=invoice_ids).order_by("invoice", "position")
    fields = ("invoice_id", "kind", "price__timing", "currency", "amount")
    for invoice_id, kind, timing, currency, amount in rows.values_list(*fields):
        fact = InvoiceLineFact(amount=Money(amount, currency), earned=earned_when(kind, timing))
        facts[invoice_id].append(fact)
    return facts


_USAGE_KINDS = frozenset(
    {InvoiceLine.Kind.USAGE, InvoiceLine.Kind.TRUE_UP, InvoiceLine.Kind.USAGE_CREDIT}
)


def earned_when(kind: str, timing: str | None) -> Earned:
    """When a line is earned: usage, set-up and one-off charges at once, fees over their period."""
    if kind in _USAGE_KINDS:
        return Earned.USAGE
    if kind == InvoiceLine.Kind.PREPAID:
        return Earned.PREPAID
    if kind in {InvoiceLine.Kind.SETUP, InvoiceLine.Kind.ONE_OFF}:
        return Earned.ARREARS
    return Earned.ARREARS if timing == "arrears" else Earned.OVER_TIME


def _credit_notes(rows: Rows, days: PostingDay) -> Iterator[Found]:
    fields = ("pk", "number", "customer_id", "currency", "tax", "total", "to_balance", "issued_at")
    found = list(rows.values_list(*fields))
    lines = _credit_lines([row[0] for row in found])
    for pk, number, customer, currency, tax, total, to_balance, issued_at in found:
        fact = CreditNoteFact(
            id=str(pk),
            number=number,
            customer=str(customer),
            lines=lines[pk],
            tax=Money(tax, currency),
            total=Money(total, currency),
            to_balance=Money(to_balance, currency),
        )
        yield pk, built(rules.credit_note_issued, fact, days.of(issued_at))


def _credit_lines(note_ids: Sequence[UUID]) -> Mapping[UUID, list[CreditLineFact]]:
    """What is credited of each line; a fee in advance is still deferred, since no revenue
    schedule has been recognised from it."""
    facts: dict[UUID, list[CreditLineFact]] = defaultdict(list)
    rows = CreditNoteLine.objects.filter(credit_note_id__in=note_ids).order_by("credit_note", "pk")
    line = "invoice_line__kind", "invoice_line__price__timing"
    for note_id, kind, timing, currency, amount in rows.values_list(
        "credit_note_id", *line, "currency", "amount"
    ):
        credited, nothing = Money(amount, currency), zero(currency)
        is_deferred = earned_when(kind, timing) == Earned.OVER_TIME
        facts[note_id].append(
            CreditLineFact(
                unearned=credited if is_deferred else nothing,
                earned=nothing if is_deferred else credited,
            )
        )
    return facts


def _credit_moves(
    rule: Callable[..., Entry | None],
) -> Callable[[Rows, PostingDay], Iterator[Found]]:
    """The builder of one kind of movement of credit balances."""

    def build(rows: Rows, days: PostingDay) -> Iterator[Found]:
        numbers = ("invoice__number", "payment__invoice__number")
        fields = ("pk", "customer_id", "currency", "amount", *numbers, "at")
        for pk, customer, currency, amount, number, paid, at in rows.values_list(*fields):
            fact = CreditFact(
                id=str(pk),
                customer=str(customer),
                amount=Money(abs(amount), currency),
                invoice_number=number or paid or "",
            )
            yield pk, built(rule, fact, days.of(at))

    return build


def _prepaid_moves(
    rule: Callable[..., Entry | None],
) -> Callable[[Rows, PostingDay], Iterator[Found]]:
    """The builder of one kind of movement of prepaid credits."""

    def build(rows: Rows, days: PostingDay) -> Iterator[Found]:
        lot = ("credit__wallet__customer_id", "credit__kind")
        fields = ("pk", *lot, "currency", "amount", "invoice__number", "at")
        for pk, customer, kind, currency, amount, number, at in rows.values_list(*fields):
            fact = CreditFact(
                id=str(pk),
                customer=str(customer),
                amount=Money(abs(amount), currency),
                invoice_number=number or "",
            )
            rule_of_kind = partial(rule, is_paid=kind == PrepaidCredit.Kind.PAID)
            yield pk, built(rule_of_kind, fact, days.of(at))

    return build


def _captures(rows: Rows, days: PostingDay) -> Iterator[Found]:
    for fact, resolved_at in _payments(rows):
        yield UUID(fact.id), built(rules.payment_captured, fact, days.of(resolved_at))


def _hold_captures(rows: Rows, days: PostingDay) -> Iterator[Found]:
    payment = ("attempt__payment__customer_id", "attempt__payment__invoice__number")
    for pk, customer, number, currency, amount, resolved_at in rows.values_list(
        "pk", *payment, "currency", "amount", "resolved_at"
    ):
        fact = PaymentFact(
            id=str(pk),
            customer=str(customer),
            amount=Money(amount, currency),
            fee=zero(currency),
            invoice_number=number,
        )
        yield pk, built(rules.capture_received, fact, days.of(resolved_at))


def _late_fees(rows: Rows, days: PostingDay) -> Iterator[Found]:
    # When a fee became known is not written down: it is news of the day it is posted.
    for fact, _ in _payments(rows, fee_in="rest"):
        yield UUID(fact.id), built(rules.processor_fee_charged, fact, days.of(days.at))


def _capture_fees(rows: Rows, days: PostingDay) -> Iterator[Found]:
    # Likewise news of the day it is posted.
    payment = ("attempt__payment__customer_id", "attempt__payment__invoice__number")
    fields = ("pk", *payment, "currency", "amount", "fee")
    for pk, customer, number, currency, amount, fee in rows.values_list(*fields):
        fact = PaymentFact(
            id=str(pk),
            customer=str(customer),
            amount=Money(amount, currency),
            fee=Money(fee, currency),
            invoice_number=number,
        )
        yield pk, built(rules.capture_fee_charged, fact, days.of(days.at))


def _payments(rows: Rows, *, fee_in: str = "fee") -> Iterator[tuple[PaymentFact, datetime]]:
    fields = ("payment_id", "payment__customer_id", "payment__currency", "payment__amount")
    for pk, customer, currency, amount, number, fee, resolved_at in rows.values_list(
        *fields, "payment__invoice__number", fee_in, "resolved_at"
    ):
        fact = PaymentFact(
            id=str(pk),
            customer=str(customer),
            amount=Money(amount, currency),
            fee=Money(fee or Decimal(0), currency),
            invoice_number=number,
        )
        yield fact, resolved_at


def _refunds(rows: Rows, days: PostingDay) -> Iterator[Found]:
    fields = ("pk", "payment__customer_id", "currency", "amount", "payment__invoice__number")
    for pk, customer, currency, amount, number, resolved_at in rows.values_list(
        *fields, "resolved_at"
    ):
        fact = RefundFact(
            id=str(pk),
            customer=str(customer),
            amount=Money(amount, currency),
            invoice_number=number,
        )
        yield pk, built(rules.refund_paid, fact, days.of(resolved_at))


def _dispute_moves(
    rule: Callable[..., Entry | None],
) -> Callable[[Rows, PostingDay], Iterator[Found]]:
    """The builder of one kind of movement of disputes."""

    def build(rows: Rows, days: PostingDay) -> Iterator[Found]:
        payment = ("dispute__payment__customer_id", "dispute__payment__invoice__number")
        for pk, customer, number, currency, amount, at in rows.values_list(
            "pk", *payment, "currency", "amount", "at"
        ):
            fact = DisputeFact(
                id=str(pk),
                customer=str(customer),
                amount=Money(amount, currency),
                invoice_number=number,
            )
            yield pk, built(rule, fact, days.of(at))

    return build


def _returns(rows: Rows, days: PostingDay) -> Iterator[Found]:
    fields = ("pk", "payment__customer_id", "currency", "amount", "code")
    for pk, customer, currency, amount, code, number, at in rows.values_list(
        *fields, "payment__invoice__number", "returned_at"
    ):
        fact = ReturnFact(
            id=str(pk),
            customer=str(customer),
            amount=Money(amount, currency),
            code=code,
            invoice_number=number,
        )
        yield pk, built(rules.payment_returned, fact, days.of(at))


def _foreign_fees(rows: Rows, days: PostingDay) -> Iterator[Found]:
    payment = ("attempt__payment__customer_id", "attempt__payment__invoice__number")
    for pk, customer, number, currency, amount, at in rows.values_list(
        "pk", *payment, "currency", "amount", "at"
    ):
        fact = ForeignFeeFact(
            id=str(pk),
            customer=str(customer),
            amount=Money(amount, currency),
            invoice_number=number,
        )
        yield pk, built(rules.foreign_fee_charged, fact, days.of(at))


def _bank_charges(rows: Rows, days: PostingDay) -> Iterator[Found]:
    fields = ("pk", "currency", "amount", "text", "created_at")
    for pk, currency, amount, text, at in rows.values_list(*fields):
        fact = BankChargeFact(id=str(pk), amount=Money(amount, currency), text=text[:100])
        yield pk, built(rules.bank_charged, fact, days.of(at))


def _write_offs(rows: Rows, days: PostingDay) -> Iterator[Found]:
    """The difference between what is given up and what the books have lost, either way."""
    invoices = list(rows)
    turns = write_off_counts([invoice.pk for invoice in invoices])
    for invoice in invoices:
        missing = int(invoice.given_up_minor - invoice.lost_minor)
        difference = from_minor(missing, invoice.currency)
        # The tax share of it, to the minor unit and without loss.
        net, tax = allocate(difference, [invoice.subtotal.amount, invoice.tax.amount])
        fact = WriteOffFact(
            invoice_id=str(invoice.pk),
            number=invoice.number,
            customer=str(invoice.customer_id),
            net=net,
            tax=tax,
            turn=turns.get(invoice.pk, 0),
        )
        happened_at = invoice.written_off_at if missing > 0 else invoice.paid_at
        yield (
            invoice.pk,
            built(rules.invoice_written_off, fact, days.of(happened_at or days.at)),
        )


def _reversals(document: DocumentKind, rows: Rows, days: PostingDay) -> Iterator[Found]:
    events = dict(rows.values_list("source_id", _REVERSED_AT[document.kind]))
    originals = _posted_entries(document.reverses, list(events))
    moved_nothing = set(
        NothingToPost.objects.filter(
            kind=document.reverses, source_id__in=events.keys() - originals.keys()
        ).values_list("source_id", flat=True)
    )
    for source_id, instant in events.items():
        if source_id in originals:
            yield source_id, originals[source_id].reversed(effective_on=days.of(instant or days.at))
        elif source_id in moved_nothing:
            yield source_id, None
        else:
            yield source_id, DocumentInconsistent("what it takes back is not in the books")


def _posted_entries(kind: str, source_ids: Sequence[UUID]) -> dict[UUID, Entry]:
    """The entries as the books have them, whatever the rules would make of them today."""
    heads = {
        head.pk: head for head in JournalEntry.objects.filter(kind=kind, source_id__in=source_ids)
    }
    postings: dict[UUID, list[Posting]] = defaultdict(list)
    for row in (
        PostingRow.objects.filter(entry_id__in=list(heads))
        .select_related("account")
        .order_by("entry_id", "line_no")
    ):
        postings[row.entry_id].append(
            Posting(
                account_code=row.account.code,
                amount_minor=row.amount_minor,
                currency=row.currency,
                customer=str(row.customer_id or ""),
                document=str(row.document_id or ""),
            )
        )
    return {
        head.source_id: Entry(
            kind=head.kind,
            key=head.idempotency_key,
            effective_on=head.effective_on,
            postings=tuple(postings[pk]),
            description=head.description,
        )
        for pk, head in heads.items()
    }


_REVERSED_AT: Mapping[str, str] = {
    "invoice_finalized_reversal": "voided_at",
    "moved_in_billed_reversal": "taken_back_at",
    "refund_paid_reversal": "resolved_at",
    "capture_received_reversal": "resolved_at",
}
_BUILDERS: Mapping[str, Callable[[Any, PostingDay], Iterator[Found]]] = {
    "invoice_finalized": _invoices,
    "moved_in_billed": opening_bills,
    "credit_note_issued": _credit_notes,
    "credit_granted": _credit_moves(rules.credit_granted),
    "credit_withdrawn": _credit_moves(rules.credit_withdrawn),
    "credit_applied": _credit_moves(rules.credit_applied),
    "credit_returned": _credit_moves(rules.credit_returned),
    "credit_overpaid": _credit_moves(rules.credit_overpaid),
    "prepaid_applied": _prepaid_moves(rules.prepaid_applied),
    "prepaid_returned": _prepaid_moves(rules.prepaid_returned),
    "prepaid_expired": _prepaid_moves(rules.prepaid_expired),
    "prepaid_voided": _prepaid_moves(rules.prepaid_voided),
    "payment_captured": _captures,
    "capture_received": _hold_captures,
    "processor_fee_charged": _late_fees,
    "capture_fee_charged": _capture_fees,
    "payment_returned": _returns,
    "foreign_fee_charged": _foreign_fees,
    "bank_charged": _bank_charges,
    "refund_paid": _refunds,
    "dispute_funds": _dispute_moves(rules.dispute_funds),
    "dispute_funds_reversal": _dispute_moves(rules.dispute_funds),
    "dispute_fee": _dispute_moves(rules.dispute_fee),
    "dispute_fee_reversal": _dispute_moves(rules.dispute_fee),
    "dispute_exchange": _dispute_moves(rules.dispute_exchange),
    "dispute_exchange_reversal": _dispute_moves(rules.dispute_exchange),
    "dispute_loss": _dispute_moves(rules.dispute_loss),
    "dispute_loss_reversal": _dispute_moves(rules.dispute_loss),
    "dispute_reopening": _dispute_moves(rules.dispute_reopening),
    "dispute_reopening_reversal": _dispute_moves(rules.dispute_reopening),
    "invoice_written_off": _write_offs,
    "invoice_written_off_reversal": _write_offs,
}

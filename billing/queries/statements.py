"""A customer's account: what it owed, the documents and payments since, and what it owes now.

Built from documents only, in one currency. By construction it says what the books say about the
customer's receivable; `tests/billing/queries/test_statements.py` compares the two.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F

from billing.domain.issuing import IssuedBy
from billing.models import (
    CreditEntry,
    CreditNote,
    DisputeEntry,
    Invoice,
    PaymentAttempt,
    PaymentOperation,
    PaymentReturn,
    PrepaidEntry,
    Refund,
)
from billing.models.invoices import FINAL_STATES
from billing.queries.issuers import IssuerBook
from billing.queries.statement_tax import DocumentTax, tax_in_all, tax_of
from subscriptions.models import Customer
from tiktoktoe.kernel.money import Money, total, zero
from tiktoktoe.kernel.periods import local_date, local_midnight


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementRow:
    """A document or payment: above zero the customer owes more; `balance` is what it owes then."""

    at: datetime
    what: str
    number: str
    amount: Money
    balance: Money
    document: DocumentTax | None = None  # of an invoice or a credit note: its tax


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """An account from an instant up to another: opening, rows, closing."""

    customer: Customer
    currency: str
    start: datetime
    end: datetime
    opening: Money
    rows: tuple[StatementRow, ...]
    closing: Money
    taxed: DocumentTax  # all documents in it
    issued_by: IssuedBy  # as the last document until its end says, else as the customer's is today

    @property
    def last_day(self) -> datetime:
        """An instant of the last day in it."""
        return self.end - timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class _Move:
    at: datetime
    what: str
    number: str
    amount: Money
    document: DocumentTax | None = None


def statement_of(customer: Customer, currency: str, *, start: datetime, end: datetime) -> Statement:
    """The account of a customer in a currency, from an instant up to another one."""
    moves = sorted(_moves(customer, currency, end), key=lambda move: move.at)
    opening = total((move.amount for move in moves if move.at < start), currency)
    rows, balance = [], opening
    for move in moves:
        if move.at < start:
            continue
        balance += move.amount
        rows.append(
            StatementRow(
                at=move.at,
                what=move.what,
                number=move.number,
                amount=move.amount,
                balance=balance,
                document=move.document,
            )
        )
    return Statement(
        customer=customer,
        currency=currency,
        start=start,
        end=end,
        opening=opening,
        rows=tuple(rows),
        closing=balance,
        taxed=tax_in_all((row.document for row in rows if row.document), currency),
        issued_by=_issuer(customer, currency, end),
    )


def _issuer(customer: Customer, currency: str, end: datetime) -> IssuedBy:
    """Whose account it is: the company as it was then, where a document says so."""
    until = Invoice.objects.final().filter(
        customer=customer, currency=currency, finalized_at__lt=end
    )
    last = until.order_by("-finalized_at", "-pk").first()
    if last is not None and last.issued_by:
        return IssuedBy.from_json(last.issued_by)
    return IssuerBook().of(customer)[1]


def statement_currencies(customer: Customer) -> list[str]:
    """In which currencies a customer has been invoiced; its own at least."""
    billed = Invoice.objects.final().filter(customer=customer).order_by("currency")
    found = set(billed.values_list("currency", flat=True).distinct())
    return sorted(found | {customer.currency})


def year_so_far(customer: Customer, at: datetime) -> tuple[datetime, datetime]:
    """From the customer's first of January up to the end of its day."""
    today = local_date(at, customer.time_zone)
    first = local_midnight(today.replace(month=1, day=1), customer.time_zone)
    return first, local_midnight(today + timedelta(days=1), customer.time_zone)


def _moves(customer: Customer, currency: str, end: datetime) -> Iterator[_Move]:
    """Everything that changed what a customer owes before an instant."""
    for read in _READERS:
        for move in read(customer, currency):
            if move.at < end and (move.document or move.amount != zero(currency)):
                yield move


def _invoices(customer: Customer, currency: str) -> Iterator[_Move]:
    found = Invoice.objects.filter(customer=customer, currency=currency, state__in=FINAL_STATES)
    for invoice in found:
        number = str(invoice.number)
        assert invoice.finalized_at is not None
        yield _Move(invoice.finalized_at, "Invoice", number, invoice.total, tax_of(invoice))
        if invoice.voided_at:
            taken_back = tax_of(invoice, sign=-1)
            yield _Move(invoice.voided_at, "Void", number, -invoice.total, taken_back)
        if invoice.state == Invoice.State.UNCOLLECTIBLE and invoice.written_off_at:
            yield _Move(invoice.written_off_at, "Written off", number, -invoice.amount_due)


def _notes(customer: Customer, currency: str) -> Iterator[_Move]:
    for note in CreditNote.objects.filter(customer=customer, currency=currency):
        off = note.to_balance - note.total
        yield _Move(note.issued_at, "Credit note", note.number, off, tax_of(note, sign=-1))


def _credit(customer: Customer, currency: str) -> Iterator[_Move]:
    kinds = {
        CreditEntry.Kind.APPLIED: "Paid from the credit balance",
        CreditEntry.Kind.RETURNED: "Back to the credit balance",
        CreditEntry.Kind.OVERPAYMENT: "Overpayment to the credit balance",
    }
    entries = CreditEntry.objects.filter(customer=customer, currency=currency, kind__in=list(kinds))
    for entry in entries.select_related("invoice", "payment__invoice"):
        invoice = entry.payment.invoice if entry.payment else entry.invoice
        yield _Move(entry.at, kinds[CreditEntry.Kind(entry.kind)], str(invoice), entry.amount)


def _prepaid(customer: Customer, currency: str) -> Iterator[_Move]:
    used = PrepaidEntry.objects.filter(
        credit__wallet__customer=customer, currency=currency, invoice__isnull=False
    )
    for entry in used.select_related("invoice"):
        is_use = entry.kind == PrepaidEntry.Kind.APPLIED
        what = "Paid from prepaid credits" if is_use else "Back to prepaid credits"
        yield _Move(entry.at, what, str(entry.invoice), entry.amount)


def _payments(customer: Customer, currency: str) -> Iterator[_Move]:
    paid = PaymentAttempt.objects.filter(
        payment__customer=customer,
        payment__currency=currency,
        state=PaymentAttempt.State.SUCCEEDED,
        resolved_at__isnull=False,
        is_hold=False,
    )
    for attempt in paid.select_related("payment__invoice"):
        payment = attempt.payment
        assert attempt.resolved_at is not None
        yield _Move(attempt.resolved_at, "Payment", str(payment.invoice), -payment.amount)


def _refunds(customer: Customer, currency: str) -> Iterator[_Move]:
    given = Refund.objects.filter(
        payment__customer=customer,
        currency=currency,
        state=Refund.State.SUCCEEDED,
        resolved_at__isnull=False,
    )
    for refund in given.annotate(number=F("payment__invoice__number")):
        assert refund.resolved_at is not None
        yield _Move(refund.resolved_at, "Refund", str(refund.number), refund.amount)


def _captures(customer: Customer, currency: str) -> Iterator[_Move]:
    """What was taken of holds, part by part."""
    taken = PaymentOperation.objects.filter(
        attempt__payment__customer=customer,
        currency=currency,
        kind=PaymentOperation.Kind.CAPTURE,
        state=PaymentOperation.State.SUCCEEDED,
    )
    for part in taken.annotate(number=F("attempt__payment__invoice__number")):
        assert part.resolved_at is not None
        yield _Move(part.resolved_at, "Payment", str(part.number), -part.amount)


def _charged_back(customer: Customer, currency: str) -> Iterator[_Move]:
    owed_again = DisputeEntry.objects.filter(
        dispute__payment__customer=customer, currency=currency, kind=DisputeEntry.Kind.REOPENING
    )
    for entry in owed_again.annotate(number=F("dispute__payment__invoice__number")):
        yield _Move(entry.at, "Charged back by the bank", str(entry.number), entry.amount)


def _returned(customer: Customer, currency: str) -> Iterator[_Move]:
    back = PaymentReturn.objects.filter(payment__customer=customer, currency=currency)
    for made in back.annotate(number=F("payment__invoice__number")):
        yield _Move(made.returned_at, "Debit returned by the bank", str(made.number), made.amount)


_READERS: Iterable[Callable[[Customer, str], Iterator[_Move]]] = (
    _invoices,
    _notes,
    _credit,
    _prepaid,
    _payments,
    _refunds,
    _captures,
    _charged_back,
    _returned,
)

"""What the books do not know yet: final documents without an entry."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import (
    DecimalField,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
)
from django.db.models.functions import Coalesce

from billing.models import (
    BankCharge,
    CreditEntry,
    CreditNote,
    DisputeEntry,
    ForeignFee,
    Invoice,
    InvoiceEvent,
    PaymentAttempt,
    PaymentOperation,
    PaymentReturn,
    PrepaidEntry,
    Refund,
)
from billing.models.invoices import FINAL_STATES
from finance.domain.chart import PROCESSOR_FEES
from finance.models import JournalEntry, NothingToPost, Posting
from finance.queries.write_offs import recovered_invoices, written_off_invoices
from tiktoktoe.standing import StandingQuery, standing

Rows = QuerySet[Any]


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """A kind of entry, and the documents that it is posted for.

    `source` is the path from a row to the document's id; `reverses` is the kind of the
    entry that is taken back, for kinds that do. A kind that `may_recur` has an entry each
    time its documents and the books differ; all others are posted once.
    """

    kind: str
    source_type: str
    label: str
    final_by: Callable[[datetime], Rows]
    source: str = "pk"
    reverses: str = ""
    may_recur: bool = False


@dataclass(frozen=True, slots=True)
class UnpostedKind:
    """How many documents of a kind wait to be posted."""

    kind: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class UnpostedDocument:
    """A document that waits to be posted."""

    kind: str
    source_type: str
    source_id: UUID


def _invoices(at: datetime) -> Rows:
    return Invoice.objects.filter(state__in=FINAL_STATES, finalized_at__lte=at)


def _opening_bills(at: datetime) -> Rows:
    """What was billed elsewhere for time that is served here."""
    bills = Invoice.objects.filter(kind=Invoice.Kind.OPENING, created_at__lte=at)
    return bills.exclude(state=Invoice.State.DRAFT)


def _opening_bills_taken_back(at: datetime) -> Rows:
    """Those that were brought wrongly."""
    back = Max("events__at", filter=Q(events__kind=InvoiceEvent.Kind.DISCARDED))
    bills = Invoice.objects.filter(kind=Invoice.Kind.OPENING, state=Invoice.State.DISCARDED)
    return bills.annotate(taken_back_at=back).filter(taken_back_at__lte=at)


def _void_invoices(at: datetime) -> Rows:
    return Invoice.objects.filter(state=Invoice.State.VOID, voided_at__lte=at)


def _credit_notes(at: datetime) -> Rows:
    return CreditNote.objects.filter(issued_at__lte=at)


def _credit_moves(kind: str) -> Callable[[datetime], Rows]:
    """Movements of credit balances; what a credit note puts there is posted with the note."""
    return lambda at: CreditEntry.objects.filter(kind=kind, at__lte=at)


def _prepaid_moves(kind: str) -> Callable[[datetime], Rows]:
    """Movements of prepaid credits."""
    return lambda at: PrepaidEntry.objects.filter(kind=kind, at__lte=at)


def _dispute_moves(kind: str, *, is_back: bool = False) -> Callable[[datetime], Rows]:
    """Movements of disputes: away from us, or back."""
    side = Q(amount__lt=0) if is_back else Q(amount__gt=0)
    return lambda at: DisputeEntry.objects.filter(side, kind=kind, at__lte=at)


def _hold_captures(at: datetime) -> Rows:
    """What was taken of holds, part by part."""
    return PaymentOperation.objects.filter(
        kind="capture", state=PaymentOperation.State.SUCCEEDED, resolved_at__lte=at
    )


def _failed_captures(at: datetime) -> Rows:
    """Captures that failed after they had counted."""
    received = _entries("capture_received", "pk")
    return PaymentOperation.objects.filter(
        Exists(received), state=PaymentOperation.State.FAILED, resolved_at__lte=at
    )


def _succeeded(at: datetime) -> Rows:
    return PaymentAttempt.objects.filter(state=PaymentAttempt.State.SUCCEEDED, resolved_at__lte=at)


def _captures(at: datetime) -> Rows:
    """Charges that were taken at once; holds are taken part by part."""
    return _succeeded(at).filter(is_hold=False)


def _late_fees(at: datetime) -> Rows:
    """Fees that were not known yet when their payment was posted; of holds, all but captures'."""
    captured = _entries("payment_captured", "payment_id")
    with_fee = Posting.objects.filter(
        entry__source_id=OuterRef("payment_id"),
        entry__kind="payment_captured",
        account__code=PROCESSOR_FEES,
    )
    is_late = Exists(captured) & ~Exists(with_fee) & Q(is_hold=False)
    is_of_hold = Q(is_hold=True) & ~Q(rest=0)
    with_rest: Rows = _succeeded(at).annotate(rest=_fee_beside_captures())
    return with_rest.filter(is_late | is_of_hold, ~Q(fee=0), fee__isnull=False)


def _fee_beside_captures() -> ExpressionWrapper[Any]:
    """What an attempt has cost less its captures' own fees, which are posted by themselves."""
    exact = DecimalField(max_digits=19, decimal_places=4)
    own = PaymentOperation.objects.filter(attempt=OuterRef("pk"), fee__isnull=False)
    of_one = own.order_by().values("attempt").annotate(sum=Sum("fee", output_field=exact))
    captured = Coalesce(Subquery(of_one.values("sum")), Decimal(0), output_field=exact)
    return ExpressionWrapper(F("fee") - captured, output_field=exact)


def _capture_fees(at: datetime) -> Rows:
    """What captures of holds have cost, told with them or by a settlement."""
    known = PaymentOperation.objects.filter(kind="capture", fee__isnull=False)
    return known.filter(~Q(fee=0), resolved_at__lte=at)


def _foreign_fees(at: datetime) -> Rows:
    """Fees in another currency, of payments that were taken."""
    return ForeignFee.objects.filter(attempt__state=PaymentAttempt.State.SUCCEEDED, at__lte=at)


def _refunds(at: datetime) -> Rows:
    return Refund.objects.filter(state=Refund.State.SUCCEEDED, resolved_at__lte=at)


def _returned_refunds(at: datetime) -> Rows:
    paid = _entries("refund_paid", "pk")
    return Refund.objects.filter(Exists(paid), state=Refund.State.FAILED, resolved_at__lte=at)


def _returned_payments(at: datetime) -> Rows:
    return PaymentReturn.objects.filter(returned_at__lte=at)


def _bank_charges(at: datetime) -> Rows:
    return BankCharge.objects.filter(created_at__lte=at)


# In the order of posting: what is taken back comes after what it takes back.
DOCUMENT_KINDS = (
    DocumentKind("invoice_finalized", "invoice", "Invoices", _invoices),
    DocumentKind("moved_in_billed", "invoice", "Billed before moving in", _opening_bills),
    DocumentKind("credit_note_issued", "credit_note", "Credit notes", _credit_notes),
    DocumentKind("credit_granted", "credit_entry", "Granted credit", _credit_moves("granted")),
    DocumentKind(
        "credit_withdrawn", "credit_entry", "Withdrawn credit", _credit_moves("withdrawn")
    ),
    DocumentKind("credit_applied", "credit_entry", "Credit used", _credit_moves("applied")),
    DocumentKind("credit_returned", "credit_entry", "Credit returned", _credit_moves("returned")),
    DocumentKind(
        "credit_overpaid", "credit_entry", "Overpayments credited", _credit_moves("overpayment")
    ),
    DocumentKind("prepaid_applied", "prepaid_entry", "Prepaid used", _prepaid_moves("applied")),
    DocumentKind(
        "prepaid_returned", "prepaid_entry", "Prepaid returned", _prepaid_moves("returned")
    ),
    DocumentKind("prepaid_expired", "prepaid_entry", "Prepaid expired", _prepaid_moves("expired")),
    DocumentKind("prepaid_voided", "prepaid_entry", "Prepaid voided", _prepaid_moves("voided")),
    DocumentKind("payment_captured", "payment", "Payments", _captures, source="payment_id"),
    DocumentKind("capture_received", "payment_operation", "Captures of holds", _hold_captures),
    DocumentKind("processor_fee_charged", "payment", "Late fees", _late_fees, source="payment_id"),
    DocumentKind(
        "capture_fee_charged", "payment_operation", "Fees of captures of holds", _capture_fees
    ),
    DocumentKind("foreign_fee_charged", "foreign_fee", "Fees in other currencies", _foreign_fees),
    DocumentKind("payment_returned", "payment_return", "Returned payments", _returned_payments),
    DocumentKind("bank_charged", "bank_charge", "Bank charges", _bank_charges),
    DocumentKind("refund_paid", "refund", "Refunds", _refunds),
    DocumentKind("dispute_funds", "dispute_entry", "Disputed money", _dispute_moves("funds")),
    DocumentKind(
        "dispute_funds_reversal",
        "dispute_entry",
        "Disputed money back",
        _dispute_moves("funds", is_back=True),
    ),
    DocumentKind("dispute_fee", "dispute_entry", "Dispute fees", _dispute_moves("fee")),
    DocumentKind(
        "dispute_fee_reversal",
        "dispute_entry",
        "Dispute fees back",
        _dispute_moves("fee", is_back=True),
    ),
    DocumentKind(
        "dispute_exchange", "dispute_entry", "Exchange in disputes", _dispute_moves("exchange")
    ),
    DocumentKind(
        "dispute_exchange_reversal",
        "dispute_entry",
        "Exchange won in disputes",
        _dispute_moves("exchange", is_back=True),
    ),
    DocumentKind("dispute_loss", "dispute_entry", "Lost disputes", _dispute_moves("loss")),
    DocumentKind(
        "dispute_loss_reversal",
        "dispute_entry",
        "Lost disputes won",
        _dispute_moves("loss", is_back=True),
    ),
    DocumentKind("dispute_reopening", "dispute_entry", "Charged back", _dispute_moves("reopening")),
    DocumentKind(
        "dispute_reopening_reversal",
        "dispute_entry",
        "Charged back, won",
        _dispute_moves("reopening", is_back=True),
    ),
    DocumentKind(
        "invoice_finalized_reversal",
        "invoice",
        "Void invoices",
        _void_invoices,
        reverses="invoice_finalized",
    ),
    DocumentKind(
        "moved_in_billed_reversal",
        "invoice",
        "Opening bills taken back",
        _opening_bills_taken_back,
        reverses="moved_in_billed",
    ),
    DocumentKind(
        "invoice_written_off", "invoice", "Write-offs", written_off_invoices, may_recur=True
    ),
    DocumentKind(
        "invoice_written_off_reversal",
        "invoice",
        "Recovered write-offs",
        recovered_invoices,
        may_recur=True,
    ),
    DocumentKind(
        "capture_received_reversal",
        "payment_operation",
        "Failed captures",
        _failed_captures,
        reverses="capture_received",
    ),
    DocumentKind(
        "refund_paid_reversal",
        "refund",
        "Returned refunds",
        _returned_refunds,
        reverses="refund_paid",
    ),
)


def kinds_in_use() -> list[DocumentKind]:
    """The kinds of whose documents there is any at all: one query, for many know but a few."""
    tables = sorted(set(_tables_of_kinds().values()))
    looks = [f"EXISTS (SELECT FROM {connection.ops.quote_name(name)})" for name in tables]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(looks)}")
        row = cursor.fetchone()
    assert row is not None
    has_rows = dict(zip(tables, row, strict=True))
    return [d for d in DOCUMENT_KINDS if has_rows[_tables_of_kinds()[d.kind]]]


@cache
def _tables_of_kinds() -> Mapping[str, str]:
    """Which table the documents of each kind are in."""
    long_ago = datetime(2000, 1, 1, tzinfo=UTC)
    return {d.kind: d.final_by(long_ago).model._meta.db_table for d in DOCUMENT_KINDS}


def unposted(document: DocumentKind, *, at: datetime) -> Rows:
    """The rows of a kind that are final by an instant and not posted, by the document's id."""
    if document.may_recur:
        return final_rows(document, at=at)
    settled = NothingToPost.objects.filter(
        source_id=OuterRef(document.source), kind=document.kind, source_type=document.source_type
    )
    entered = _entries(document.kind, document.source)
    return final_rows(document, at=at).filter(~Exists(entered), ~Exists(settled))


def is_waiting(document: DocumentKind, *, at: datetime) -> bool:
    """Whether any row of a kind waits."""
    return bool(_first_waiting(document).rows(at=at))


@cache
def _first_waiting(document: DocumentKind) -> StandingQuery[..., Any, Any]:
    def first_waiting(at: datetime) -> Rows:
        return unposted(document, at=at).order_by().values_list("source_id")[:1]

    return standing(first_waiting)


def final_rows(document: DocumentKind, *, at: datetime) -> Rows:
    """The rows of a kind that are final by an instant, by the document's id."""
    rows: Rows = document.final_by(at).annotate(source_id=F(document.source))
    return rows.order_by("source_id")


def unposted_documents(*, at: datetime) -> list[UnpostedKind]:
    """How many documents of each kind wait; the books are complete when all are 0."""
    waiting = {d.kind for d in kinds_in_use() if is_waiting(d, at=at)}  # mostly none: not counted
    return [
        UnpostedKind(d.kind, d.label, unposted(d, at=at).count() if d.kind in waiting else 0)
        for d in DOCUMENT_KINDS
    ]


def unposted_count(*, at: datetime) -> int:
    """How many documents wait in all."""
    return sum(waiting.count for waiting in unposted_documents(at=at))


def unposted_list(*, at: datetime, limit: int = 100) -> Iterator[UnpostedDocument]:
    """The first of the documents that wait."""
    left = limit
    for document in kinds_in_use():
        for source_id in unposted(document, at=at).values_list("source_id", flat=True)[:left]:
            yield UnpostedDocument(document.kind, document.source_type, source_id)
            left -= 1
        if left <= 0:
            return


def _entries(kind: str, source: str) -> QuerySet[JournalEntry]:
    return JournalEntry.objects.filter(source_id=OuterRef(source), kind=kind)

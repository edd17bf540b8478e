"""What the documents behind entries are called."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from billing.models import (
    BankCharge,
    CreditEntry,
    CreditNote,
    DisputeEntry,
    ForeignFee,
    Invoice,
    Payment,
    PaymentOperation,
    PaymentReturn,
    PrepaidEntry,
    Refund,
)

Names = list[tuple[UUID, str, str, str]]


@dataclass(frozen=True, slots=True)
class DocumentName:
    """What a document is called, its number, and that of the invoice it belongs to."""

    source_type: str
    source_id: UUID
    words: str
    number: str
    invoice_number: str


def document_names(documents: Iterable[tuple[str, UUID]]) -> dict[UUID, DocumentName]:
    """The names of many documents, in one query for each type."""
    ids: dict[str, set[UUID]] = defaultdict(set)
    for source_type, source_id in documents:
        ids[source_type].add(source_id)
    return {
        pk: DocumentName(source_type, pk, words, number, invoice)
        for source_type, read in _READERS.items()
        if ids[source_type]
        for pk, words, number, invoice in read(ids[source_type])
    }


def _invoices(ids: set[UUID]) -> Names:
    rows = Invoice.objects.filter(pk__in=ids).values_list("pk", "number", "reference")
    return [
        (pk, f"Invoice {number}", number, number)
        if number
        else (pk, f"Invoice {there} of before", str(pk), str(pk))
        for pk, number, there in rows
    ]


def _credit_notes(ids: set[UUID]) -> Names:
    rows = CreditNote.objects.filter(pk__in=ids).values_list(
        "pk", "number", "invoice__number", "invoice_id"
    )
    return [
        (pk, f"Credit note {number}", number, invoice or str(invoice_id))
        for pk, number, invoice, invoice_id in rows
    ]


def _payments(ids: set[UUID]) -> Names:
    rows = Payment.objects.filter(pk__in=ids).values_list("pk", "invoice__number")
    return [(pk, f"Payment of {invoice}", "", str(invoice)) for pk, invoice in rows]


def _refunds(ids: set[UUID]) -> Names:
    rows = Refund.objects.filter(pk__in=ids).values_list("pk", "payment__invoice__number")
    return [(pk, f"Refund of {invoice}", "", str(invoice)) for pk, invoice in rows]


def _payment_returns(ids: set[UUID]) -> Names:
    rows = PaymentReturn.objects.filter(pk__in=ids).values_list("pk", "payment__invoice__number")
    return [(pk, f"Return of {invoice}", "", str(invoice)) for pk, invoice in rows]


def _bank_charges(ids: set[UUID]) -> Names:
    rows = BankCharge.objects.filter(pk__in=ids).values_list("pk", "gateway", "text")
    return [(pk, f"Charge of {gateway}: {text}", "", "") for pk, gateway, text in rows]


def _foreign_fees(ids: set[UUID]) -> Names:
    rows = ForeignFee.objects.filter(pk__in=ids).values_list(
        "pk", "attempt__payment__invoice__number"
    )
    return [(pk, f"Fee of {invoice}", "", str(invoice)) for pk, invoice in rows]


def _credit_entries(ids: set[UUID]) -> Names:
    rows = CreditEntry.objects.filter(pk__in=ids).values_list("pk", "kind", "invoice__number")
    return [
        (pk, f"Credit {kind}" + (f" for {invoice}" if invoice else ""), "", invoice or "")
        for pk, kind, invoice in rows
    ]


def _prepaid_entries(ids: set[UUID]) -> Names:
    rows = PrepaidEntry.objects.filter(pk__in=ids).values_list("pk", "kind", "invoice__number")
    return [
        (pk, f"Prepaid {kind}" + (f" for {invoice}" if invoice else ""), "", invoice or "")
        for pk, kind, invoice in rows
    ]


def _operations(ids: set[UUID]) -> Names:
    rows = PaymentOperation.objects.filter(pk__in=ids).values_list(
        "pk", "attempt__payment__invoice__number"
    )
    return [(pk, f"Capture for {invoice}", "", str(invoice)) for pk, invoice in rows]


def _dispute_entries(ids: set[UUID]) -> Names:
    rows = DisputeEntry.objects.filter(pk__in=ids).values_list(
        "pk", "dispute__payment__invoice__number"
    )
    return [(pk, f"Dispute of {invoice}", "", str(invoice)) for pk, invoice in rows]


_READERS: Mapping[str, Callable[[set[UUID]], Names]] = {
    "invoice": _invoices,
    "credit_note": _credit_notes,
    "credit_entry": _credit_entries,
    "prepaid_entry": _prepaid_entries,
    "payment": _payments,
    "payment_return": _payment_returns,
    "bank_charge": _bank_charges,
    "foreign_fee": _foreign_fees,
    "refund": _refunds,
    "dispute_entry": _dispute_entries,
    "payment_operation": _operations,
}

"""Invoices are written and made final, many at a time.

A draft is copied in with its lines; making it final takes its number. The numbers of a block
are taken in the transaction that makes the documents final and as late as possible in it, so
that a series has no gap and is locked only for a moment.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection
from psycopg.types.json import Jsonb

from billing.errors import InvoiceNotDraft
from billing.gateways.tax_service import tax_engine
from billing.models import Invoice
from billing.queries.issuers import company
from billing.services.credit.credit_balance import use_balance
from billing.services.credit.prepaid import use_wallets
from billing.services.invoices.draft_parts import DraftInvoice
from billing.services.invoices.due_days import due_days
from billing.services.invoices.numbering import take_invoice_numbers
from subscriptions.models import Customer, Subscription
from tiktoktoe.kernel.catching_up import written_at
from tiktoktoe.kernel.ids import uuid7

INVOICE_COLUMNS = {
    "id": "uuid",
    "customer_id": "int8",
    "subscription_id": "int8",
    "kind": "varchar",
    "state": "varchar",
    "currency": "varchar",
    "period_start": "timestamptz",
    "period_end": "timestamptz",
    "subtotal": "numeric",
    "tax": "numeric",
    "total": "numeric",
    "amount_paid": "numeric",
    "amount_credited": "numeric",
    "amount_refunded": "numeric",
    "amount_from_balance": "numeric",
    "amount_from_wallets": "numeric",
    "amount_to_balance": "numeric",
    "tax_breakdown": "jsonb",
    "bill_to": "jsonb",
    "issuer_id": "int8",
    "issued_by": "jsonb",
    "awaits_tax": "bool",
    "tax_next_at": "timestamptz",
    "idempotency_key": "varchar",
    "created_at": "timestamptz",
    "due_days": "int2",
}
LINE_COLUMNS = {
    "id": "uuid",
    "invoice_id": "uuid",
    "position": "int2",
    "kind": "varchar",
    "description": "varchar",
    "price_id": "int8",
    "subscription_id": "int8",
    "period_start": "timestamptz",
    "period_end": "timestamptz",
    "quantity": "numeric",
    "unit_amount": "numeric",
    "currency": "varchar",
    "amount": "numeric",
    "discount": "numeric",
    "tax_amount": "numeric",
    "tax_code": "varchar",
    "taxes": "jsonb",
    "includes_tax": "bool",
    "tax_category": "varchar",
    "derivation": "jsonb",
}
COUPON_COLUMNS = {
    "redemption_id": "int8",
    "invoice_id": "uuid",
    "currency": "varchar",
    "amount": "numeric",
    "counts": "bool",
    "month": "date",
    "is_returned": "bool",
}
PART_COLUMNS = {
    "invoice_id": "uuid",
    "subscription_id": "int8",
    "period_start": "timestamptz",
    "counts": "bool",
}
ZERO = Decimal(0)
DESCRIPTION_MAX = 300  # a plan's and a price's name together may be longer

FINALIZE = """
UPDATE billing_invoice SET
    number = given.number,
    amount_from_balance = given.used,
    amount_from_wallets = given.prepaid,
    state = CASE WHEN total = given.used + given.prepaid THEN 'paid' ELSE 'open' END,
    paid_at = CASE WHEN total = given.used + given.prepaid THEN %(at)s::timestamptz END,
    finalized_at = %(at)s,
    due_at = %(at)s::timestamptz + make_interval(days => coalesce(due_days, %(due_days)s))
FROM unnest(
    %(ids)s::uuid[], %(numbers)s::text[], %(used)s::numeric[], %(prepaid)s::numeric[]
) AS given(id, number, used, prepaid)
WHERE billing_invoice.id = given.id AND state = 'draft'
"""


def write_drafts(drafts: Sequence[DraftInvoice], *, at: datetime) -> list[UUID]:
    """Write invoices with their lines as drafts, in the caller's transaction; gives their ids."""
    at = written_at(at)
    ids = [uuid7() for _ in drafts]
    pairs = list(zip(ids, drafts, strict=True))
    _copy("billing_invoice", INVOICE_COLUMNS, (_invoice_row(i, d, at) for i, d in pairs))
    _copy("billing_invoiceline", LINE_COLUMNS, (row for i, d in pairs for row in _line_rows(i, d)))
    coupons = [row for i, d in pairs for row in _coupon_rows(i, d)]
    if coupons:
        _copy("billing_couponuse", COUPON_COLUMNS, coupons)
    parts = [(i, part.pk, d.boundary, True) for i, d in pairs for part in d.parts]
    if parts:
        _copy("billing_invoicepart", PART_COLUMNS, parts)
    return ids


def finalize_drafts(ids: Sequence[UUID], *, at: datetime) -> int:
    """Make drafts final in the caller's transaction: numbers, due dates, in the order of ids.

    Each takes what is on the customer's credit balance and in its wallets, up to its total; one
    that owes nothing then is paid when it is made. Those that wait for the tax engine stay
    drafts, and are issued when it has answered. Returns how many were made final.

    Raises:
        InvoiceNotDraft: If one is final already; no number is lost by it.
    """
    at, ids = written_at(at), _with_tax(ids)
    if not ids:
        return 0
    assert connection.in_atomic_block
    used = use_balance(ids, at=at)
    prepaid = use_wallets(ids, used, at=at)
    with connection.cursor() as cursor:
        cursor.execute(
            FINALIZE,
            {
                "at": at,
                "due_days": due_days(),
                "ids": list(ids),
                "used": [used.get(invoice_id, ZERO) for invoice_id in ids],
                "prepaid": [prepaid.get(invoice_id, ZERO) for invoice_id in ids],
                "numbers": take_invoice_numbers(ids, at=at),
            },
        )
        finalized = int(cursor.rowcount)
    if finalized != len(ids):
        raise InvoiceNotDraft(f"{len(ids) - finalized} of {len(ids)} invoices are no drafts")
    return finalized


def _with_tax(ids: Sequence[UUID]) -> Sequence[UUID]:
    """Those that do not wait for a tax engine; without one, all, and nobody is asked."""
    if tax_engine() is None:
        return ids
    waiting = Invoice.objects.awaiting_tax().filter(pk__in=ids)
    waiting.update(issues_once_taxed=True)
    left_out = set(waiting.values_list("pk", flat=True))
    return [pk for pk in ids if pk not in left_out]


def bill_to(customer: Customer) -> dict[str, str]:
    """The customer's details as they are printed, kept with the document for ever."""
    return {
        "name": customer.name,
        "email": customer.email,
        "address_line1": customer.address_line1,
        "address_line2": customer.address_line2,
        "postal_code": customer.postal_code,
        "city": customer.city,
        "region": customer.region,
        "country": customer.country,
        "tax_number": customer.tax_number,
        "locale": customer.locale,
        "time_zone": customer.time_zone,
    }


def _invoice_row(invoice_id: UUID, draft: DraftInvoice, at: datetime) -> tuple[object, ...]:
    totals = draft.totals
    return (
        invoice_id,
        draft.customer.pk,
        _key(draft.subscription),
        draft.kind,
        "draft",
        draft.currency,
        draft.boundary,
        draft.period_end,
        totals.subtotal.amount,
        totals.tax.amount,
        totals.total.amount,
        *([ZERO] * 6),
        Jsonb([row.to_json() for row in totals.by_rate]),
        Jsonb(bill_to(draft.customer)),
        draft.issuer_id,
        Jsonb((draft.issued_by or company()).to_json()),
        draft.awaits_tax,
        at if draft.awaits_tax else None,
        draft.idempotency_key,
        at,
        draft.due_days,
    )


def _line_rows(invoice_id: UUID, draft: DraftInvoice) -> Iterable[tuple[object, ...]]:
    for position, (line, taxed) in enumerate(draft.taxed_lines, start=1):
        yield (
            uuid7(),
            invoice_id,
            position,
            str(line.kind),
            shortened(line.description),
            line.price_id,
            line.subscription_id or _key(draft.subscription),
            line.period.start,
            line.period.end,
            line.quantity,
            line.unit_amount,
            draft.currency,
            taxed.net.amount,
            line.discount.amount if line.discount else ZERO,
            taxed.tax.amount,
            taxed.code,
            Jsonb(taxed.parts_json()),
            line.includes_tax,
            line.tax_category,
            Jsonb(line.derivation.to_json()),
        )


def shortened(text: str) -> str:
    """A line's words, cut where there is no more room; its derivation has the names in full."""
    return text if len(text) <= DESCRIPTION_MAX else f"{text[: DESCRIPTION_MAX - 1]}…"


def _coupon_rows(invoice_id: UUID, draft: DraftInvoice) -> Iterable[tuple[object, ...]]:
    for used in draft.coupons:
        amount = used.amount.amount
        yield (
            used.redemption_id,
            invoice_id,
            draft.currency,
            amount,
            used.counts,
            used.month,
            False,
        )


def _key(subscription: Subscription | None) -> int | None:
    return subscription.pk if subscription else None


def _copy(table: str, columns: dict[str, str], rows: Iterable[tuple[object, ...]]) -> None:
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(list(columns.values()))
        for row in rows:
            copy.write_row(row)

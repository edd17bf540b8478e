"""Entries of credit balances: how credit comes in, pays invoices, and comes back.

In the caller's transaction. The database moves the balance with each entry and refuses one
that would take it below zero. Whoever holds a balance may still wait for a number series, never
the other way round.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from billing.models import CreditBalance, CreditEntry, CreditNote, Invoice, Payment
from subscriptions.models import Customer
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money
from tiktoktoe.standing import standing

# Invoices share a balance in the order in which they are given.
USE_BALANCE = """
WITH given AS (
    SELECT * FROM unnest(%(ids)s::uuid[], %(entry_ids)s::uuid[])
        WITH ORDINALITY AS g(invoice_id, entry_id, place)
), owing AS (
    SELECT given.*, invoice.customer_id, invoice.currency,
           invoice.total - invoice.amount_credited + invoice.amount_to_balance
           - invoice.amount_from_balance - invoice.amount_from_wallets - invoice.amount_paid
           + invoice.amount_refunded AS due
    FROM given JOIN billing_invoice invoice ON invoice.id = given.invoice_id
), held AS MATERIALIZED (
    SELECT customer_id, currency, amount FROM billing_creditbalance
    WHERE amount > 0 AND (customer_id, currency) IN (SELECT customer_id, currency FROM owing)
    ORDER BY customer_id, currency FOR UPDATE
), used AS (
    SELECT owing.*, least(due, held.amount - (sum(due) OVER shared - due)) AS amount
    FROM owing JOIN held USING (customer_id, currency)
    WHERE due > 0
    WINDOW shared AS (PARTITION BY customer_id, currency ORDER BY place)
)
INSERT INTO billing_creditentry
    (id, customer_id, currency, amount, kind, invoice_id, reason, actor, idempotency_key, at)
SELECT entry_id, customer_id, currency, -amount, 'applied', invoice_id, '', 'schedule',
       format('applied:%%s:%%s', invoice_id, (
           SELECT count(*) FROM billing_creditentry earlier
           WHERE earlier.invoice_id = used.invoice_id)),
       %(at)s
FROM used WHERE amount > 0
RETURNING invoice_id, -amount
"""


def use_balance(invoice_ids: Sequence[UUID], *, at: datetime) -> Mapping[UUID, Decimal]:
    """Take what invoices owe from their customers' balances, as far as these go.

    One query, however many invoices; the caller holds them and counts on each what was taken.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            USE_BALANCE,
            {
                "ids": list(invoice_ids),
                "entry_ids": [uuid7() for _ in invoice_ids],
                "at": at,
            },
        )
        return dict(cursor.fetchall())


def return_to_balance(*, invoice: Invoice, reason: str, actor: str, at: datetime) -> CreditEntry:
    """Put back what an invoice took from the balance; the caller holds the invoice."""
    taken = invoice.amount_from_balance
    entry = _enter(
        customer_id=invoice.customer_id,
        amount=taken,
        kind=CreditEntry.Kind.RETURNED,
        reason=reason,
        actor=actor,
        key=f"returned:{invoice.pk}",
        at=at,
        invoice=invoice,
    )
    invoice.amount_from_balance -= taken
    return entry


def credit_from_note(*, note: CreditNote, actor: str, at: datetime) -> CreditEntry:
    """Put on the balance what a credit note says."""
    return _enter(
        customer_id=note.customer_id,
        amount=note.to_balance,
        kind=CreditEntry.Kind.CREDIT_NOTE,
        reason=note.reason,
        actor=actor,
        key=f"note:{note.pk}",
        at=at,
        credit_note=note,
    )


def credit_from_payment(
    *, payment: Payment, amount: Money, reason: str, actor: str, key: str, at: datetime
) -> CreditEntry:
    """Put on the balance what a payment paid too much."""
    return _enter(
        customer_id=payment.customer_id,
        amount=amount,
        kind=CreditEntry.Kind.OVERPAYMENT,
        reason=reason,
        actor=actor,
        key=key,
        at=at,
        payment=payment,
    )


def enter_by_hand(
    *, customer: Customer, amount: Money, reason: str, actor: str, key: str, at: datetime
) -> CreditEntry:
    """What a person grants, or takes away if it is below zero."""
    kind = CreditEntry.Kind.GRANTED if amount.amount > 0 else CreditEntry.Kind.WITHDRAWN
    return _enter(
        customer_id=customer.pk,
        amount=amount,
        kind=kind,
        reason=reason,
        actor=actor,
        key=key,
        at=at,
    )


@standing
def _held(customer: int, currency: str) -> "QuerySet[CreditBalance]":
    held = CreditBalance.objects.select_for_update()
    return held.filter(customer=customer, currency=currency).order_by()


def lock_balance(customer_id: int, currency: str) -> Money:
    """What is on a balance, which is held until the transaction ends."""
    found = _held.first(customer=customer_id, currency=currency)
    return found.amount if found else Money(0, currency)


def _enter(
    *,
    customer_id: int,
    amount: Money,
    kind: CreditEntry.Kind,
    reason: str,
    actor: str,
    key: str,
    at: datetime,
    invoice: Invoice | None = None,
    credit_note: CreditNote | None = None,
    payment: Payment | None = None,
) -> CreditEntry:
    return CreditEntry.objects.create(
        id=uuid7(),
        customer_id=customer_id,
        currency=amount.currency.code,
        amount=amount.amount,
        kind=kind,
        reason=reason[:200],
        actor=actor[:64],
        idempotency_key=key,
        at=at,
        invoice=invoice,
        credit_note=credit_note,
        payment=payment,
    )

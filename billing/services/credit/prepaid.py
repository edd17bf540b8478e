"""Prepaid credits pay invoices when these become final, and come back from void ones.

In the caller's transaction. After tax and after the credit balance; never more than is left to
pay (golden LAGO-WALLET-55). Wallets by priority; in one, what expires first, then what was
granted before what was paid, then the oldest. Wallets that are limited to plans or meters come
before the others (billing.domain.prepaid).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet, Sum

from billing.domain.prepaid import cover
from billing.models import Invoice, PrepaidCredit, PrepaidEntry
from billing.queries.wallets import charges_of, limited_lot, order_of_use
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import zero
from tiktoktoe.standing import standing

# What invoices want and what lots hold are laid end to end; where they overlap, one pays the other.
USE_WALLETS = """
WITH given AS (
    SELECT * FROM unnest(%(ids)s::uuid[], %(taken)s::numeric[])
        WITH ORDINALITY AS g(invoice_id, taken, place)
), owing AS (
    SELECT given.invoice_id, given.place, invoice.customer_id, invoice.currency,
           invoice.total - given.taken AS due
    FROM given JOIN billing_invoice invoice ON invoice.id = given.invoice_id
    WHERE invoice.kind <> 'top_up' AND invoice.total > given.taken
), held AS MATERIALIZED (
    SELECT lot.id, lot.amount_left, lot.expires_at, lot.kind, lot.at,
           wallet.customer_id, wallet.currency, wallet.priority
    FROM billing_prepaidcredit lot JOIN billing_wallet wallet ON wallet.id = lot.wallet_id
    WHERE lot.amount_left > 0 AND (lot.expires_at IS NULL OR lot.expires_at > %(at)s)
      AND wallet.plan_codes = '[]'::jsonb AND wallet.meter_codes = '[]'::jsonb
      AND (wallet.customer_id, wallet.currency) IN (SELECT customer_id, currency FROM owing)
    ORDER BY lot.id FOR UPDATE OF lot
), lots AS (
    SELECT *, sum(amount_left) OVER laid - amount_left AS starts, sum(amount_left) OVER laid AS ends
    FROM held WINDOW laid AS (
        PARTITION BY customer_id, currency
        ORDER BY priority, expires_at NULLS LAST, kind, at, id)
), wants AS (
    SELECT *, sum(due) OVER laid - due AS starts, sum(due) OVER laid AS ends
    FROM owing WINDOW laid AS (PARTITION BY customer_id, currency ORDER BY place)
), used AS (
    SELECT wants.invoice_id, lots.id AS lot_id, currency,
           least(wants.ends, lots.ends) - greatest(wants.starts, lots.starts) AS amount
    FROM wants JOIN lots USING (customer_id, currency)
    WHERE least(wants.ends, lots.ends) > greatest(wants.starts, lots.starts)
)
INSERT INTO billing_prepaidentry
    (id, credit_id, kind, currency, amount, invoice_id, idempotency_key, at)
SELECT gen_random_uuid(), lot_id, 'applied', currency, -amount, invoice_id,
       format('applied:%%s:%%s', invoice_id, lot_id), %(at)s
FROM used
RETURNING invoice_id, -amount
"""


def use_wallets(
    invoice_ids: Sequence[UUID], taken: Mapping[UUID, Decimal], *, at: datetime
) -> Mapping[UUID, Decimal]:
    """Take what drafts owe beyond what was taken for them already from their customers' wallets.

    One query where nobody has any, else two, however many invoices; a few more where wallets
    are limited.
    """
    lots = _lock_lots(invoice_ids, at)
    limited_lots = [lot for lot in lots if lot.wallet.is_limited]
    limited = _use_limited(invoice_ids, limited_lots, taken, at=at) if limited_lots else {}
    if len(limited_lots) == len(lots):
        return limited
    gone = {pk: taken.get(pk, Decimal(0)) + limited.get(pk, Decimal(0)) for pk in invoice_ids}
    with connection.cursor() as cursor:
        cursor.execute(
            USE_WALLETS,
            {
                "ids": list(invoice_ids),
                "taken": [gone[invoice_id] for invoice_id in invoice_ids],
                "at": at,
            },
        )
        rows = cursor.fetchall()
    used: dict[UUID, Decimal] = defaultdict(Decimal, limited)
    for invoice_id, amount in rows:
        used[invoice_id] += amount
    return used


def _lock_lots(invoice_ids: Sequence[UUID], at: datetime) -> list[PrepaidCredit]:
    """What is left of the prepaid credits that may pay these drafts, in the order of their ids."""
    return _lots_for.rows(invoices=list(invoice_ids), at=at)


@standing
def _lots_for(invoices: list[UUID], at: datetime) -> QuerySet[PrepaidCredit]:
    owing = Invoice.objects.filter(pk__any_of=invoices).exclude(kind=Invoice.Kind.TOP_UP)
    left = PrepaidCredit.objects.filter(
        amount_left__gt=0, wallet__customer__in=owing.values("customer")
    ).exclude(expires_at__lte=at)
    return left.select_for_update(of=("self",)).select_related("wallet").order_by("pk")


def _use_limited(
    invoice_ids: Sequence[UUID],
    locked: Sequence[PrepaidCredit],
    taken: Mapping[UUID, Decimal],
    *,
    at: datetime,
) -> dict[UUID, Decimal]:
    """What limited wallets pay of drafts, written down lot by lot."""
    owing = Invoice.objects.filter(pk__in=invoice_ids).exclude(kind=Invoice.Kind.TOP_UP)
    lots = sorted(locked, key=order_of_use)
    held = {lot.pk: lot.amount_left.amount for lot in lots}
    charges = charges_of(invoice_ids)
    entries: list[PrepaidEntry] = []
    used: dict[UUID, Decimal] = {}
    places = {pk: place for place, pk in enumerate(invoice_ids)}
    for invoice in sorted(owing, key=lambda invoice: places[invoice.pk]):
        mine = [
            limited_lot(lot, held[lot.pk])
            for lot in lots
            if (lot.wallet.customer_id, lot.currency) == (invoice.customer_id, invoice.currency)
        ]
        due = invoice.total.amount - taken.get(invoice.pk, Decimal(0))
        for lot_id, amount in cover(mine, charges[invoice.pk], due):
            held[lot_id] -= amount
            used[invoice.pk] = used.get(invoice.pk, Decimal(0)) + amount
            entries.append(_applied(invoice, lot_id, amount, at))
    PrepaidEntry.objects.bulk_create(entries)
    return used


def _applied(invoice: Invoice, lot_id: UUID, amount: Decimal, at: datetime) -> PrepaidEntry:
    return PrepaidEntry(
        id=uuid7(),
        credit_id=lot_id,
        kind=PrepaidEntry.Kind.APPLIED,
        currency=invoice.currency,
        amount=-amount,
        invoice=invoice,
        idempotency_key=f"applied:{invoice.pk}:{lot_id}",
        at=at,
    )


def return_to_wallets(*, invoice: Invoice, at: datetime) -> None:
    """Put back what an invoice took, lot by lot; what has expired meanwhile expires again."""
    taken = PrepaidEntry.objects.filter(invoice=invoice).order_by("credit").values_list("credit")
    PrepaidEntry.objects.bulk_create(
        PrepaidEntry(
            id=uuid7(),
            credit_id=credit_id,
            kind=PrepaidEntry.Kind.RETURNED,
            currency=invoice.currency,
            amount=-amount,
            invoice=invoice,
            idempotency_key=f"returned:{invoice.pk}:{credit_id}",
            at=at,
        )
        for credit_id, amount in taken.annotate(taken=Sum("amount"))
        if amount
    )
    invoice.amount_from_wallets = zero(invoice.currency)

"""Numbers of documents: taken as late as possible in the transaction that makes these final.

A series is locked from then on until that transaction ends, so that it has no gap, and so that
a customer's invoices can be counted meanwhile. A rehearsal takes none. Source of the modes:
Lago's public test `invoice_numbering_spec` (golden LAGO-NUM-65).
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from billing.errors import NumberingInvalid
from billing.models import Invoice, NumberingRule
from billing.services.payments.payment_events import actor_name
from subscriptions.models import Issuer
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.rehearsal import is_rehearsal
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)
INVOICE_SERIES = "invoice"
CREDIT_NOTE_SERIES = "credit_note"
PREFIX_PLACES = 12

TAKE_NUMBERS = """
INSERT INTO billing_numberseries AS series (code, prefix, next_number)
VALUES (%(series)s, %(prefix)s, %(count)s + 1)
ON CONFLICT (code) DO UPDATE SET next_number = series.next_number + %(count)s
RETURNING series.prefix, series.next_number, (
    SELECT ARRAY[mode, prefix]::text[] FROM billing_numberingrule
    WHERE effective_from <= %(at)s ORDER BY effective_from DESC LIMIT 1)
"""
NUMBER_CUSTOMERS = """
INSERT INTO billing_customernumber (customer_id, number)
SELECT customer_id, (SELECT coalesce(max(number), 0) FROM billing_customernumber)
       + row_number() OVER (ORDER BY customer_id)
FROM (SELECT DISTINCT customer_id FROM billing_invoice invoice
      WHERE id = ANY(%(ids)s::uuid[]) AND NOT EXISTS (
          SELECT FROM billing_customernumber known
          WHERE known.customer_id = invoice.customer_id)) AS fresh
"""
COUNT_BY_CUSTOMER = """
SELECT known.number, row_number() OVER (PARTITION BY invoice.customer_id ORDER BY given.place) + (
    SELECT count(*) FROM billing_invoice numbered
    WHERE numbered.customer_id = invoice.customer_id AND numbered.number IS NOT NULL
      AND numbered.issuer_id IS NULL)
FROM unnest(%(ids)s::uuid[]) WITH ORDINALITY AS given(id, place)
JOIN billing_invoice invoice ON invoice.id = given.id
JOIN billing_customernumber known ON known.customer_id = invoice.customer_id
ORDER BY given.place
"""


@transaction.atomic
def set_numbering(
    *,
    mode: NumberingRule.Mode,
    actor: Actor,
    at: datetime,
    prefix: str = "",
    effective_from: datetime | None = None,
) -> NumberingRule:
    """Number invoices otherwise from an instant on, by default from now; without a prefix, behind
    the one that counts by then.

    Raises:
        NumberingInvalid: If the prefix is too long, or the instant is over or another rule's.
    """
    starts_at = effective_from or at
    if starts_at < at:
        raise NumberingInvalid(f"{starts_at:%Y-%m-%d} is over", field="from_on")
    if NumberingRule.objects.filter(effective_from=starts_at).exists():
        raise NumberingInvalid("another rule begins then", field="from_on")
    newest = NumberingRule.objects.filter(effective_from__lte=starts_at).first()
    kept = prefix.strip() or (newest.prefix if newest else settings.INVOICE_PREFIX)
    if len(kept) > PREFIX_PLACES:
        raise NumberingInvalid(
            f"{kept!r} is too long", field="prefix", remedy=f"at most {PREFIX_PLACES} characters"
        )
    rule = NumberingRule.objects.create(
        mode=mode, prefix=kept, actor=actor_name(actor), effective_from=starts_at, created_at=at
    )
    logger.info("numbering changed", extra={"mode": mode, "prefix": kept})
    return rule


def take_numbers(series: str, prefix: str, count: int) -> list[str]:
    """The next numbers of a series; the caller's transaction uses all of them or rolls back."""
    if is_rehearsal():
        return _made_up(count)
    kept_prefix, numbers, _ = _take(series, prefix, count, at=None)
    return [f"{kept_prefix}{number:06d}" for number in numbers]


def take_invoice_numbers(ids: Sequence[UUID], *, at: datetime) -> list[str]:
    """The numbers of drafts that become final, in their order.

    Those of the company of the settings by the rule that counts, another issuer's by its series.
    """
    if is_rehearsal():
        return _made_up(len(ids))
    of_issuer = dict(_of_other_issuers.rows(invoices=list(ids)))
    ours = [pk for pk in ids if pk not in of_issuer]
    numbers = dict(zip(ours, _our_numbers(ours, at=at), strict=True)) if ours else {}
    if not of_issuer:
        return [numbers[pk] for pk in ids]
    # In one order everywhere, so that no two transactions wait for each other's series.
    for issuer in Issuer.objects.filter(pk__in=set(of_issuer.values())).order_by("pk"):
        theirs = [pk for pk in ids if of_issuer.get(pk) == issuer.pk]
        series = f"{INVOICE_SERIES}:{issuer.code}"
        numbers |= zip(
            theirs, take_numbers(series, issuer.invoice_prefix, len(theirs)), strict=True
        )
    return [numbers[pk] for pk in ids]


@standing
def _of_other_issuers(invoices: list[UUID]) -> QuerySet[Invoice, tuple[UUID, int]]:
    theirs = Invoice.objects.filter(pk__any_of=invoices, issuer__isnull=False).order_by()
    return theirs.values_list("pk", "issuer")


def take_credit_note_number(issuer: Issuer | None) -> str:
    """The next number of a credit note, of who issued its invoice."""
    series, prefix = CREDIT_NOTE_SERIES, settings.CREDIT_NOTE_PREFIX
    if issuer is not None:
        series, prefix = f"{series}:{issuer.code}", issuer.credit_note_prefix
    (number,) = take_numbers(series, prefix, 1)
    return number


def _made_up(count: int) -> list[str]:
    """Numbers of a rehearsal: nobody else's, so that no series is held until it is undone."""
    return [uuid7().hex for _ in range(count)]


def _our_numbers(ids: Sequence[UUID], *, at: datetime) -> list[str]:
    kept_prefix, numbers, rule = _take(INVOICE_SERIES, settings.INVOICE_PREFIX, len(ids), at=at)
    mode, prefix = rule or (NumberingRule.Mode.CONTINUOUS, kept_prefix)
    if mode == NumberingRule.Mode.CONTINUOUS:
        return [f"{prefix}{number:06d}" for number in numbers]
    stem = prefix.rstrip("-")
    if mode == NumberingRule.Mode.PER_ENTITY:
        return [f"{stem}-{at:%Y%m}-{number:03d}" for number in numbers]
    return [f"{stem}-{customer:03d}-{count:03d}" for customer, count in _by_customer(ids)]


def _take(
    series: str, prefix: str, count: int, *, at: datetime | None
) -> tuple[str, range, tuple[str, str] | None]:
    assert connection.in_atomic_block
    with connection.cursor() as cursor:
        cursor.execute(TAKE_NUMBERS, {"series": series, "prefix": prefix, "count": count, "at": at})
        row = cursor.fetchone()
    assert row is not None
    kept_prefix, after, rule = row
    return kept_prefix, range(after - count, after), rule


def _by_customer(ids: Sequence[UUID]) -> list[tuple[int, int]]:
    """The customer's number and the place among its invoices; while the series is locked."""
    with connection.cursor() as cursor:
        cursor.execute(NUMBER_CUSTOMERS, {"ids": list(ids)})
        cursor.execute(COUNT_BY_CUSTOMER, {"ids": list(ids)})
        rows: list[tuple[int, int]] = cursor.fetchall()
    return rows

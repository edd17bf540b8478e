"""Credit that people grant and take away, and open invoices that a balance pays."""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from billing.errors import CreditBalanceTooSmall, CreditInvalid, CreditKeyReused
from billing.models import CreditEntry, Invoice, PaymentAttempt
from billing.models.payments import LIVE_ATTEMPT_STATES
from billing.services.credit.credit_balance import enter_by_hand, lock_balance, use_balance
from billing.services.payments.payment_events import actor_name
from billing.services.payments.payment_moves import recover_subscription
from subscriptions.models import Customer
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.money import Money, quantize
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)

COUNT_ON_INVOICES = """
UPDATE billing_invoice SET
    amount_from_balance = amount_from_balance + given.used,
    state = CASE WHEN left_to_pay.amount <= given.used THEN 'paid' ELSE state END,
    paid_at = CASE WHEN left_to_pay.amount <= given.used THEN %(at)s ELSE paid_at END
FROM unnest(%(ids)s::uuid[], %(used)s::numeric[]) AS given(id, used)
JOIN LATERAL (
    SELECT total - amount_credited + amount_to_balance - amount_from_balance - amount_from_wallets
           - amount_paid + amount_refunded AS amount
    FROM billing_invoice owing WHERE owing.id = given.id
) AS left_to_pay ON true
WHERE billing_invoice.id = given.id
"""


@transaction.atomic
def grant_credit(
    *,
    customer: Customer,
    amount: Money,
    reason: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> CreditEntry:
    """Give a customer credit; it pays open invoices at once, the oldest first, and later ones.

    The same key gives the same entry.

    Raises:
        CreditInvalid: If the amount is not payable or not above zero, or no reason is given.
        CreditKeyReused: If the key belongs to something else.
    """
    if amount.amount <= 0:
        raise CreditInvalid(f"{amount} cannot be granted", field="amount", remedy="above zero")
    entry = _enter_once(customer, amount, reason=reason, key=idempotency_key, actor=actor, at=at)
    pay_open_invoices(customer_id=customer.pk, currency=entry.currency, at=at)
    return entry


@transaction.atomic
def withdraw_credit(
    *,
    customer: Customer,
    amount: Money,
    reason: str,
    idempotency_key: str,
    actor: Actor,
    at: datetime,
) -> CreditEntry:
    """Take back credit that was granted by mistake and is not used yet.

    Raises:
        CreditInvalid, CreditKeyReused: As `grant_credit` does.
        CreditBalanceTooSmall: If there is not as much.
    """
    if amount.amount <= 0:
        raise CreditInvalid(f"{amount} cannot be withdrawn", field="amount", remedy="above zero")
    there = lock_balance(customer.pk, amount.currency.code)
    is_new = not CreditEntry.objects.filter(idempotency_key=idempotency_key).exists()
    if is_new and there < amount:
        raise CreditBalanceTooSmall(f"only {there} is on the balance")
    return _enter_once(customer, -amount, reason=reason, key=idempotency_key, actor=actor, at=at)


@transaction.atomic
def pay_open_invoices(*, customer_id: int, currency: str, at: datetime) -> int:
    """Pay a customer's open invoices from its balance, the oldest first; gives how many.

    Left out is what somebody else holds just now, or what a payment is on its way for: the next
    collection comes back to it before it charges anything.
    """
    open_ones = Invoice.objects.collectable().filter(customer_id=customer_id, currency=currency)
    locked = open_ones.select_for_update(of=("self",), skip_locked=True)
    return len(pay_from_balance(list(locked.order_by("finalized_at", "pk")), at=at))


def pay_from_balance(invoices: Sequence[Invoice], *, at: datetime) -> list[Invoice]:
    """Pay open invoices that the caller holds, from balances; gives those that were touched.

    A fixed number of queries, but for subscriptions that recover by it.
    """
    assert connection.in_atomic_block
    ids = _not_in_flight(invoices)
    used = use_balance(ids, at=at) if ids else {}
    if not used:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            COUNT_ON_INVOICES, {"ids": list(used), "used": list(used.values()), "at": at}
        )
    touched = list(Invoice.objects.filter(pk__in=used).select_related("subscription"))
    for invoice in touched:
        if invoice.state == Invoice.State.PAID:
            recover_subscription(invoice, at)
    logger.info("invoices paid from balances", extra={"invoices": len(touched)})
    return touched


def _not_in_flight(invoices: Iterable[Invoice]) -> list[UUID]:
    """Those that no attempt may be taking money for."""
    ids = [invoice.pk for invoice in invoices]
    busy = set(_busy.rows(invoices=ids))
    return [pk for pk in ids if pk not in busy]


@standing
def _busy(invoices: list[UUID]) -> QuerySet[PaymentAttempt, UUID]:
    live = PaymentAttempt.objects.filter(
        payment__invoice__any_of=invoices, state__in=LIVE_ATTEMPT_STATES
    ).exclude(state=PaymentAttempt.State.SUCCEEDED)
    return live.order_by().values_list("payment__invoice", flat=True)


def _enter_once(
    customer: Customer, amount: Money, *, reason: str, key: str, actor: Actor, at: datetime
) -> CreditEntry:
    known = CreditEntry.objects.filter(idempotency_key=key).first()
    if known is not None:
        if known.customer_id != customer.pk or known.amount != amount:
            raise CreditKeyReused(f"{key} is the key of another entry")
        return known
    if quantize(amount) != amount:
        raise CreditInvalid(f"{amount} is no payable amount", field="amount")
    if not reason.strip():
        raise CreditInvalid("say why", field="reason")
    entry = enter_by_hand(
        customer=customer, amount=amount, reason=reason, actor=actor_name(actor), key=key, at=at
    )
    logger.info("credit entered", extra={"customer": customer.pk, "kind": entry.kind})
    return CreditEntry.objects.get(pk=entry.pk)

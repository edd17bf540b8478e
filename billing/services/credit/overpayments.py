"""What was paid beyond what is owed becomes the customer's credit, instead of being refunded.

It counts on the payment and the invoice as given back, so that it cannot be refunded besides;
the books owe it to the customer from then on.
"""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import F

from billing.domain.disputes import FROZEN_STATES
from billing.errors import CreditInvalid, NothingOverpaid
from billing.models import CreditEntry, Invoice, Payment
from billing.services.credit.credit_balance import credit_from_payment
from billing.services.credit.customer_credit import pay_open_invoices
from billing.services.payments.payment_events import actor_name, record_event
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.money import Money, quantize

logger = logging.getLogger(__name__)


@transaction.atomic
def credit_overpayment(
    *, invoice: Invoice, reason: str, actor: Actor, at: datetime, amount: Money | None = None
) -> list[CreditEntry]:
    """Move what an invoice was paid too much, or part of it, to the customer's credit balance.

    It pays other open invoices at once, the oldest first. Gives an entry for each payment that
    it comes from, the newest first.

    Raises:
        CreditInvalid: If no reason is given, or the amount is not payable.
        NothingOverpaid: If it is more than was paid too much and a bank does not claim.
    """
    if not reason.strip():
        raise CreditInvalid("say why", field="reason")
    locked = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
    wanted = locked.amount_overpaid if amount is None else amount
    if quantize(wanted) != wanted:
        raise CreditInvalid(f"{wanted} is no payable amount", field="amount")
    if wanted.amount <= 0 or wanted > locked.amount_overpaid:
        raise NothingOverpaid(f"{locked.amount_overpaid} is overpaid on {locked}")
    entries, left = [], wanted
    for payment in _payments(locked):
        part = min(left, payment.amount - payment.amount_refunded)
        if part.amount > 0:
            entries.append(_credit(payment, part, reason, actor, at))
            left -= part
    if left.amount > 0:
        raise NothingOverpaid(f"{left} of it is disputed, or on its way back already")
    Invoice.objects.filter(pk=locked.pk).update(
        amount_refunded=F("amount_refunded") + wanted.amount
    )
    pay_open_invoices(customer_id=locked.customer_id, currency=locked.currency, at=at)
    logger.info("overpayment credited", extra={"invoice": locked.number})
    return entries


def _payments(invoice: Invoice) -> list[Payment]:
    """What it was paid by and no bank claims, the newest first; locked."""
    paid = Payment.objects.select_for_update(of=("self",)).filter(
        invoice=invoice, state=Payment.State.PAID
    )
    free = paid.exclude(disputes__state__in=FROZEN_STATES)
    return list(free.order_by("-paid_at", "-pk"))


def _credit(
    payment: Payment, amount: Money, reason: str, actor: Actor, at: datetime
) -> CreditEntry:
    moved = payment.credit_entries.count() + 1
    entry = credit_from_payment(
        payment=payment,
        amount=amount,
        reason=reason,
        actor=actor_name(actor),
        key=f"overpaid:{payment.pk}:{moved}",
        at=at,
    )
    payment.amount_refunded += amount
    payment.save(update_fields=["amount_refunded"])
    record_event(
        payment=payment,
        event="overpayment_credited",
        actor=actor,
        at=at,
        details={"amount": str(quantize(amount).amount), "reason": reason[:200]},
    )
    return entry

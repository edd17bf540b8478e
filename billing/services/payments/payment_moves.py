"""Where a payment goes after its attempt, and what its invoice and subscriptions make of it."""

import logging
from datetime import datetime

from django.db.models import Q

from billing.domain.attempts import PaymentState, ensure_payment_move
from billing.models import Invoice, Payment
from billing.services.invoices.consolidating import subscriptions_of
from billing.services.payments.payment_events import record_event
from subscriptions.models import Subscription
from subscriptions.services.lifecycle import activate_subscription, mark_recovered
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.money import quantize

logger = logging.getLogger(__name__)


def move_payment(
    payment: Payment,
    to_state: PaymentState,
    actor: Actor,
    at: datetime,
    details: dict[str, object] | None = None,
) -> None:
    from_state = payment.state
    if from_state != to_state:
        ensure_payment_move(from_state, to_state)
        payment.state = to_state
        record_event(
            payment=payment,
            event=f"payment_{to_state}",
            actor=actor,
            at=at,
            from_state=from_state,
            to_state=to_state,
            details=details,
        )
    payment.save(update_fields=["state", "paid_at", "next_attempt_at"])


def credit_invoice(payment: Payment, actor: Actor, at: datetime) -> None:
    invoice = payment.invoice
    invoice.amount_paid += payment.amount
    if invoice.amount_due.amount <= 0 and invoice.state != Invoice.State.VOID:
        invoice.state, invoice.paid_at = Invoice.State.PAID, at
    invoice.save(update_fields=["amount_paid", "state", "paid_at"])
    note_overpayment(payment, actor, at)
    recover_subscription(invoice, at)


def note_overpayment(payment: Payment, actor: Actor, at: datetime) -> None:
    """Write down that an invoice has been paid beyond what it is owed; a person may refund it."""
    too_much = payment.invoice.amount_overpaid
    if too_much.amount <= 0:
        return
    record_event(
        payment=payment,
        event="invoice_overpaid",
        actor=actor,
        at=at,
        details={"too_much": str(quantize(too_much).amount)},
    )
    logger.warning("invoice overpaid", extra={"invoice": payment.invoice.number})


def recover_subscription(invoice: Invoice, at: datetime) -> None:
    """After an invoice was settled: what waited for it begins, what was past due recovers."""
    for subscription in subscriptions_of(invoice):
        is_new = subscription.state == Subscription.State.INCOMPLETE
        if is_new and invoice.state == Invoice.State.PAID:
            activate_subscription(subscription=subscription, at=at)
        is_behind = subscription.state == Subscription.State.PAST_DUE
        if is_behind and not _is_still_behind(invoice, subscription, at):
            mark_recovered(subscription=subscription, at=at)


def _is_still_behind(invoice: Invoice, subscription: Subscription, at: datetime) -> bool:
    others = Invoice.objects.collectable().filter(
        Q(subscription=subscription) | Q(parts__subscription=subscription)
    )
    uncollected = Q(payments__state__in=["failed", "requires_action"]) | Q(due_at__lt=at)
    return others.exclude(pk=invoice.pk).filter(uncollected).exists()

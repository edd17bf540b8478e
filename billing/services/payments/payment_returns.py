"""Money that a bank takes back after it was paid: what it paid is owed again."""

import logging
from datetime import date, datetime

from django.db import transaction

from billing.domain.attempts import PaymentState, ensure_payment_move
from billing.domain.bank_reasons import bank_decline
from billing.domain.budgets import spent_representments
from billing.domain.declines import POLICIES, Decline, DeclineClass
from billing.domain.dunning import Retry, next_retry
from billing.domain.return_windows import late_return
from billing.models import Invoice, Payment, PaymentAttempt, PaymentReturn
from billing.queries.risk import returns_of
from billing.services.payments.gateway_mandates import end_kept_mandate
from billing.services.payments.payment_events import record_event
from subscriptions.services.lifecycle import mark_past_due
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money, quantize

logger = logging.getLogger(__name__)


@transaction.atomic
def return_payment(
    *,
    attempt: PaymentAttempt,
    code: str,
    message: str,
    debited_on: date | None,
    returned_on: date,
    actor: Actor,
    at: datetime,
    decline: Decline | None = None,
    amount: Money | None = None,
) -> PaymentReturn | None:
    """Record that a payment, or a part of it, was taken back: it is owed again.

    Collected again is only what trying again can help with; a second payment does that, since
    the first one has been paid and is over. None if it has been returned already. `decline` is
    what the code means, where it is not a bank's own.
    """
    invoice = Invoice.objects.select_for_update(of=("self",)).get(payments__attempts=attempt.pk)
    payment = Payment.objects.select_for_update(of=("self",)).get(attempts=attempt.pk)
    payment.invoice = invoice
    if payment.state == PaymentState.RETURNED:
        return None
    ensure_payment_move(payment.state, PaymentState.RETURNED)
    decline = decline or bank_decline(code)
    made = PaymentReturn.objects.create(
        id=uuid7(),
        payment=payment,
        attempt=attempt,
        currency=payment.currency,
        amount=(amount or payment.amount).amount,
        code=code[:64],
        decline_class=decline.decline_class,
        message=message[:300],
        returned_on=returned_on,
        returned_at=at,
    )
    _move(payment, made, debited_on, actor, at)
    _reopen(invoice, made)
    collect_again(
        payment=payment, attempt=attempt, decline_class=decline.decline_class, actor=actor, at=at
    )
    logger.info("payment returned", extra={"payment": str(payment.pk), "code": code})
    return made


def _move(
    payment: Payment,
    made: PaymentReturn,
    debited_on: date | None,
    actor: Actor,
    at: datetime,
) -> None:
    late = late_return(code=made.code, debited_on=debited_on, returned_on=made.returned_on)
    payment.state = Payment.State.RETURNED
    payment.save(update_fields=["state"])
    record_event(
        payment=payment,
        attempt=made.attempt,
        event="payment_returned",
        actor=actor,
        at=at,
        from_state=PaymentState.PAID,
        to_state=payment.state,
        details={
            "code": made.code,
            "class": made.decline_class,
            "amount": str(quantize(made.amount).amount),
            "returned_on": made.returned_on.isoformat(),
            **({"message": made.message} if made.message else {}),
            **({"reason": late} if late else {}),
        },
    )


def _reopen(invoice: Invoice, made: PaymentReturn) -> None:
    invoice.amount_paid -= made.amount
    if invoice.state == Invoice.State.PAID and invoice.amount_due.amount > 0:
        invoice.state, invoice.paid_at = Invoice.State.OPEN, None
    invoice.save(update_fields=["amount_paid", "state", "paid_at"])


def collect_again(
    *,
    payment: Payment,
    attempt: PaymentAttempt,
    decline_class: DeclineClass,
    actor: Actor,
    at: datetime,
) -> None:
    """Open the payment that collects what is owed again, or leave it to the customer.

    A debit whose bank says that the account or the permission is gone ends the mandate. The
    caller holds the invoice's lock.
    """
    invoice = payment.invoice
    if attempt.method is not None and POLICIES[decline_class].instrument_is_dead:
        end_kept_mandate(method=attempt.method, at=at)
    if invoice.state != Invoice.State.OPEN or invoice.amount_due.amount <= 0:
        return
    retry = _next_try(payment, attempt, decline_class, at)
    live = Payment.objects.live().filter(invoice=invoice)
    if not live.exists():
        _open_payment(payment, retry, actor, at)
    subscription = invoice.subscription
    if retry.at is None and subscription is not None:
        reason = f"invoice {invoice}: {decline_class}"
        mark_past_due(subscription=subscription, reason=reason[:200], at=at)


def _next_try(
    payment: Payment, attempt: PaymentAttempt, decline_class: DeclineClass, at: datetime
) -> Retry:
    if attempt.method is None:  # a transfer: its payer has to send it again
        return Retry(at=None, reason="the payer has to pay again")
    retry = next_retry(
        decline_class=decline_class,
        retries_done=payment.retries_done,
        first_failed_at=at,
        failed_at=at,
        time_zone=payment.customer.time_zone,
    )
    if retry.at is None:
        return retry
    brand = attempt.method.brand
    returns = returns_of([attempt.method]).get((payment.invoice_id, brand), [])
    rule = spent_representments(brand=brand, returns=returns, at=retry.at)
    return Retry(at=None, reason=f"{rule.words()} ({rule.source})") if rule else retry


def _open_payment(returned: Payment, retry: Retry, actor: Actor, at: datetime) -> None:
    invoice = returned.invoice
    number = Payment.objects.filter(invoice=invoice).count() + 1
    payment = Payment.objects.create(
        id=uuid7(),
        customer_id=returned.customer_id,
        invoice=invoice,
        currency=returned.currency,
        amount=invoice.amount_due.amount,
        state=Payment.State.OPEN if retry.at else Payment.State.FAILED,
        purpose="off_session",
        idempotency_key=f"{invoice.pk}:{number}",
        next_attempt_at=retry.at,
        retries_done=returned.retries_done + 1,
        created_at=at,
    )
    record_event(
        payment=payment,
        event="collection_after_return",
        actor=actor,
        at=at,
        to_state=payment.state,
        details={"reason": retry.reason, "reference": str(returned.pk)},
    )

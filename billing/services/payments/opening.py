"""Writing down what is owed once, and each try to collect it, before a byte leaves."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from billing.domain.attempts import (
    LIVE_ATTEMPT_STATES,
    LIVE_PAYMENT_STATES,
    PaymentState,
    ensure_payment_move,
)
from billing.domain.part_amounts import Part
from billing.domain.presence import Presence
from billing.errors import InvoiceNotOpen, PaymentDisputed, PaymentHeld, PaymentInFlight
from billing.models import Invoice, Payment, PaymentAttempt, PaymentReview
from billing.services.payments.channels import PAYABLE_STATES, Channel
from billing.services.payments.part_payments import keep_plan, plan_of_rest
from billing.services.payments.payment_events import record_event
from billing.services.payments.reviews import is_contradicted, lapse_review
from billing.services.payments.sending import send_deadline
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money
from tiktoktoe.standing import standing

IN_FLIGHT = "a payment of this invoice is on its way; its outcome must be known first"


def payment_to_collect(
    invoice: Invoice,
    channel: Channel,
    actor: Actor,
    at: datetime,
    *,
    part: Part | None = None,
    is_on_session: bool = False,
) -> tuple[Payment, list[PaymentAttempt]]:
    """The payment for what is due on a locked invoice, or part of it, with its attempts so far."""
    due = invoice.amount_due
    if invoice.state not in PAYABLE_STATES[channel] or due.amount <= 0:
        raise InvoiceNotOpen(f"nothing is to be collected on invoice {invoice}")
    if part is not None and part.of != due:
        raise InvoiceNotOpen(f"{due} is due on invoice {invoice} by now: please look at it again")
    plan = plan_of_rest(invoice) if part is not None else None
    amount = due if part is None else part.amount
    payment, earlier = payment_for(
        invoice, amount, channel=channel, is_on_session=is_on_session, at=at, actor=actor
    )
    keep_plan(payment, plan)
    return payment, earlier


def new_attempt(
    payment: Payment,
    earlier: Sequence[PaymentAttempt],
    *,
    channel: Channel,
    gateway: str,
    at: datetime,
    present: Presence | None = None,
) -> PaymentAttempt:
    """An attempt that is not written yet; `present` is the customer who may be asked to confirm."""
    sequence = max((attempt.sequence for attempt in earlier), default=0) + 1
    return PaymentAttempt(
        id=uuid7(),
        payment=payment,
        sequence=sequence,
        gateway=gateway,
        channel=channel,
        idempotency_key=f"{payment.pk}:{sequence}",
        currency=payment.currency,
        is_on_session=present is not None,
        customer_address=(present.address or None) if present else None,
        dispatched_at=at,
        next_check_at=at + send_deadline(),
    )


def start_attempt(
    attempt: PaymentAttempt, earlier: Sequence[PaymentAttempt], *, actor: Actor, at: datetime
) -> PaymentAttempt:
    """Write the attempt and what it does to its payment; the caller commits, then sends."""
    attempt.save(force_insert=True)
    is_again = any(a.channel == attempt.channel for a in earlier)
    is_alone = attempt.channel == Channel.STORED_METHOD and not attempt.is_on_session
    is_retry = is_alone and is_again and not attempt.is_fallback
    _start_processing(attempt.payment, attempt, actor=actor, is_retry=is_retry, at=at)
    return attempt


def payment_for(
    invoice: Invoice,
    due: Money,
    *,
    channel: Channel,
    actor: Actor,
    at: datetime,
    is_on_session: bool = False,
) -> tuple[Payment, list[PaymentAttempt]]:
    """The payment being collected, or a new one, with its attempts so far, all of them dead.

    A payment for another amount is given up first: something was credited since.
    """
    is_alone = channel == Channel.STORED_METHOD and not is_on_session
    purpose = "off_session" if is_alone else "on_session"
    payments = _payments_of.rows(invoice=invoice.pk)
    if any(payment.contested == Payment.Contested.DISPUTED for payment in payments):
        raise PaymentDisputed(f"a payment of invoice {invoice} is disputed at the bank")
    live = next((payment for payment in payments if payment.state in LIVE_PAYMENT_STATES), None)
    earlier = list(live.attempts.select_related("decision")) if live else []
    if any(attempt.state in LIVE_ATTEMPT_STATES for attempt in earlier):
        raise PaymentInFlight(IN_FLIGHT)
    if live is not None and live.amount == due:
        if channel == Channel.STORED_METHOD and live.purpose != purpose:
            live.purpose = purpose  # whoever had opened a page is not there any more, or is again
            live.save(update_fields=["purpose"])
        return live, earlier
    # What is planned stands while the customer is there, and should it leave.
    is_there = channel == Channel.HOSTED_PAGE or is_on_session
    planned_at = live.next_attempt_at if live is not None and is_there else None
    if live is not None:
        if channel != Channel.BANK_TRANSFER and _is_held_for_contradiction(live, invoice):
            raise PaymentHeld("a gateway contradicts an earlier payment: somebody has to look")
        cancel_payment(live, reason="the amount due has changed", actor=actor, at=at)
    payment = Payment.objects.create(
        id=uuid7(),
        customer_id=invoice.customer_id,
        invoice=invoice,
        currency=invoice.currency,
        amount=due.amount,
        purpose=purpose,
        idempotency_key=f"{invoice.pk}:{len(payments) + 1}",
        next_attempt_at=planned_at,
        retries_done=live.retries_done if live else 0,
        created_at=at,
    )
    return payment, []


@standing
def _payments_of(invoice: UUID) -> QuerySet[Payment]:
    return Payment.objects.select_for_update(of=("self",)).filter(invoice=invoice)


def _is_held_for_contradiction(payment: Payment, invoice: Invoice) -> bool:
    held = PaymentReview.objects.filter(payment=payment, state=PaymentReview.State.OPEN)
    return held.exists() and is_contradicted(invoice)


def cancel_payment(payment: Payment, *, reason: str, actor: Actor, at: datetime) -> None:
    """Let nobody collect a payment any more; the caller holds the invoice's lock.

    Raises:
        StateMoveNotAllowed: If an attempt of it is live, or it is over.
    """
    ensure_payment_move(payment.state, PaymentState.CANCELED)
    from_state, payment.state, payment.next_attempt_at = payment.state, PaymentState.CANCELED, None
    payment.save(update_fields=["state", "next_attempt_at"])
    record_event(
        payment=payment,
        event="payment_canceled",
        actor=actor,
        at=at,
        from_state=from_state,
        to_state=payment.state,
        details={"reason": reason},
    )
    lapse_review(payment=payment, reason=f"canceled: {reason}", actor=actor, at=at)


def _start_processing(
    payment: Payment, attempt: PaymentAttempt, *, actor: Actor, is_retry: bool, at: datetime
) -> None:
    ensure_payment_move(payment.state, PaymentState.PROCESSING)
    from_state, payment.state = payment.state, PaymentState.PROCESSING
    if attempt.channel == Channel.STORED_METHOD and not attempt.is_on_session:
        payment.next_attempt_at = None
        payment.retries_done += 1 if is_retry else 0
    payment.save(update_fields=["state", "next_attempt_at", "retries_done"])
    record_event(
        payment=payment,
        attempt=attempt,
        event="attempt_dispatched",
        actor=actor,
        at=at,
        from_state=from_state,
        to_state=payment.state,
        details={
            "gateway": attempt.gateway,
            "channel": str(attempt.channel),
            **({"session": "the customer is there"} if attempt.is_on_session else {}),
            **({"reason": "another gateway said no"} if attempt.is_fallback else {}),
        },
    )

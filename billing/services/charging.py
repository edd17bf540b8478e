"""Collecting a payment in three steps: open (a row is committed), send (no transaction), settle.

Whatever dies in between leaves an attempt that is live, and so nobody can charge twice; the
reconciler sends the same request with the same key, or asks what became of it.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F

from billing.domain.attempts import (
    LIVE_ATTEMPT_STATES,
    LIVE_PAYMENT_STATES,
    UNPROVEN_ATTEMPT_STATES,
    PaymentState,
    ensure_payment_move,
)
from billing.errors import InvoiceNotOpen, PaymentInFlight, PaymentMethodMissing
from billing.gateways.base import ChargeRequest, Outcome, PageRequest
from billing.gateways.registry import gateway_named
from billing.models import GatewayCustomer, Invoice, Payment, PaymentAttempt, PaymentMethod
from billing.services.addresses import payment_page_address
from billing.services.payment_events import record_event
from billing.services.settling import settle_attempt
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

logger = logging.getLogger(__name__)

PAGE_IS_OPEN_FOR = timedelta(hours=1)  # Stripe allows 30 minutes to 24 hours
_GRACE = timedelta(seconds=10)


class Channel(StrEnum):
    """Where the customer is while paying."""

    STORED_METHOD = "stored_method"
    HOSTED_PAGE = "hosted_page"


# What was given up is not collected any more, but whoever wants to pay it may.
PAYABLE_STATES: Mapping[Channel, frozenset[str]] = {
    Channel.STORED_METHOD: frozenset({"open"}),
    Channel.HOSTED_PAGE: frozenset({"open", "uncollectible"}),
}


def charge_invoice(
    *, invoice: Invoice, actor: Actor, at: datetime, method: PaymentMethod | None = None
) -> PaymentAttempt:
    """Collect what is due on an invoice by a stored method, the default one unless given.

    Raises:
        InvoiceNotOpen: If nothing is to be collected on it.
        PaymentMethodMissing: If the customer has no such method.
        PaymentInFlight: If an attempt may have moved this money already.
    """
    chosen = method or default_method(invoice)
    if chosen is None or chosen.customer_id != invoice.customer_id or chosen.state != "active":
        raise PaymentMethodMissing("there is no stored payment method to charge")
    attempt = open_attempt(
        invoice=invoice,
        channel=Channel.STORED_METHOD,
        gateway=chosen.gateway,
        method=chosen,
        actor=actor,
        at=at,
    )
    return send_attempt(attempt=attempt, actor=actor, at=at)


def default_method(invoice: Invoice) -> PaymentMethod | None:
    """The method that a customer's invoices are charged to by themselves."""
    methods = PaymentMethod.objects.usable()
    return methods.filter(customer_id=invoice.customer_id, is_default=True).first()


def open_attempt(
    *,
    invoice: Invoice,
    channel: Channel,
    gateway: str,
    actor: Actor,
    at: datetime,
    method: PaymentMethod | None = None,
    saves_method: bool = False,
    amount: Money | None = None,
) -> PaymentAttempt:
    """Commit an attempt to collect what is due, or part of it, before anything is sent.

    Raises:
        InvoiceNotOpen: If nothing is to be collected on the invoice.
        PaymentInFlight: If an attempt is live; the database has the last word.
    """
    try:
        with transaction.atomic(durable=True):
            locked = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
            return write_attempt(
                invoice=locked,
                channel=channel,
                gateway=gateway,
                method=method,
                saves_method=saves_method,
                amount=amount,
                actor=actor,
                at=at,
            )
    except IntegrityError as error:
        if "attempt_one_live" in str(error) or "payment_one_live" in str(error):
            raise PaymentInFlight(_IN_FLIGHT) from error
        raise


def write_attempt(
    *,
    invoice: Invoice,
    channel: Channel,
    gateway: str,
    actor: Actor,
    at: datetime,
    method: PaymentMethod | None = None,
    saves_method: bool = False,
    amount: Money | None = None,
) -> PaymentAttempt:
    """Write an attempt down; the caller holds the invoice's lock, and commits."""
    due = invoice.amount_due
    if invoice.state not in PAYABLE_STATES[channel] or due.amount <= 0:
        raise InvoiceNotOpen(f"nothing is to be collected on invoice {invoice}")
    if amount is not None and amount > due:
        raise InvoiceNotOpen(f"only {due} is to be collected on invoice {invoice}")
    payment, earlier = _payment_for(invoice, amount or due, channel=channel, at=at, actor=actor)
    sequence = max((attempt.sequence for attempt in earlier), default=0) + 1
    attempt = PaymentAttempt.objects.create(
        id=uuid7(),
        payment=payment,
        sequence=sequence,
        gateway=gateway,
        channel=channel,
        method=method,
        saves_method=saves_method,
        idempotency_key=f"{payment.pk}:{sequence}",
        currency=payment.currency,
        dispatched_at=at,
        next_check_at=at + send_deadline(),
    )
    is_retry = channel == Channel.STORED_METHOD and any(a.channel == channel for a in earlier)
    _start_processing(payment, attempt, actor=actor, is_retry=is_retry, at=at)
    return attempt


def send_attempt(*, attempt: PaymentAttempt, actor: Actor, at: datetime) -> PaymentAttempt:
    """Send an attempt's request and settle what is answered; safe to repeat.

    Each sending is counted before it leaves: from the second on, a refusal proves nothing
    about the first. The request is made of stored values only, so that it is always the same.
    """
    claimed = _claim(attempt, at)
    if claimed is None:
        return PaymentAttempt.objects.get(pk=attempt.pk)
    outcome = request_for(claimed)
    return settle_attempt(attempt=claimed, outcome=outcome, actor=actor, at=at)


def request_for(attempt: PaymentAttempt) -> Outcome:
    """Send what the attempt stands for to its gateway, outside of any transaction."""
    gateway = gateway_named(attempt.gateway)
    if attempt.channel == Channel.STORED_METHOD:
        return gateway.charge(_charge_request(attempt))
    return gateway.open_page(_page_request(attempt))


def send_deadline() -> timedelta:
    """After this long, whoever was sending an attempt has stopped waiting, or is dead."""
    seconds = max(settings.STRIPE_TIMEOUT_SECONDS, settings.GATEWAY_TIMEOUT_SECONDS)
    return timedelta(seconds=seconds) + _GRACE


_IN_FLIGHT = "a payment of this invoice is on its way; its outcome must be known first"


def _payment_for(
    invoice: Invoice, due: Money, *, channel: Channel, actor: Actor, at: datetime
) -> tuple[Payment, list[PaymentAttempt]]:
    """The payment being collected, or a new one, with its attempts so far, all of them dead.

    A payment for another amount is given up first: something was credited since.
    """
    payments = list(Payment.objects.select_for_update(of=("self",)).filter(invoice=invoice))
    live = next((payment for payment in payments if payment.state in LIVE_PAYMENT_STATES), None)
    earlier = list(live.attempts.all()) if live else []
    if any(attempt.state in LIVE_ATTEMPT_STATES for attempt in earlier):
        raise PaymentInFlight(_IN_FLIGHT)
    if live is not None and live.amount == due:
        return live, earlier
    if live is not None:
        _cancel(live, actor, at)
    payment = Payment.objects.create(
        id=uuid7(),
        customer_id=invoice.customer_id,
        invoice=invoice,
        currency=invoice.currency,
        amount=due.amount,
        purpose="off_session" if channel == Channel.STORED_METHOD else "on_session",
        idempotency_key=f"{invoice.pk}:{len(payments) + 1}",
        retries_done=live.retries_done if live else 0,
        created_at=at,
    )
    return payment, []


def _cancel(payment: Payment, actor: Actor, at: datetime) -> None:
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
        details={"reason": "the amount due has changed"},
    )


def _start_processing(
    payment: Payment, attempt: PaymentAttempt, *, actor: Actor, is_retry: bool, at: datetime
) -> None:
    ensure_payment_move(payment.state, PaymentState.PROCESSING)
    from_state, payment.state = payment.state, PaymentState.PROCESSING
    if attempt.channel == Channel.STORED_METHOD:
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
        details={"gateway": attempt.gateway, "channel": str(attempt.channel)},
    )


@transaction.atomic(durable=True)
def _claim(attempt: PaymentAttempt, at: datetime) -> PaymentAttempt | None:
    """Count a sending of an attempt that is not proven; None if it is settled already."""
    unproven = PaymentAttempt.objects.filter(pk=attempt.pk, state__in=UNPROVEN_ATTEMPT_STATES)
    if not unproven.update(sends=F("sends") + 1, next_check_at=at + send_deadline()):
        return None
    related = ("payment__invoice", "payment__customer", "method")
    return PaymentAttempt.objects.select_related(*related).get(pk=attempt.pk)


def _metadata(attempt: PaymentAttempt) -> dict[str, str]:
    return {
        "payment_id": str(attempt.payment_id),
        "attempt_id": str(attempt.pk),
        "invoice": str(attempt.payment.invoice),
    }


def customer_reference(attempt: PaymentAttempt) -> str:
    """How the attempt's gateway names the customer."""
    known = GatewayCustomer.objects.get(
        customer_id=attempt.payment.customer_id, gateway=attempt.gateway
    )
    return known.gateway_reference


def _charge_request(attempt: PaymentAttempt) -> ChargeRequest:
    assert attempt.method is not None
    return ChargeRequest(
        our_reference=str(attempt.pk),
        customer_reference=customer_reference(attempt),
        method_reference=attempt.method.gateway_reference,
        amount=attempt.payment.amount,
        description=f"Invoice {attempt.payment.invoice}",
        metadata=_metadata(attempt),
        idempotency_key=attempt.idempotency_key,
    )


def _page_request(attempt: PaymentAttempt) -> PageRequest:
    back = payment_page_address(attempt.payment)
    return PageRequest(
        our_reference=str(attempt.pk),
        customer_reference=customer_reference(attempt),
        amount=attempt.payment.amount,
        currency=attempt.payment.currency,
        description=f"Invoice {attempt.payment.invoice}",
        metadata=_metadata(attempt),
        success_url=back,
        cancel_url=back,
        expires_at=attempt.dispatched_at + PAGE_IS_OPEN_FOR,
        saves_method=attempt.saves_method,
        idempotency_key=attempt.idempotency_key,
    )

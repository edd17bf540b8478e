"""Sending what an attempt stands for to its gateway, outside of any transaction.

Whoever dies in between leaves an attempt that is live; the same request with the same key is sent
again, or the gateway is asked what became of it.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from billing.domain.attempts import UNPROVEN_ATTEMPT_STATES, Answer
from billing.domain.authentication import Ask
from billing.domain.declines import Decline, DeclineClass
from billing.gateways.base import ChargeRequest, Outcome, PageRequest
from billing.gateways.registry import gateway_named
from billing.models import GatewayClock, Invoice, PaymentAttempt
from billing.queries.gateway_customers import known_to
from billing.services.payments.addresses import payment_page_address
from billing.services.payments.channels import Channel
from billing.services.payments.gateway_calls import ask
from billing.services.payments.gateway_clocks import clock_is_wrong, told_by
from billing.services.payments.settling import settle_attempt
from subscriptions.services.transitions import Actor
from tiktoktoe.standing import standing

PAGE_IS_OPEN_FOR = timedelta(hours=1)  # Stripe allows 30 minutes to 24 hours
_GRACE = timedelta(seconds=10)


def send_attempt(*, attempt: PaymentAttempt, actor: Actor, at: datetime) -> PaymentAttempt:
    """Send an attempt's request and settle what is answered; safe to repeat.

    Each sending is counted before it leaves: from the second on, a refusal proves nothing
    about the first. The request is made of stored values only, so that it is always the same.
    """
    claimed = _claim(attempt, at)
    if claimed is None and _is_put_right(attempt):
        claimed = _claim(attempt, at)
    if claimed is None:
        return _not_sent(attempt, actor, at)
    outcome = request_for(claimed, at)
    return settle_attempt(attempt=claimed, outcome=outcome, actor=actor, at=at)


def request_for(attempt: PaymentAttempt, at: datetime) -> Outcome:
    """Send what the attempt stands for to its gateway, outside of any transaction."""
    gateway = gateway_named(attempt.gateway)
    if attempt.channel == Channel.STORED_METHOD:
        charge = _charge_request(attempt)
        return ask(
            gateway=attempt.gateway,
            verb="authorize" if attempt.is_hold else "charge",
            request=charge,
            call=lambda: (gateway.authorize if attempt.is_hold else gateway.charge)(charge),
            at=at,
            attempt=attempt,
        )
    page = _page_request(attempt)
    return ask(
        gateway=attempt.gateway,
        verb="open_page",
        request=page,
        call=lambda: gateway.open_page(page),
        at=at,
        attempt=attempt,
    )


def send_deadline() -> timedelta:
    """After this long, whoever was sending an attempt has stopped waiting, or is dead."""
    seconds = max(settings.STRIPE_TIMEOUT_SECONDS, settings.GATEWAY_TIMEOUT_SECONDS)
    return timedelta(seconds=seconds) + _GRACE


def method_reference(attempt: PaymentAttempt) -> str:
    """How the attempt's gateway names the method."""
    assert attempt.method is not None
    if attempt.method.gateway == attempt.gateway:
        return attempt.method.gateway_reference
    return attempt.method.tokens.get(gateway=attempt.gateway).gateway_reference


def _is_put_right(attempt: PaymentAttempt) -> bool:
    """Whether only clocks that differed kept an attempt from being sent, and do so no more."""
    askew = GatewayClock.objects.askew().filter(gateway=attempt.gateway)
    return askew.exists() and not clock_is_wrong(attempt.gateway)


@transaction.atomic
def _not_sent(attempt: PaymentAttempt, actor: Actor, at: datetime) -> PaymentAttempt:
    """The attempt as it is. One that has never left, since clocks differ, is proven not to have.

    Whose key is how old could not be told afterwards.
    """
    Invoice.objects.select_for_update(of=("self",)).get(payments__attempts=attempt.pk)
    known = PaymentAttempt.objects.select_for_update(of=("self",)).get(pk=attempt.pk)
    if known.sends or known.state not in UNPROVEN_ATTEMPT_STATES:
        return known
    decline = Decline(code="clocks_differ", decline_class=DeclineClass.TECHNICAL)
    outcome = Outcome(
        answer=Answer.NEVER_LEFT,
        decline=decline,
        message="not sent: our clock and the gateway's differ too much",
    )
    return settle_attempt(attempt=known, outcome=outcome, actor=actor, at=at)


@transaction.atomic(durable=True)
def _claim(attempt: PaymentAttempt, at: datetime) -> PaymentAttempt | None:
    """Count a sending of an attempt that is not proven; None if it is settled already.

    Nor is it where the gateway's clock and ours are known to differ too much.
    """
    askew = GatewayClock.objects.askew().filter(gateway=OuterRef("gateway"))
    unproven = PaymentAttempt.objects.filter(
        ~Exists(askew), pk=attempt.pk, state__in=UNPROVEN_ATTEMPT_STATES
    )
    counted: dict[str, Any] = {
        "sends": F("sends") + 1,
        "sent_at": at,
        "next_check_at": at + send_deadline(),
    }
    counted["told_at"] = told_by(OuterRef("gateway"))
    counted["missed_at"] = None  # whatever was not found then may be found now
    if not unproven.update(**counted):
        return None
    return _to_send.get(pk=attempt.pk)


@standing
def _to_send(pk: UUID) -> QuerySet[PaymentAttempt]:
    related = ("payment__invoice", "payment__customer", "method")
    return PaymentAttempt.objects.select_related(*related).filter(pk=pk).order_by()


def _metadata(attempt: PaymentAttempt) -> dict[str, str]:
    return {
        "payment_id": str(attempt.payment_id),
        "attempt_id": str(attempt.pk),
        "invoice": str(attempt.payment.invoice),
    }


def customer_reference(attempt: PaymentAttempt) -> str:
    """How the attempt's gateway names the customer."""
    known = known_to.get(customer=attempt.payment.customer_id, gateway=attempt.gateway)
    return known.gateway_reference


def _charge_request(attempt: PaymentAttempt) -> ChargeRequest:
    return ChargeRequest(
        our_reference=str(attempt.pk),
        customer_reference=customer_reference(attempt),
        method_reference=method_reference(attempt),
        amount=attempt.payment.amount,
        description=f"Invoice {attempt.payment.invoice}",
        metadata=_metadata(attempt),
        authentication=_asked_of_banks(attempt),
        return_url=payment_page_address(attempt.payment) if attempt.is_on_session else "",
        customer_address=attempt.customer_address or "",
        browser=attempt.authentication.get("browser", {}),
        idempotency_key=attempt.idempotency_key,
    )


def _asked_of_banks(attempt: PaymentAttempt) -> str:
    """As a gateway is told it: challenge, the exemption that is asked for, or nothing."""
    kept = attempt.authentication
    if kept.get("ask") == Ask.CHALLENGE:
        return str(Ask.CHALLENGE)
    return str(kept.get("exemption", "")) if kept.get("ask") == Ask.EXEMPTION else ""


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
        authentication=_asked_of_banks(attempt),
        saves_method=attempt.saves_method,
        idempotency_key=attempt.idempotency_key,
    )

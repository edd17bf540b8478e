"""What the gateway says has happened is looked up, never believed."""

from datetime import datetime
from uuid import UUID

from billing.gateways.registry import DEFAULT_GATEWAY
from billing.models import PaymentAttempt, PaymentMethod, Refund
from billing.services.disputes.records import look_at_dispute
from billing.services.payments.gateway_mandates import look_at_mandate
from billing.services.payments.payment_events import WEBHOOK
from billing.services.payments.payment_methods import refresh_method, take_over_method
from billing.services.payments.reconciling import find_attempt, look_into
from billing.services.payments.refunds import look_into_refund

# What an event of Stripe's is named by begins with what it is about.
_KINDS = ("checkout.session", "charge", "mandate", "payment_intent", "payment_method", "refund")


def kind_of_event(name: str) -> str:
    """The kind of object that an event named so tells of; empty if it is none of ours."""
    if name.startswith("charge.dispute."):
        return "dispute"
    return next((kind for kind in _KINDS if name.startswith(f"{kind}.")), "")


def look_at_reported(
    *, kind: str, reference: str, our_reference: str, at: datetime, gateway: str = DEFAULT_GATEWAY
) -> str:
    """Look at an object that an event named, and settle what is proven; says what it was.

    Args:
        kind: The gateway's word: checkout.session, payment_intent, refund, dispute,
            payment_method, mandate, charge.
        reference: The gateway's name of it.
        our_reference: Ours, as the event tells it; it finds the row, and proves nothing.
    """
    if kind == "refund":
        return _look_at_refund(reference, our_reference, at)
    if kind == "dispute":
        return look_at_dispute(reference=reference, actor=WEBHOOK, at=at, gateway=gateway)
    if kind in {"mandate", "payment_method"}:
        return _look_at_method(kind, reference, gateway, at)
    attempt = find_attempt(reference=reference, gateway=gateway) or _attempt(our_reference)
    if attempt is not None:
        return f"attempt {look_into(attempt=attempt, actor=WEBHOOK, at=at).state}"
    if kind == "checkout.session":
        taken: PaymentMethod | None = take_over_method(session=reference, at=at, gateway=gateway)
        return "method stored" if taken else "not ours"
    return "not ours"


def _look_at_method(kind: str, reference: str, gateway: str, at: datetime) -> str:
    if kind == "mandate":
        return look_at_mandate(reference=reference, gateway=gateway, at=at)
    known = refresh_method(reference=reference, gateway=gateway)
    return "method refreshed" if known else "not ours"


def _look_at_refund(reference: str, our_reference: str, at: datetime) -> str:
    refund = Refund.objects.filter(gateway_reference=reference).first() or _refund(our_reference)
    if refund is None:
        return "not ours"
    return f"refund {look_into_refund(refund=refund, actor=WEBHOOK, at=at).state}"


def _attempt(our_reference: str) -> PaymentAttempt | None:
    identity = _uuid(our_reference)
    return PaymentAttempt.objects.filter(pk=identity).first() if identity else None


def _refund(our_reference: str) -> Refund | None:
    identity = _uuid(our_reference)
    return Refund.objects.filter(pk=identity).first() if identity else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

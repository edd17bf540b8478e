"""Everything that happens to a payment becomes a row, in the caller's transaction."""

from collections.abc import Mapping
from datetime import datetime

from billing.models import Payment, PaymentAttempt, PaymentEvent
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.money import Money, quantize

WEBHOOK = Actor(source="webhook")
RECONCILER = Actor(source="reconciler")


def actor_name(actor: Actor) -> str:
    """Who it was, to show: a person's e-mail, or the door."""
    return actor.user.email if actor.user else actor.source


def record_event(
    *,
    payment: Payment,
    event: str,
    actor: Actor,
    at: datetime,
    attempt: PaymentAttempt | None = None,
    from_state: str = "",
    to_state: str = "",
    details: Mapping[str, object] | None = None,
) -> PaymentEvent:
    """Write down one thing that happened to a payment or to one of its attempts."""
    return PaymentEvent.objects.create(
        payment=payment,
        attempt=attempt,
        at=at,
        actor=actor_name(actor)[:64],
        event=event,
        from_state=from_state,
        to_state=to_state,
        details=dict(details or {}),
    )


def told_amount(amount: Money, *, currency: str) -> str:
    """An amount as an event keeps it: with its currency, where that is not the payment's."""
    plain, code = str(quantize(amount).amount), amount.currency.code
    return plain if code == currency else f"{plain} {code}"


def contradict_once(
    *,
    attempt: PaymentAttempt,
    about: Mapping[str, str],
    details: Mapping[str, object],
    actor: Actor,
    at: datetime,
) -> bool:
    """Write down that a gateway contradicts what we know, once for what it is about.

    Gives whether it is new. Nothing is settled by it: a person must look.
    """
    payment = attempt.payment
    same = {f"details__{name}": value for name, value in about.items()}
    if payment.events.filter(event="gateway_contradicts", **same).exists():
        return False
    record_event(
        payment=payment,
        attempt=attempt,
        event="gateway_contradicts",
        actor=actor,
        at=at,
        details={**about, **details},
    )
    return True

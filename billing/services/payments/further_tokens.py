"""Gateways that hold a customer's card beside the one that it was stored at: let go of again."""

import logging

from django.db import transaction

from billing.domain.attempts import UNPROVEN_ATTEMPT_STATES
from billing.errors import GatewayRefused, GatewayUnavailable, PaymentInFlight
from billing.gateways.registry import gateway_named
from billing.models import GatewayCustomer, InstrumentToken, PaymentAttempt, PaymentMethod
from subscriptions.models import Customer

logger = logging.getLogger(__name__)


def forget_token(*, method: PaymentMethod, gateway: str) -> None:
    """Stop charging a method at a further gateway, then let that gateway forget it.

    Raises:
        PaymentInFlight: If a payment by it there may be on its way.
    """
    for token in _mark_removed(method, gateway):
        detach_token(token)


def detach_token(token: InstrumentToken) -> None:
    """Let a gateway forget a token that is not used any more, if it can be reached."""
    owner = GatewayCustomer.objects.filter(
        customer=token.method.customer_id, gateway=token.gateway
    ).first()
    reference = owner.gateway_reference if owner else ""
    try:
        gateway_named(token.gateway).detach_method(
            token.gateway_reference, customer_reference=reference
        )
    except (GatewayUnavailable, GatewayRefused):
        logger.warning("token not detached at the gateway", extra={"token": token.pk})


def end_tokens(method: PaymentMethod) -> list[InstrumentToken]:
    """Let no further gateway charge a method any more; gives what they are to forget."""
    ended = list(method.tokens.usable().select_related("method"))
    method.tokens.usable().update(state=InstrumentToken.State.REMOVED)
    return ended


def end_token_of(*, reference: str, gateway: str) -> PaymentMethod | None:
    """A gateway says that it holds this no more: if it was a further token, it is over."""
    tokens = InstrumentToken.objects.usable().select_related("method")
    token = tokens.filter(gateway=gateway, gateway_reference=reference).first()
    if token is None:
        return None
    token.state = InstrumentToken.State.REMOVED
    token.save(update_fields=["state"])
    return token.method


@transaction.atomic(durable=True)
def _mark_removed(method: PaymentMethod, gateway: str) -> list[InstrumentToken]:
    Customer.objects.select_for_update(of=("self",)).get(pk=method.customer_id)
    in_use = PaymentAttempt.objects.filter(
        method=method, gateway=gateway, state__in=UNPROVEN_ATTEMPT_STATES
    )
    if in_use.exists():
        raise PaymentInFlight("a payment by this method is on its way; please try again soon")
    ended = list(method.tokens.usable().filter(gateway=gateway).select_related("method"))
    for token in ended:
        token.state = InstrumentToken.State.REMOVED
        token.save(update_fields=["state"])
    return ended

"""Stripe's door: what is not Stripe's is refused and noted, and reaches nobody behind it."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from billing.errors import WebhookForged
from billing.gateways.registry import DEFAULT_GATEWAY
from billing.gateways.stripe_door import endpoint_of, ensure_signed
from billing.services.payments.webhook_inbox import keep_refused


def admit(*, endpoint: UUID, headers: Mapping[str, str], body: bytes, at: datetime) -> None:
    """Let a request through that Stripe has signed.

    Raises:
        GatewayRefused: If there is no such endpoint; of it nothing is kept.
        WebhookForged: If it is not signed; this is noted.
    """
    try:
        ensure_signed(endpoint=endpoint, headers=headers, body=body)
    except WebhookForged as refusal:
        keep_refused(gateway=DEFAULT_GATEWAY, body=body, reason=str(refusal), at=at)
        raise


def refuse_enormous(*, endpoint: UUID, at: datetime) -> None:
    """Note a request that is larger than an event is, without reading it.

    Raises:
        GatewayRefused: If there is no such endpoint; of it nothing is kept.
    """
    endpoint_of(endpoint)
    reason = "the request is too large"
    keep_refused(gateway=DEFAULT_GATEWAY, body=b"", reason=reason, at=at)

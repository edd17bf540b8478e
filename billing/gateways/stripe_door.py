"""Whether a request to Stripe's door is Stripe's, told before dj-stripe keeps anything of it."""

from collections.abc import Mapping
from uuid import UUID

import stripe
from djstripe.models import WebhookEndpoint

from billing.errors import GatewayRefused, WebhookForged


def ensure_signed(*, endpoint: UUID, headers: Mapping[str, str], body: bytes) -> None:
    """Let through only what the endpoint's secret has signed, lately.

    dj-stripe looks again; but it keeps the whole body of whatever comes, signed or not.

    Raises:
        GatewayRefused: If there is no such endpoint.
        WebhookForged: If the request is not signed by its secret.
    """
    known = endpoint_of(endpoint)
    try:
        stripe.WebhookSignature.verify_header(
            body.decode(),
            headers.get("stripe-signature", ""),
            known.secret,
            known.djstripe_tolerance,
        )
    except (stripe.SignatureVerificationError, UnicodeDecodeError) as refusal:
        raise WebhookForged("the signature does not fit") from refusal


def endpoint_of(uuid: UUID) -> WebhookEndpoint:
    """The endpoint that we have told Stripe of.

    Raises:
        GatewayRefused: If there is none.
    """
    known = WebhookEndpoint.objects.filter(djstripe_uuid=uuid).first()
    if known is None:
        raise GatewayRefused("there is no such endpoint")
    return known

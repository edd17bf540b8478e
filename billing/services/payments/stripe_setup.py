"""What has to be in place before Stripe's webhooks can come in."""

from collections.abc import Sequence

from billing.gateways.stripe_mirror import Endpoint, mirror_account, register_endpoint


def set_up_stripe(*, base_url: str, events: Sequence[str]) -> tuple[str, Endpoint]:
    """Make the account known to dj-stripe and register the webhook endpoint; safe to repeat.

    Raises:
        GatewayUnavailable: If Stripe cannot be reached.
        GatewayRefused: If it refuses the key or the address.
    """
    account = mirror_account()
    return account, register_endpoint(base_url=base_url, events=events)

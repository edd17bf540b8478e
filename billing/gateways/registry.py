"""The gateways, by name."""

from collections.abc import Mapping

from billing.errors import GatewayRefused
from billing.gateways.base import Gateway
from billing.gateways.stripe import StripeGateway

DEFAULT_GATEWAY = "stripe"
GATEWAYS: Mapping[str, Gateway] = {"stripe": StripeGateway()}


def gateway_named(name: str) -> Gateway:
    """The gateway of that name.

    Raises:
        GatewayRefused: If there is none, or none any more.
    """
    try:
        return GATEWAYS[name]
    except KeyError:
        raise GatewayRefused(f"there is no gateway named {name!r}") from None

"""The gateways, by name: those that the settings configure, and no others."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache

from django.conf import settings

from billing.errors import GatewayRefused
from billing.gateways.adyen import adyen_gateway
from billing.gateways.bank import bank_gateway
from billing.gateways.base import Gateway, HearsEvents
from billing.gateways.nacha import nacha_gateway
from billing.gateways.paypal import paypal_gateway
from billing.gateways.stripe import StripeGateway

DEFAULT_GATEWAY = "stripe"
Terms = Mapping[str, str]
_KINDS: Mapping[str, Callable[[str, Terms], Gateway]] = {
    "adyen": adyen_gateway,
    "bank": bank_gateway,
    "nacha": nacha_gateway,
    "paypal": paypal_gateway,
    "stripe": lambda _name, _terms: StripeGateway(),
}

_stand_in: ContextVar[Gateway | None] = ContextVar("stand_in", default=None)


@contextmanager
def standing_in(gateway: Gateway) -> Iterator[None]:
    """Let a gateway answer for all of them in this context: a simulation moves no money."""
    token = _stand_in.set(gateway)
    try:
        yield
    finally:
        _stand_in.reset(token)


def gateway_names() -> list[str]:
    """The names of the gateways that are configured, the default one first."""
    return sorted(settings.GATEWAYS, key=lambda name: (name != DEFAULT_GATEWAY, name))


def gateway_named(name: str) -> Gateway:
    """The gateway of that name.

    Raises:
        GatewayRefused: If there is none, or none any more.
    """
    stand_in = _stand_in.get()
    if stand_in is not None:
        return stand_in
    terms = settings.GATEWAYS.get(name)
    if terms is None:
        raise GatewayRefused(f"there is no gateway named {name!r}")
    return _made(name, tuple(sorted(terms.items())))


def gateway_that_hears(name: str) -> HearsEvents:
    """The gateway of that name, if its events come in at our own door.

    Raises:
        GatewayRefused: If there is none such.
    """
    gateway = gateway_named(name)
    if not isinstance(gateway, HearsEvents):
        raise GatewayRefused(f"events of {name!r} do not come in here")
    return gateway


@cache
def _made(name: str, terms: tuple[tuple[str, str], ...]) -> Gateway:
    known = dict(terms)
    return _KINDS[known["kind"]](name, known)

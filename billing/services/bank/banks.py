"""Which gateways are banks, by name."""

from django.conf import settings

from billing.errors import GatewayRefused
from billing.gateways.bank import BankGateway
from billing.gateways.registry import gateway_named
from subscriptions.services.transitions import Actor

_KINDS = frozenset({"bank", "nacha"})
BANK = Actor(source="bank")


def bank_names() -> list[str]:
    """The banks that the settings configure, in a fixed order."""
    return sorted(name for name, terms in settings.GATEWAYS.items() if terms["kind"] in _KINDS)


def bank_for(currency: str) -> BankGateway | None:
    """The first bank for which customers of a currency give mandates in the portal, if any."""
    banks = (bank_named(name) for name in bank_names())
    able = (bank for bank in banks if bank.gives_mandates_in_portal)
    return next((bank for bank in able if bank.currency == currency), None)


def bank_named(name: str) -> BankGateway:
    """The bank of that name.

    Raises:
        GatewayRefused: If there is none such.
    """
    gateway = gateway_named(name)
    if not isinstance(gateway, BankGateway):
        raise GatewayRefused(f"{name!r} is no bank")
    return gateway

"""Which gateways there are is for the settings to say."""

from datetime import timedelta
from typing import Any

import pytest

from billing.domain.attempts import LookUpRule
from billing.errors import GatewayRefused
from billing.gateways.base import Capabilities
from billing.gateways.registry import gateway_named, gateway_names, gateway_that_hears


def test_what_is_configured_is_there_the_default_first(settings: Any) -> None:
    settings.GATEWAYS = {"another": {"kind": "stripe"}, "stripe": {"kind": "stripe"}}

    assert gateway_names() == ["stripe", "another"]
    assert gateway_named("stripe") is gateway_named("stripe")


def test_what_is_not_configured_is_absent(settings: Any) -> None:
    settings.GATEWAYS = {}

    assert gateway_names() == []
    with pytest.raises(GatewayRefused, match="no gateway named 'stripe'"):
        gateway_named("stripe")


def test_events_of_stripe_do_not_come_in_at_our_own_door() -> None:
    with pytest.raises(GatewayRefused, match="do not come in here"):
        gateway_that_hears("stripe")


@pytest.mark.parametrize(
    ("kind", "currency", "country", "reason"),
    [
        ("card", "EUR", "DE", ""),
        ("card", "EUR", "", ""),
        ("bank_debit", "EUR", "DE", "takes no bank debit"),
        ("card", "JPY", "DE", "takes no JPY"),
        ("card", "EUR", "US", "takes nothing from US"),
    ],
)
def test_why_a_gateway_cannot_take_a_payment(
    kind: str, currency: str, country: str, reason: str
) -> None:
    can = Capabilities(
        kinds=frozenset({"card"}),
        currencies=frozenset({"EUR"}),
        countries=frozenset({"DE"}),
        has_hosted_page=True,
        has_partial_refund=True,
        remembers_keys_for=timedelta(hours=1),
        look_up=LookUpRule(),
    )

    assert can.why_not(kind=kind, currency=currency, country=country) == reason

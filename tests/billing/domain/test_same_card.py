"""When two gateways' cards are one: all that both tell has to agree, and to be enough."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from billing.domain.same_card import CardFacts, is_same_card, the_same_among

CARD = CardFacts(
    kind="card", network="visa", last4="1111", expires_on=date(2030, 3, 31), country="NL"
)


def test_a_card_is_known_by_network_digits_and_expiry_whatever_one_gateway_leaves_out() -> None:
    assert is_same_card(CARD, replace(CARD, network="Visa"))
    assert is_same_card(CARD, replace(CARD, country=""))


@pytest.mark.parametrize(
    "other",
    [
        {"network": "mastercard"},
        {"last4": "1112"},
        {"expires_on": date(2030, 4, 30)},
        {"expires_on": None},
        {"country": "DE"},
        {"kind": "wallet"},
    ],
)
def test_whatever_differs_makes_it_another_card(other: dict[str, Any]) -> None:
    assert not is_same_card(CARD, replace(CARD, **other))


@pytest.mark.parametrize(
    "told", [{"network": ""}, {"network": "unknown"}, {"last4": ""}, {"expires_on": None}]
)
def test_what_both_leave_out_proves_nothing(told: dict[str, Any]) -> None:
    assert not is_same_card(replace(CARD, **told), replace(CARD, **told))


def test_of_two_that_look_alike_none_is_taken_for_it() -> None:
    other = replace(CARD, last4="4242")

    assert the_same_among(CARD, [(1, other), (2, CARD)]) == 2
    assert the_same_among(CARD, [(1, CARD), (2, CARD)]) is None
    assert the_same_among(CARD, []) is None

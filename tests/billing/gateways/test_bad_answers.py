"""What no gateway should say, one by one for each: codes of nobody's list, impossible amounts."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from billing.domain.adyen_declines import adyen_decline
from billing.domain.bank_reasons import bank_decline, ends_mandate
from billing.domain.declines import Decline, DeclineClass, stripe_decline
from billing.domain.paypal_declines import paypal_decline
from billing.errors import BankMessageUnreadable
from billing.gateways.adyen_objects import from_adyen
from billing.gateways.amounts import told_amount
from billing.gateways.bank_messages import read_message
from billing.gateways.http import send
from billing.gateways.paypal_objects import from_paypal
from billing.gateways.stripe_amounts import from_stripe
from tests.billing.gateways.test_bank_messages import CAMT
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.money import Money


@pytest.mark.parametrize(
    ("decline", "raw"),
    [
        (stripe_decline(code="stars_are_wrong"), "stars_are_wrong"),
        (adyen_decline(code="4711", reason="The stars are wrong"), "4711"),
        (paypal_decline("STARS_ARE_WRONG"), "STARS_ARE_WRONG"),
        (bank_decline("ZZ99"), "ZZ99"),
        (bank_decline("R99"), "R99"),
    ],
)
def test_a_code_of_nobodys_list_is_kept_raw_and_goes_to_no_other_gateway(
    decline: Decline, raw: str
) -> None:
    assert (decline.code, decline.decline_class) == (raw, DeclineClass.UNCLASSIFIED)
    assert not decline.policy.other_gateway
    assert not ends_mandate(decline.code)


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (lambda told: from_stripe(told, "isk"), 150_050),  # 1500.50 of what has no decimals
        (lambda told: from_stripe(told, "xxq"), 9_900),
        (from_adyen, {"currency": "ISK", "value": 150_050}),
        (from_adyen, {"currency": "EUR", "value": "99.00"}),
        (from_paypal, {"currency_code": "EUR", "value": "98.996"}),
        (from_paypal, {"currency_code": "JPY", "value": "99.50"}),
        (from_paypal, {"currency_code": "EUR", "value": "NaN"}),
        (lambda told: told_amount(Decimal(told), "EUR"), "1E400"),
    ],
    ids=("stripe-0", "stripe-?", "adyen-0", "adyen-text", "paypal-3", "paypal-0", "nan", "huge"),
)
def test_an_amount_in_other_units_than_its_currency_has_is_not_rounded_to_one_that_fits(
    read: Callable[[Any], Money], told: object
) -> None:
    with pytest.raises((ValueError, InvalidInput)):
        read(told)


@pytest.mark.parametrize("wrong", [b"102.001", b"-102.00", b"1E400", b"NaN", b"102,00", b""])
def test_a_bank_message_with_an_impossible_amount_is_refused_whole(wrong: bytes) -> None:
    with pytest.raises(BankMessageUnreadable):
        read_message(CAMT.replace(b">102.00<", b">" + wrong + b"<"))


def test_a_bank_message_without_a_currency_is_refused_whole() -> None:
    with pytest.raises(BankMessageUnreadable):
        read_message(CAMT.replace(b'Ccy="EUR">102.00', b'Ccy="">102.00'))


@pytest.mark.parametrize("content", [b"<html>", b"[1]", b"[" * 2_000, b'{"id": "\xff"}'])
def test_an_answer_that_is_no_object_is_a_reply_without_one(content: bytes) -> None:
    gateway = httpx.MockTransport(lambda _: httpx.Response(200, content=content))

    assert send(httpx.Client(transport=gateway), "GET", "http://gateway.example/").body == {}

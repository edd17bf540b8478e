"""What every gateway promises, asked of the stand-ins and, with keys, of real test accounts.

The same tests run over both. A real account is used when its keys are in the environment
(TTT_LIVE_STRIPE_KEY; TTT_LIVE_ADYEN_KEY, …_HOST, …_MERCHANT, …_SHOPPER, …_METHOD;
TTT_LIVE_PAYPAL_CLIENT_ID, …_SECRET, …_HOST, …_CUSTOMER, …_WALLET); otherwise its tests are skipped
and say so. Only keys of test mode are taken.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.domain.attempts import Answer
from billing.gateways.adyen import AdyenGateway
from billing.gateways.adyen_client import AdyenClient
from billing.gateways.base import (
    CaptureRequest,
    ChargeRequest,
    CustomerRequest,
    Gateway,
    Outcome,
    RefundRequest,
    VoidRequest,
)
from billing.gateways.paypal import PayPalGateway
from billing.gateways.paypal_client import PayPalClient
from billing.gateways.registry import gateway_named
from billing.gateways.stripe import StripeGateway
from billing.gateways.stripe_client import client_for
from billing.models import PaymentMethod
from tests.adyen_world import AdyenWorld
from tests.billing.gateways.test_paypal import paid_on_page
from tests.factories.subscriptions import make_customer
from tests.paypal_world import PayPalWorld
from tests.stripe_world import StripeWorld
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db

STRIPE_VERSION = "2026-05-27.dahlia"
TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Account:
    """A gateway, and a customer of it whose card is good."""

    gateway: Gateway
    customer: str
    method: str
    declined_method: str = ""

    def charge(self, amount: str = "12.34", **changed: str) -> ChargeRequest:
        """A request to charge the card."""
        reference = str(uuid7())
        given: dict[str, Any] = {
            "our_reference": reference,
            "customer_reference": self.customer,
            "method_reference": self.method,
            "description": "A test of TikTokToe",
            "idempotency_key": f"live:{reference}",
            **changed,
        }
        return ChargeRequest(amount=Money(amount, "EUR"), metadata={}, **given)


def _stripe_account(gateway: StripeGateway) -> Account:
    request = CustomerRequest(
        our_reference="live-suite",
        name="TikTokToe suite",
        email="suite@noughts.example",
        idempotency_key=f"live:{uuid7()}",
    )
    customer = gateway.create_customer(request)
    return Account(gateway, customer, "pm_card_visa", "pm_card_chargeDeclined")


def _needed(*names: str) -> list[str]:
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        pytest.skip(f"no real test account is asked: {', '.join(missing)} not in the environment")
    return [os.environ[name] for name in names]


def _live_stripe() -> Account:
    (key,) = _needed("TTT_LIVE_STRIPE_KEY")
    assert "_test_" in key, "TTT_LIVE_STRIPE_KEY must be a key of test mode"
    return _stripe_account(
        StripeGateway(lambda: client_for(key, "", STRIPE_VERSION, TIMEOUT_SECONDS))
    )


def _live_adyen() -> Account:
    parts = ("KEY", "HOST", "MERCHANT", "SHOPPER", "METHOD")
    key, host, merchant, shopper, method = _needed(*(f"TTT_LIVE_ADYEN_{part}" for part in parts))
    assert "test" in host, "TTT_LIVE_ADYEN_HOST must be of the test system"
    client = AdyenClient(api_host=host, api_key=key, merchant=merchant)
    return Account(AdyenGateway("adyen", client, hmac_keys=[]), shopper, method)


def _live_paypal() -> Account:
    parts = ("CLIENT_ID", "SECRET", "HOST", "CUSTOMER", "WALLET")
    name, secret, host, customer, wallet = _needed(*(f"TTT_LIVE_PAYPAL_{part}" for part in parts))
    assert "sandbox" in host, "TTT_LIVE_PAYPAL_HOST must be of PayPal's sandbox"
    client = PayPalClient(api_host=host, client_id=name, secret=secret)
    return Account(PayPalGateway("paypal", client, webhook_id=""), customer, wallet)


@pytest.fixture(params=["stripe", "adyen", "paypal", "live_stripe", "live_adyen", "live_paypal"])
def account(request: pytest.FixtureRequest) -> Account:
    """Each stand-in, and each real test account that there are keys for."""
    live: dict[str, Callable[[], Account]] = {
        "live_stripe": _live_stripe,
        "live_adyen": _live_adyen,
        "live_paypal": _live_paypal,
    }
    if request.param in live:
        return live[request.param]()
    world: StripeWorld | AdyenWorld | PayPalWorld = request.getfixturevalue(request.param)
    if isinstance(world, StripeWorld):
        return _stripe_account(StripeGateway())
    if isinstance(world, PayPalWorld):
        paid_on_page(world)
        wallet = PaymentMethod.objects.select_related("customer").get()
        return Account(gateway_named("paypal"), "any", wallet.gateway_reference)
    customer = make_customer()
    stored = world.store_card(customer)
    return Account(
        gateway_named("adyen"), f"shopper-{customer.external_id}", stored.gateway_reference
    )


def test_a_good_card_is_charged_and_the_same_key_never_twice(account: Account) -> None:
    request = account.charge()

    first = account.gateway.charge(request)
    again = account.gateway.charge(request)

    assert (first.answer, first.amount) == (Answer.SUCCEEDED, Money("12.34", "EUR"))
    assert first.reference
    assert (again.answer, again.reference) == (first.answer, first.reference)


def test_a_declined_card_is_declined_with_a_class(account: Account) -> None:
    if not account.declined_method:
        pytest.skip("this account has no card that is declined")

    outcome = account.gateway.charge(account.charge(method_reference=account.declined_method))

    assert outcome.answer == Answer.DECLINED
    assert outcome.decline is not None
    assert outcome.decline.code


def test_a_charge_is_found_by_our_reference_where_it_can_be(account: Account) -> None:
    request = account.charge()
    made = account.gateway.charge(request)

    found = account.gateway.find_charge(
        our_reference=request.our_reference,
        customer_reference=account.customer,
        since=datetime.now(UTC) - timedelta(days=365 * 30),
    )

    if account.gateway.capabilities.look_up is None:
        assert found.answer == Answer.INCONCLUSIVE
    else:
        assert (found.answer, found.reference) == (Answer.SUCCEEDED, made.reference)


def test_a_refund_is_taken_once_for_a_key(account: Account) -> None:
    charged = account.gateway.charge(account.charge())
    reference = str(uuid7())
    request = RefundRequest(
        our_reference=reference,
        charge_reference=charged.reference,
        amount=Money("2.34", "EUR"),
        metadata={},
        idempotency_key=f"live:{reference}",
    )

    first, again = account.gateway.refund(request), account.gateway.refund(request)

    assert first.answer in {Answer.SUCCEEDED, Answer.PENDING}
    assert again.reference == first.reference


def test_money_is_held_and_captured_in_part(account: Account) -> None:
    held = account.gateway.authorize(account.charge())
    reference = str(uuid7())

    taken = account.gateway.capture(
        CaptureRequest(
            our_reference=reference,
            charge_reference=held.reference,
            amount=Money("2.34", "EUR"),
            idempotency_key=f"live:{reference}",
        )
    )

    assert held.answer == Answer.AUTHORIZED
    assert taken.answer in {Answer.SUCCEEDED, Answer.PENDING}


def test_a_hold_is_let_go(account: Account) -> None:
    held = account.gateway.authorize(account.charge())
    reference = str(uuid7())

    gone = account.gateway.void(
        VoidRequest(
            our_reference=reference,
            charge_reference=held.reference,
            idempotency_key=f"live:{reference}",
        )
    )

    assert gone.answer in {Answer.ABANDONED, Answer.PENDING}


def test_a_request_that_makes_no_sense_is_refused_before_anything_happens(
    account: Account,
) -> None:
    outcome: Outcome = account.gateway.charge(account.charge(method_reference="no-such-method"))

    assert outcome.answer in {Answer.REFUSED_BEFORE_EXECUTION, Answer.DECLINED}
    assert not outcome.amount

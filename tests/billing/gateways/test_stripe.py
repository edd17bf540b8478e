"""What each answer and each failure of Stripe proves, on the wire where it can be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from socket import socket

import pytest
import stripe as library

from billing.domain.attempts import Answer
from billing.domain.declines import DeclineClass
from billing.errors import GatewayRefused, GatewayUnavailable
from billing.gateways.base import (
    CaptureRequest,
    ChargeRequest,
    CustomerRequest,
    RefundRequest,
    VoidRequest,
)
from billing.gateways.registry import gateway_named
from billing.gateways.stripe import StripeGateway
from billing.gateways.stripe_client import client_for, outcome_of_error
from billing.gateways.stripe_objects import outcome_of_intent, outcome_of_refund, outcome_of_session
from tests.stripe_world import StripeWorld
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money


def known_customer() -> str:
    return StripeGateway().create_customer(
        CustomerRequest(
            our_reference="c", name="A", email="a@b.example", idempotency_key=str(uuid7())
        )
    )


def charge(method: str = "pm_card_visa", amount: str = "50.00", key: str = "") -> ChargeRequest:
    return ChargeRequest(
        our_reference=str(uuid7()),
        customer_reference=known_customer(),
        method_reference=method,
        amount=Money(amount, "USD"),
        description="Invoice 1",
        metadata={},
        idempotency_key=key or str(uuid7()),
    )


def test_the_same_key_takes_money_once(stripe: StripeWorld) -> None:
    request = charge()

    first, second = (StripeGateway().charge(request) for _ in range(2))

    assert first.answer == Answer.SUCCEEDED
    assert second.reference == first.reference


def test_a_key_with_another_amount_is_not_taken_for_a_refusal(stripe: StripeWorld) -> None:
    request = charge()
    StripeGateway().charge(request)

    other = StripeGateway().charge(replace(request, amount=Money("51.00", "USD")))

    assert other.answer == Answer.INCONCLUSIVE


def test_what_was_asked_wrongly_was_refused_before_execution(stripe: StripeWorld) -> None:
    outcome = StripeGateway().charge(charge("pm_no_such_method"))

    assert outcome.answer == Answer.REFUSED_BEFORE_EXECUTION
    assert outcome.decline is not None
    assert outcome.decline.decline_class == DeclineClass.CONFIG


@pytest.mark.parametrize(
    ("mode", "answer"),
    [
        ("reset_before", Answer.INCONCLUSIVE),
        ("reset_after", Answer.INCONCLUSIVE),
        ("http_500_before", Answer.INCONCLUSIVE),
        ("http_500_after", Answer.INCONCLUSIVE),
        ("hang_after", Answer.INCONCLUSIVE),
        ("http_429", Answer.REFUSED_BEFORE_EXECUTION),
    ],
)
def test_a_fault_proves_only_what_it_proves(stripe: StripeWorld, mode: str, answer: Answer) -> None:
    request = charge()
    stripe.control.add_fault("POST /v1/payment_intents$", mode, times=1, seconds=4)

    assert StripeGateway().charge(request).answer == answer


@pytest.mark.parametrize("mode", ["http_429", "http_500_before", "reset_before"])
def test_a_look_that_fails_is_inconclusive_whatever_it_failed_of(
    stripe: StripeWorld, mode: str
) -> None:
    gateway = StripeGateway()
    stripe.control.add_fault("GET /v1/", mode, times=20)

    seen = [
        gateway.read_charge("pi_1"),
        gateway.read_session("cs_1"),
        gateway.read_refund("re_1"),
        gateway.find_refund(our_reference="x", charge_reference="pi_1"),
        gateway.find_charge(our_reference="x", customer_reference="cus_1", since=_now()),
    ]

    assert {outcome.answer for outcome in seen} == {Answer.INCONCLUSIVE}


def test_a_charge_that_is_not_there_proves_nothing_by_itself(stripe: StripeWorld) -> None:
    assert StripeGateway().read_charge("pi_missing").answer == Answer.INCONCLUSIVE


def test_a_charge_is_found_by_our_reference_alone(stripe: StripeWorld) -> None:
    request = charge()
    made = StripeGateway().charge(request)

    found = StripeGateway().find_charge(
        our_reference=request.our_reference,
        customer_reference=request.customer_reference,
        since=_now(),
    )
    other = StripeGateway().find_charge(
        our_reference="another", customer_reference=request.customer_reference, since=_now()
    )

    assert (found.answer, found.reference) == (Answer.SUCCEEDED, made.reference)
    assert other.answer == Answer.NO_SUCH_REQUEST


def test_a_closed_port_means_that_nothing_left() -> None:
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    closed = client_for("sk_test_" + "a" * 24, f"http://127.0.0.1:{port}", "2026-05-27.dahlia", 2)
    gateway = StripeGateway(lambda: closed)

    refund = RefundRequest(
        our_reference="r",
        charge_reference="pi_1",
        amount=Money("1.00", "USD"),
        metadata={},
        idempotency_key="k",
    )

    assert gateway.refund(refund).answer == Answer.NEVER_LEFT
    assert gateway.read_charge("pi_1").answer == Answer.INCONCLUSIVE
    with pytest.raises(GatewayUnavailable):
        gateway.detach_method("pm_1", customer_reference="cus_1")


def test_a_wrong_key_is_our_fault_and_is_said_so(stripe: StripeWorld) -> None:
    gateway = StripeGateway(lambda: client_for("sk_wrong", stripe.address, "2026-05-27.dahlia", 2))

    with pytest.raises(GatewayRefused):
        gateway.read_method("pm_1", customer_reference="cus_1")


def test_more_than_was_charged_is_refused_by_the_gateway_too(stripe: StripeWorld) -> None:
    made = StripeGateway().charge(charge(amount="50.00"))

    outcome = StripeGateway().refund(
        RefundRequest(
            our_reference="r",
            charge_reference=made.reference,
            amount=Money("50.01", "USD"),
            metadata={},
            idempotency_key=str(uuid7()),
        )
    )

    assert outcome.answer == Answer.REFUSED_BEFORE_EXECUTION


def test_what_was_authorized_is_captured_in_part_and_the_rest_let_go(stripe: StripeWorld) -> None:
    held = StripeGateway().authorize(charge(amount="50.00"))
    capture = CaptureRequest(
        our_reference="c",
        charge_reference=held.reference,
        amount=Money("30.00", "USD"),
        idempotency_key=str(uuid7()),
    )

    first, second = (StripeGateway().capture(capture) for _ in range(2))

    assert (held.answer, held.amount) == (Answer.AUTHORIZED, Money(0, "USD"))
    assert (first.answer, first.amount) == (Answer.SUCCEEDED, Money("30.00", "USD"))
    assert second == first


def test_what_was_authorized_is_let_go_and_cannot_be_captured_then(stripe: StripeWorld) -> None:
    held = StripeGateway().authorize(charge(amount="50.00"))
    void = VoidRequest(our_reference="v", charge_reference=held.reference, idempotency_key="void")
    capture = CaptureRequest(
        our_reference="c",
        charge_reference=held.reference,
        amount=Money("50.00", "USD"),
        idempotency_key=str(uuid7()),
    )

    assert StripeGateway().void(void).answer == Answer.ABANDONED
    assert StripeGateway().capture(capture).answer == Answer.REFUSED_BEFORE_EXECUTION


@pytest.mark.parametrize(
    ("status", "error", "answer"),
    [
        ("succeeded", None, Answer.SUCCEEDED),
        ("processing", None, Answer.PENDING),
        ("requires_action", None, Answer.REQUIRES_ACTION),
        ("requires_capture", None, Answer.AUTHORIZED),
        ("canceled", None, Answer.ABANDONED),
        ("requires_payment_method", {"code": "card_declined"}, Answer.DECLINED),
        ("requires_payment_method", None, Answer.INCONCLUSIVE),
        ("requires_confirmation", None, Answer.INCONCLUSIVE),
        ("something_new", None, Answer.INCONCLUSIVE),
    ],
)
def test_the_status_of_an_intent(status: str, error: object, answer: Answer) -> None:
    intent = {"id": "pi_1", "status": status, "currency": "usd", "last_payment_error": error}

    assert outcome_of_intent(intent).answer == answer


@pytest.mark.parametrize(
    ("charged", "settled", "rate", "fee"),
    [
        ("usd", "usd", None, Money("3.20", "USD")),
        ("eur", "usd", 1.25, Money("2.56", "EUR")),
        ("eur", "usd", None, Money("3.20", "USD")),
    ],
)
def test_a_fee_is_told_in_the_currency_of_the_charge_if_a_rate_is_told(
    charged: str, settled: str, rate: float | None, fee: Money | None
) -> None:
    transaction = {"fee": 320, "currency": settled, "exchange_rate": rate}
    charge = {"currency": charged, "balance_transaction": transaction}
    intent = {"id": "pi_1", "status": "succeeded", "currency": charged, "latest_charge": charge}

    assert outcome_of_intent(intent).fee == fee


def test_an_unfinished_page_is_no_outcome_even_after_a_decline() -> None:
    declined = {
        "id": "pi_1",
        "status": "requires_payment_method",
        "currency": "usd",
        "last_payment_error": {"code": "card_declined", "message": "No."},
    }
    session = {"id": "cs_1", "status": "open", "url": "https://pay", "payment_intent": declined}

    outcome = outcome_of_session(session)

    assert (outcome.answer, outcome.action_url) == (Answer.REQUIRES_ACTION, "https://pay")


def test_a_complete_page_without_its_payment_is_looked_at_again() -> None:
    session = {"id": "cs_1", "status": "complete", "payment_intent": "pi_1"}

    assert outcome_of_session(session).answer == Answer.INCONCLUSIVE


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("succeeded", Answer.SUCCEEDED),
        ("pending", Answer.PENDING),
        ("failed", Answer.DECLINED),
        ("canceled", Answer.DECLINED),
        ("new", Answer.INCONCLUSIVE),
    ],
)
def test_the_status_of_a_refund(status: str, answer: Answer) -> None:
    refund = {"id": "re_1", "status": status, "amount": 100, "currency": "usd"}

    assert outcome_of_refund(refund).answer == answer


def test_an_unheard_of_error_is_inconclusive() -> None:
    assert outcome_of_error(library.APIError("?", http_status=418)).answer == Answer.INCONCLUSIVE


def test_a_gateway_that_is_not_there_is_named() -> None:
    with pytest.raises(GatewayRefused, match="'gone'"):
        gateway_named("gone")


def _now() -> datetime:
    return datetime.now(UTC) - timedelta(seconds=1)

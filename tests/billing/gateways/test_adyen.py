"""What each answer, each failure and each notification of Adyen proves."""

from dataclasses import replace
from datetime import UTC, datetime
from socket import socket
from typing import Any

import pytest

from billing.domain.adyen_declines import CLASS_OF_ADYEN_CODE, CODES, adyen_decline
from billing.domain.attempts import Answer
from billing.domain.declines import DeclineClass
from billing.errors import GatewayRefused, GatewayUnavailable, WebhookForged, WebhookUnreadable
from billing.gateways.adyen import AdyenGateway, adyen_gateway
from billing.gateways.adyen_client import outcome_of_refusal
from billing.gateways.adyen_objects import (
    from_adyen,
    is_chargeable,
    outcome_of_link,
    outcome_of_payment,
    to_adyen,
)
from billing.gateways.adyen_reports import charges_of
from billing.gateways.adyen_webhooks import events_of, signature
from billing.gateways.base import (
    CaptureRequest,
    ChargeRequest,
    PageRequest,
    RefundRequest,
    VoidRequest,
)
from billing.gateways.http import Reply
from tests.adyen_world import HMAC_KEY, MERCHANT, AdyenWorld, account_of
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

# Source: the example in docs.adyen.com/development-resources/webhooks/secure-webhooks.
EXAMPLE = {
    "pspReference": "7914073381342284",
    "originalReference": "",
    "merchantAccountCode": "TestMerchant",
    "merchantReference": "TestPayment-1407325143704",
    "amount": {"value": 1130, "currency": "EUR"},
    "eventCode": "AUTHORISATION",
    "success": "true",
}
EXAMPLE_SIGNATURE = "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="


@pytest.fixture
def gateway(adyen: AdyenWorld) -> AdyenGateway:
    return adyen_gateway("adyen", account_of(adyen.address))


def stored_card(adyen: AdyenWorld, gateway: AdyenGateway, holder: str = "") -> str:
    request = PageRequest(
        our_reference=str(uuid7()),
        customer_reference="shopper-1",
        amount=None,
        currency="USD",
        description="Card",
        metadata={},
        success_url="https://shop.example/",
        cancel_url="https://shop.example/",
        expires_at=datetime.fromtimestamp(adyen.control.stats()["now"] + 3600, UTC),
        saves_method=True,
        idempotency_key=str(uuid7()),
    )
    link = gateway.open_page(request)
    adyen.control.complete_checkout(link.session, card="4111111111111111", holder=holder)
    method = gateway.read_page(link.session).method
    assert method is not None
    return method.reference


def charge(method: str, amount: str = "50.00", key: str = "") -> ChargeRequest:
    return ChargeRequest(
        our_reference=str(uuid7()),
        customer_reference="shopper-1",
        method_reference=method,
        amount=Money(amount, "USD"),
        description="Invoice 1",
        metadata={"invoice": "INV-1"},
        idempotency_key=key or str(uuid7()),
    )


def test_the_same_key_takes_money_once(adyen: AdyenWorld, gateway: AdyenGateway) -> None:
    request = charge(stored_card(adyen, gateway))

    first, second = (gateway.charge(request) for _ in range(2))

    assert (first.answer, first.amount) == (Answer.SUCCEEDED, Money("50.00", "USD"))
    assert second == first
    assert [p["captured"] for p in adyen.control.payments()] == [5000, 0]


def test_a_key_with_another_amount_is_not_taken_for_a_refusal(
    adyen: AdyenWorld, gateway: AdyenGateway
) -> None:
    request = charge(stored_card(adyen, gateway))
    gateway.charge(request)

    other = gateway.charge(replace(request, amount=Money("51.00", "USD")))

    assert other.answer == Answer.INCONCLUSIVE


def test_another_shoppers_card_is_refused_before_execution(
    adyen: AdyenWorld, gateway: AdyenGateway
) -> None:
    request = replace(charge(stored_card(adyen, gateway)), customer_reference="shopper-2")

    outcome = gateway.charge(request)

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
def test_a_fault_proves_only_what_it_proves(
    adyen: AdyenWorld, gateway: AdyenGateway, mode: str, answer: Answer
) -> None:
    request = charge(stored_card(adyen, gateway))
    adyen.control.add_fault(adyen.charges, mode, times=1, seconds=4)

    assert gateway.charge(request).answer == answer


def test_what_was_authorized_is_captured_in_parts_as_notified(
    adyen: AdyenWorld, gateway: AdyenGateway
) -> None:
    held = gateway.authorize(charge(stored_card(adyen, gateway)))
    terms: dict[str, Any] = {"our_reference": "c", "charge_reference": held.reference}

    outcomes = [
        gateway.capture(
            CaptureRequest(amount=Money(amount, "USD"), idempotency_key=str(uuid7()), **terms)
        )
        for amount in ("20.00", "30.00", "0.01")
    ]

    assert (held.answer, held.amount) == (Answer.AUTHORIZED, Money(0, "USD"))
    assert {outcome.answer for outcome in outcomes} == {Answer.PENDING}
    told = [event["success"] for event in items(adyen) if event["eventCode"] == "CAPTURE"]
    assert told == ["true", "true", "false"]
    assert adyen.control.payments()[0]["captured"] == 5000


def test_what_was_authorized_is_let_go(adyen: AdyenWorld, gateway: AdyenGateway) -> None:
    held = gateway.authorize(charge(stored_card(adyen, gateway)))

    void = VoidRequest(our_reference="v", charge_reference=held.reference, idempotency_key="v")

    assert gateway.void(void).answer == Answer.PENDING
    assert adyen.control.payments()[0]["status"] == "cancelled"
    assert items(adyen)[-1]["eventCode"] == "CANCELLATION"


def test_results_come_only_when_they_have_come_true(
    adyen: AdyenWorld, gateway: AdyenGateway
) -> None:
    made = gateway.charge(charge(stored_card(adyen, gateway)))
    adyen.control.delay_results(3600)
    refund = RefundRequest(
        our_reference="r",
        charge_reference=made.reference,
        amount=Money("20.00", "USD"),
        metadata={},
        idempotency_key="r",
    )

    assert gateway.refund(refund).answer == Answer.PENDING
    assert adyen.refunded() == 0
    adyen.control.advance_clock(3601)
    assert adyen.refunded() == 2000
    assert (items(adyen)[-1]["eventCode"], items(adyen)[-1]["success"]) == ("REFUND", "true")


def test_a_charge_cannot_be_asked_about(gateway: AdyenGateway) -> None:
    seen = [
        gateway.read_charge("X"),
        gateway.read_refund("X"),
        gateway.find_refund(our_reference="r", charge_reference="X"),
        gateway.find_charge(our_reference="r", customer_reference="s", since=datetime.now(UTC)),
        gateway.read_session("PLX"),
    ]

    assert {outcome.answer for outcome in seen} == {Answer.INCONCLUSIVE}
    assert gateway.capabilities.look_up is None


def test_a_closed_port_means_that_nothing_left(settings: Any) -> None:
    settings.GATEWAY_TIMEOUT_SECONDS = 2
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    gateway = adyen_gateway("adyen", account_of(f"http://127.0.0.1:{port}"))

    assert gateway.charge(charge("X")).answer == Answer.NEVER_LEFT
    assert gateway.read_session("PL1").answer == Answer.INCONCLUSIVE
    with pytest.raises(GatewayUnavailable):
        gateway.list_methods("shopper-1")


def test_a_wrong_key_is_our_fault_and_is_said_so(adyen: AdyenWorld) -> None:
    gateway = adyen_gateway("adyen", {**account_of(adyen.address), "api_key": "wrong"})

    with pytest.raises(GatewayRefused, match="401"):
        gateway.list_methods("shopper-1")


def test_a_method_is_forgotten_and_forgetting_it_twice_is_no_error(
    adyen: AdyenWorld, gateway: AdyenGateway
) -> None:
    method = stored_card(adyen, gateway)

    for _ in range(2):
        gateway.detach_method(method, customer_reference="shopper-1")

    assert gateway.read_method(method, customer_reference="shopper-1").customer_reference == ""


@pytest.mark.parametrize(
    ("result", "answer"),
    [
        ("Authorised", Answer.SUCCEEDED),
        ("Refused", Answer.DECLINED),
        ("Error", Answer.DECLINED),
        ("Cancelled", Answer.DECLINED),
        ("Pending", Answer.PENDING),
        ("Received", Answer.PENDING),
        ("RedirectShopper", Answer.REQUIRES_ACTION),
        ("PartiallyAuthorised", Answer.INCONCLUSIVE),
        ("SomethingNew", Answer.INCONCLUSIVE),
        ("", Answer.INCONCLUSIVE),
    ],
)
def test_the_result_of_a_payment(result: str, answer: Answer) -> None:
    amount = {"value": 5000, "currency": "USD"}
    body = {"resultCode": result, "pspReference": "P", "amount": amount}

    assert outcome_of_payment(body).answer == answer


def test_authorised_without_an_amount_is_not_taken_for_paid() -> None:
    assert outcome_of_payment({"resultCode": "Authorised"}).answer == Answer.INCONCLUSIVE


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        ("active", Answer.REQUIRES_ACTION),
        ("completed", Answer.SUCCEEDED),
        ("paid", Answer.SUCCEEDED),
        ("paymentPending", Answer.PENDING),
        ("expired", Answer.ABANDONED),
        ("new", Answer.INCONCLUSIVE),
    ],
)
def test_the_status_of_a_link(status: str, answer: Answer) -> None:
    link = {"id": "PL1", "status": status, "amount": {"value": 1, "currency": "USD"}}

    assert outcome_of_link(link).answer == answer


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        (429, {}, Answer.REFUSED_BEFORE_EXECUTION),
        (422, {"errorCode": "702", "errorType": "validation"}, Answer.REFUSED_BEFORE_EXECUTION),
        (401, {"errorCode": "000", "errorType": "security"}, Answer.REFUSED_BEFORE_EXECUTION),
        (422, {"errorCode": "704", "errorType": "validation"}, Answer.INCONCLUSIVE),
        (422, {"errorCode": "905", "errorType": "internal"}, Answer.INCONCLUSIVE),
        (500, {}, Answer.INCONCLUSIVE),
        (302, {}, Answer.INCONCLUSIVE),
        (200, {}, Answer.INCONCLUSIVE),
    ],
)
def test_what_a_refusal_proves(status: int, body: dict[str, Any], answer: Answer) -> None:
    assert outcome_of_refusal(Reply(status=status, body=body)).answer == answer


@pytest.mark.parametrize(
    ("code", "decline_class"),
    [
        ("2", DeclineClass.SOFT_GENERIC),
        ("4", DeclineClass.TECHNICAL),
        ("6", DeclineClass.HARD_INSTRUMENT),
        ("12", DeclineClass.SOFT_FUNDS),
        ("20", DeclineClass.FRAUD),
        ("24", DeclineClass.DATA_FIX),
        ("26", DeclineClass.HARD_REVOKED),
        ("28", DeclineClass.SOFT_LIMIT),
        ("38", DeclineClass.AUTH_REQUIRED),
        ("99", DeclineClass.UNCLASSIFIED),
        ("", DeclineClass.UNCLASSIFIED),
    ],
)
def test_what_a_refusal_code_means(code: str, decline_class: DeclineClass) -> None:
    decline = adyen_decline(code=code, reason="said so")

    assert decline.decline_class == decline_class
    assert decline.code == (code or "said so")


def test_no_code_has_two_meanings() -> None:
    assert len(CLASS_OF_ADYEN_CODE) == sum(len(codes) for codes in CODES.values())


@pytest.mark.parametrize(
    ("amount", "value"),
    [
        (Money("12.34", "USD"), 1234),
        (Money("1234", "JPY"), 1234),
        (Money("1.234", "KWD"), 1234),
        (Money("1500", "ISK"), 150000),
        (Money("1500.00", "IDR"), 1500),
    ],
)
def test_amounts_as_adyen_writes_them(amount: Money, value: int) -> None:
    written = to_adyen(amount)

    assert written == {"currency": amount.currency.code, "value": value}
    assert from_adyen(written) == amount


def test_a_part_of_a_unit_that_adyen_cannot_write_is_not_charged() -> None:
    assert is_chargeable(Money("1500.00", "IDR"))
    assert not is_chargeable(Money("1500.50", "IDR"))


def test_the_signature_is_that_of_adyens_own_example() -> None:
    assert signature(EXAMPLE, HMAC_KEY) == EXAMPLE_SIGNATURE


def test_signed_events_are_read(adyen: AdyenWorld, gateway: AdyenGateway) -> None:
    made = gateway.charge(charge(stored_card(adyen, gateway)))
    body = encoded(adyen.control.notifications()[-1])

    (event,) = gateway.parse_webhook({}, body)

    assert (event.about, event.reference) == ("payment", made.reference)
    assert event.event_id == f"{made.reference}:AUTHORISATION:true"
    assert event.outcome is not None
    assert (event.outcome.answer, event.outcome.amount) == (Answer.SUCCEEDED, made.amount)


@pytest.mark.parametrize(
    "change",
    [
        {"success": "false"},
        {"amount": {"value": 1, "currency": "USD"}},
        {"merchantReference": "another"},
        {"pspReference": "another"},
        {"eventCode": "REFUND"},
        {"additionalData": {}},
        {"additionalData": {"hmacSignature": ""}},
    ],
)
def test_a_change_of_anything_that_is_signed_is_noticed(change: dict[str, Any]) -> None:
    item = {**EXAMPLE, "additionalData": {"hmacSignature": EXAMPLE_SIGNATURE}, **change}

    with pytest.raises(WebhookForged):
        events_of(notification(item), keys=(HMAC_KEY,), merchant="TestMerchant")


def test_an_event_for_another_merchant_is_refused_although_it_is_signed() -> None:
    item = {**EXAMPLE, "additionalData": {"hmacSignature": EXAMPLE_SIGNATURE}}

    with pytest.raises(WebhookForged, match="another merchant"):
        events_of(notification(item), keys=(HMAC_KEY,), merchant=MERCHANT)


def test_without_a_key_nothing_is_believed() -> None:
    item = {**EXAMPLE, "additionalData": {"hmacSignature": EXAMPLE_SIGNATURE}}

    with pytest.raises(WebhookForged):
        events_of(notification(item), keys=(), merchant="TestMerchant")


def test_while_a_key_is_being_replaced_both_count() -> None:
    item = {**EXAMPLE, "additionalData": {"hmacSignature": EXAMPLE_SIGNATURE}}
    keys = ("00" * 32, HMAC_KEY)

    assert len(events_of(notification(item), keys=keys, merchant="TestMerchant")) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"notificationItems": []}',
        b'{"notificationItems": [{}]}',
        b'{"notificationItems": [{"NotificationRequestItem": {}}]}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_notification_is_unreadable(body: bytes) -> None:
    with pytest.raises(WebhookUnreadable):
        events_of(body, keys=(HMAC_KEY,), merchant=MERCHANT)


def test_the_settlement_tells_what_each_payment_cost(
    adyen: AdyenWorld, gateway: AdyenGateway
) -> None:
    made = gateway.charge(charge(stored_card(adyen, gateway), "100.00"))
    report = adyen.control.settle()["report"]

    (settled,) = gateway.read_settlement(report)

    # Interchange 0.30, scheme 0.10, markup 0.60, and 0.13 for the payment.
    assert (settled.reference, settled.fee) == (made.reference, Money("1.13", "USD"))
    assert settled.amount == Money("100.00", "USD")


@pytest.mark.parametrize("name", ["../secrets", "https://evil.example/a.csv", ""])
def test_only_reports_are_downloaded(gateway: AdyenGateway, name: str) -> None:
    with pytest.raises(GatewayRefused):
        gateway.read_settlement(name)


def test_a_report_that_cannot_be_read_says_so() -> None:
    with pytest.raises(GatewayRefused):
        charges_of("Type,Net Currency\nSettled,USD\n")


def items(adyen: AdyenWorld) -> list[dict[str, Any]]:
    return [
        wrapper["NotificationRequestItem"]
        for notification in adyen.control.notifications()
        for wrapper in notification["notificationItems"]
    ]


def notification(item: dict[str, Any]) -> bytes:
    return encoded({"live": "false", "notificationItems": [{"NotificationRequestItem": item}]})


def encoded(body: dict[str, Any]) -> bytes:
    import msgspec

    return msgspec.json.encode(body)

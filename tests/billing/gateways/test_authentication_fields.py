"""What banks are asked leaves in exactly these fields, read off the wire."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import pytest

from billing.domain.authentication import Ask, Authentication, Exemption
from billing.gateways.adyen import adyen_gateway
from billing.gateways.authentication_fields import in_names
from billing.gateways.base import ChargeRequest, Gateway, PageRequest
from billing.gateways.stripe import StripeGateway
from billing.gateways.stripe_client import client_for
from tiktoktoe.kernel.money import Money

TOMORROW = datetime(2026, 3, 2, tzinfo=UTC)
KEY = "sk_test_" + "a" * 24
STRIPE_PAGE = "payment_method_options[card][request_three_d_secure]"
INDICATOR = "threeDS2RequestData.threeDSRequestorChallengeInd"


@dataclass
class Wire:
    """A server that keeps what it is sent and answers 500."""

    server: HTTPServer
    bodies: list[bytes] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def wire() -> Iterator[Wire]:
    """The server, on a port of its own."""

    class Keeping(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(500)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    made = Wire(HTTPServer(("127.0.0.1", 0), Keeping))
    thread = Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def gateway_on(wire: Wire, name: str) -> Gateway:
    if name == "stripe":
        return StripeGateway(lambda: client_for(KEY, wire.address, "2026-05-27.dahlia", 5))
    terms = {"api_host": wire.address, "api_key": "k", "merchant_account": "Shop", "hmac_key": ""}
    return adyen_gateway("adyen", terms)


def charge(authentication: str, *, return_url: str = "") -> ChargeRequest:
    return ChargeRequest(
        return_url=return_url,
        browser={"userAgent": "Browser 1"} if return_url else {},
        customer_address="203.0.113.7" if return_url else "",
        our_reference="ours",
        customer_reference="cus_1",
        method_reference="pm_1",
        amount=Money("20.00", "EUR"),
        description="Invoice 1",
        metadata={},
        authentication=authentication,
        idempotency_key="k1",
    )


def page(authentication: str) -> PageRequest:
    return PageRequest(
        our_reference="ours",
        customer_reference="cus_1",
        amount=Money("20.00", "EUR"),
        currency="EUR",
        description="Invoice 1",
        metadata={},
        success_url="http://127.0.0.1/",
        cancel_url="http://127.0.0.1/",
        expires_at=TOMORROW,
        saves_method=False,
        authentication=authentication,
        idempotency_key="k1",
    )


def sent(wire: Wire, name: str) -> dict[str, str]:
    """The body of the last request, field by field."""
    body = wire.bodies[-1].decode()
    if name == "stripe":
        return {key: values[0] for key, values in parse_qs(body).items()}
    return in_names(json.loads(body))


UNSCHEDULED = {
    "shopperInteraction": "ContAuth",
    "recurringProcessingModel": "UnscheduledCardOnFile",
}
SUBSCRIPTION = {"shopperInteraction": "ContAuth", "recurringProcessingModel": "Subscription"}

ON_SESSION = {
    "shopperInteraction": "ContAuth",
    "recurringProcessingModel": "CardOnFile",
    "channel": "Web",
    "returnUrl": "https://us.example/back",
    "authenticationData.threeDSRequestData.nativeThreeDS": "disabled",
    "browserInfo.userAgent": "Browser 1",
    "shopperIP": "203.0.113.7",
}


@pytest.mark.parametrize("verb", ["charge", "authorize"])
@pytest.mark.parametrize(
    ("name", "wish", "fields"),
    [
        ("stripe", "recurring", {"off_session": "true"}),
        ("stripe", "merchant_initiated", {"off_session": "true"}),
        ("adyen", "recurring", SUBSCRIPTION),
        ("adyen", "merchant_initiated", UNSCHEDULED),
    ],
)
def test_a_customer_who_is_not_there(
    wire: Wire, name: str, wish: str, *, fields: dict[str, str], verb: str
) -> None:
    getattr(gateway_on(wire, name), verb)(charge(wish))

    assert fields.items() <= sent(wire, name).items()


@pytest.mark.parametrize(
    ("name", "wish", "fields"),
    [
        ("stripe", "", {"return_url": "https://us.example/back"}),
        ("stripe", "challenge", {STRIPE_PAGE: "challenge"}),
        ("stripe", "low_value", {STRIPE_PAGE: "automatic"}),
        ("adyen", "", ON_SESSION),
        ("adyen", "challenge", {INDICATOR: "04"}),
        ("adyen", "low_value", {INDICATOR: "02"}),
    ],
)
def test_a_customer_who_is_there_pays_by_a_stored_card(
    wire: Wire, name: str, wish: str, *, fields: dict[str, str]
) -> None:
    gateway_on(wire, name).charge(charge(wish, return_url="https://us.example/back"))

    body = sent(wire, name)
    assert fields.items() <= body.items()
    assert "off_session" not in body


@pytest.mark.parametrize(
    ("name", "wish", "fields"),
    [
        ("stripe", "challenge", {STRIPE_PAGE: "challenge"}),
        ("stripe", "low_value", {STRIPE_PAGE: "automatic"}),
        ("stripe", "low_risk", {STRIPE_PAGE: "automatic"}),
        ("adyen", "challenge", {INDICATOR: "04"}),
        ("adyen", "low_value", {INDICATOR: "02"}),
        ("adyen", "low_risk", {INDICATOR: "05"}),
    ],
)
def test_a_customer_on_the_page(
    wire: Wire, name: str, wish: str, *, fields: dict[str, str]
) -> None:
    gateway_on(wire, name).open_page(page(wish))

    assert fields.items() <= sent(wire, name).items()


@pytest.mark.parametrize("name", ["stripe", "adyen"])
def test_where_the_bank_decides_no_field_is_sent(wire: Wire, name: str) -> None:
    gateway_on(wire, name).open_page(page(""))

    assert not {STRIPE_PAGE, INDICATOR} & set(sent(wire, name))


@pytest.mark.parametrize(
    ("found", "wish"),
    [
        (Authentication(ask=Ask.CHALLENGE, reason="asked"), "challenge"),
        (
            Authentication(ask=Ask.EXEMPTION, exemption=Exemption.LOW_VALUE, reason="low"),
            "low_value",
        ),
        (Authentication(ask=Ask.NOTHING, exemption=Exemption.ONE_LEG_OUT, reason="far"), ""),
    ],
)
def test_a_decision_is_told_as_one_word(found: Authentication, wish: str) -> None:
    assert found.wish == wish

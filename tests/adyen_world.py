"""A customer's world with a real Adyen sandbox process on the wire."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from socket import socket
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client, override_settings

from billing.models import Invoice, PaymentAttempt, PaymentMethod
from billing.services.payments.payment_methods import open_setup_page, take_over_method
from subscriptions.models import Customer
from tests.gateway_world import GatewayWorld
from tests.sandbox.server import await_sandbox
from tests.stripe_world import NOW, ROOT, StripeWorld
from tiktoktoe.sandbox.control import SandboxControl

MERCHANT = "TikTokToeTest"
API_KEY = "AQE" + "a" * 20
HMAC_KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
GOOD_CARD = "4111111111111111"
ASKS_HOLDER = "4212345678910006"
HOLDERS = {
    "funds": "NOT_ENOUGH_BALANCE",
    "generic": "DECLINED",
    "expired": "CARD_EXPIRED",
    "fraud": "FRAUD",
    "technical": "ERROR",
    "new": "NEW_CODE",
    "refund_fails": "REFUND FAILS",
    "capture_fails": "CAPTURE FAILS",
}


class AdyenWorld:
    """The sandbox, and what a test wants to do or to know there."""

    name = "adyen"
    charges = "POST /v72/payments$"
    looks = "GET /v72/"
    refunds = "POST /v72/payments/[^/]+/refunds$"
    pages = "POST /v72/paymentLinks$"
    last4 = "1111"
    fee = "1.12"  # 0.30 + 0.10 + 0.60 % each rounded, and 0.13

    def __init__(self, address: str) -> None:
        self.address = address
        self.control = SandboxControl(address)
        self.delivered = 0

    def pay_on_page(self, address: str, card: str = "good", *, authenticate: bool = True) -> None:
        """Do what a customer does on a hosted page."""
        number = ASKS_HOLDER if card == "asks_holder" else GOOD_CARD
        self.control.complete_checkout(
            address.rpartition("/")[2],
            card=number,
            authenticate=authenticate,
            holder=HOLDERS.get(card, ""),
        )

    def store_card(self, customer: Customer, card: str = "good") -> PaymentMethod:
        """Store a card of a customer, by way of the setup page."""
        nothing_waits = not self.control.notifications(after=self.delivered)
        at = _time(self.control)
        address = open_setup_page(customer=customer, at=at, gateway="adyen")
        link = address.rpartition("/")[2]
        number = ASKS_HOLDER if card == "asks_holder" else GOOD_CARD
        holder = HOLDERS.get(card, "")
        if holder and not card.endswith("_fails"):
            holder = f"THEN {holder}"
        self.control.complete_checkout(link, card=number, holder=holder)
        method = take_over_method(session=link, customer=customer, at=NOW, gateway="adyen")
        assert method is not None
        if nothing_waits:  # what is told of the page tells nothing new
            self.delivered += len(self.control.notifications(after=self.delivered))
        return method

    def confirm(self, attempt: PaymentAttempt, *, passes: bool = True) -> dict[str, str]:
        """Answer the bank's question; gives what the browser comes back with."""
        return self.control.answer_challenge(attempt.gateway_reference, passes=passes)

    def charged(self, invoice: Invoice) -> list[int]:
        """The gateway's truth: the amounts taken for an invoice, in cents."""
        attempts = PaymentAttempt.objects.filter(payment__invoice=invoice)
        ours = {str(attempt.pk) for attempt in attempts}
        return [
            payment["captured"]
            for payment in self.control.payments()
            if payment["merchantReference"] in ours and payment["captured"]
        ]

    def refunded(self) -> int:
        """The gateway's truth: everything that was given back, in cents."""
        return sum(payment["refunded"] for payment in self.control.payments())

    def deliver(self) -> None:
        """Post the notifications that have not been posted yet, as Adyen does."""
        waiting = self.control.notifications(after=self.delivered)
        self.delivered += len(waiting)
        for notification in waiting:
            assert post(notification).status_code == 200

    def tell_fees(self) -> None:
        """Settle, and tell that the report is there."""
        self.control.settle()
        self.deliver()

    def dispute(
        self, attempt: PaymentAttempt, reason: str = "fraud", *, is_inquiry: bool = False
    ) -> str:
        """Contest a payment as the card's holder, and let it be heard."""
        words = {"fraud": "10.4", "canceled": "13.2"}
        made = self.control.dispute(
            attempt.gateway_reference, reason=words[reason], is_inquiry=is_inquiry
        )
        self.deliver()
        return str(made["id"])

    def decide(self, dispute: str, verdict: str) -> None:
        """Let the bank decide, and let it be heard."""
        self.control.decide_dispute(dispute, verdict)
        self.deliver()

    def hear(self, dispute: str) -> None:
        """Post every notification of it once more."""
        for notification in self.control.notifications(after=0):
            item = notification["notificationItems"][0]["NotificationRequestItem"]
            if item["pspReference"] == dispute:
                assert post(notification).status_code == 200

    def environment(self) -> dict[str, str]:
        """Where the sandbox is, and who we are there."""
        return {
            "ADYEN_API_HOST": self.address,
            "ADYEN_API_KEY": API_KEY,
            "ADYEN_MERCHANT_ACCOUNT": MERCHANT,
            "ADYEN_HMAC_KEY": HMAC_KEY,
        }


def post(notification: Any, gateway: str = "adyen") -> Any:
    """Post a notification to our own door."""
    address, kind = f"/gateways/{gateway}/events/", "application/json"
    if isinstance(notification, dict) and "headers" in notification:  # of a stored card
        return Client().post(address, notification["body"], kind, headers=notification["headers"])
    content = notification if isinstance(notification, bytes) else json.dumps(notification)
    return Client().post(address, content, kind)


def account_of(address: str) -> dict[str, str]:
    """The account in the settings that stands for a sandbox."""
    return {
        "kind": "adyen",
        "api_key": API_KEY,
        "merchant_account": MERCHANT,
        "hmac_key": HMAC_KEY,
        "api_host": address,
        "report_host": "",
        "disputes_host": "",
    }


@contextmanager
def running_adyen(folder: Path, **terms: str) -> Iterator[str]:
    """A sandbox on a free port; gives its address."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tiktoktoe.sandbox.adyen", "--port", str(port)]
    command += ["--data", str(folder), "--merchant", MERCHANT, "--hmac", HMAC_KEY]
    for name, value in terms.items():
        command += [f"--{name}", value]
    process = subprocess.Popen(command, cwd=ROOT)
    address = f"http://127.0.0.1:{port}"
    try:
        await_sandbox(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _time(control: SandboxControl) -> datetime:
    return datetime.fromtimestamp(control.stats()["now"], UTC)


@pytest.fixture(scope="session")
def adyen_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A sandbox of its own process, for the whole run."""
    with running_adyen(tmp_path_factory.mktemp("adyen")) as address:
        yield address


def _settings_of(address: str, *, within_seconds: int) -> dict[str, Any]:
    gateways = {**django_settings.GATEWAYS, "adyen": account_of(address)}
    return {"GATEWAYS": gateways, "GATEWAY_TIMEOUT_SECONDS": within_seconds}


@contextmanager
def adyen_at(address: str) -> Iterator[AdyenWorld]:
    """A sandbox as a gateway, outside of a test."""
    world = AdyenWorld(address)
    with override_settings(**_settings_of(address, within_seconds=20)):
        yield world
    world.control.close()


@pytest.fixture
def adyen(adyen_address: str, settings: Any) -> Iterator[AdyenWorld]:
    """The sandbox, empty, as a gateway of this test; it answers within two seconds or not."""
    for name, value in _settings_of(adyen_address, within_seconds=2).items():
        setattr(settings, name, value)
    world = AdyenWorld(adyen_address)
    world.control.reset()
    yield world
    world.control.close()


@pytest.fixture(params=["stripe", "adyen"])
def world(request: pytest.FixtureRequest) -> GatewayWorld:
    """Each gateway in turn."""
    chosen: StripeWorld | AdyenWorld = request.getfixturevalue(request.param)
    return chosen

"""A customer's world with a real sandbox process on the wire: cards, invoices, and the truth."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import socket
from typing import Any
from unittest.mock import patch

import pytest
import stripe as stripe_library
from django.test import override_settings

from billing.gateways.stripe_client import body, configured_client
from billing.models import Invoice, PaymentAttempt, PaymentMethod
from billing.services.payments.intake import look_at_reported
from billing.services.payments.payment_methods import make_known, open_setup_page, take_over_method
from subscriptions.models import Customer
from subscriptions.services.transitions import Actor
from tests.factories.billing import one_off_invoice, open_invoice
from tests.factories.subscriptions import make_customer
from tests.sandbox.server import CACHE, await_sandbox
from tiktoktoe.sandbox.control import SandboxControl

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PERSON = Actor(source="test")
GOOD_CARD = "4242424242424242"
ROOT = Path(__file__).resolve().parent.parent


CARDS = {
    "good": GOOD_CARD,
    "asks_holder": "4000002760003184",
    "funds": "4000000000009995",
    "generic": "4000000000000002",
}
TOKENS = {
    "funds": "pm_card_chargeDeclinedInsufficientFunds",
    "generic": "pm_card_chargeDeclined",
    "expired": "pm_card_chargeDeclinedExpiredCard",
    "fraud": "pm_card_chargeDeclinedFraudulent",
    "asks_holder": "pm_card_authenticationRequired",
    "refund_fails": "pm_card_refundFail",
    "pending_refund": "pm_card_pendingRefund",
    "technical": "pm_card_chargeDeclinedProcessingError",
}


class StripeWorld:
    """The sandbox, and what a test wants to do or to know there."""

    name = "stripe"
    charges = "POST /v1/payment_intents$"
    looks = "GET /v1/"
    refunds = "POST /v1/refunds$"
    pages = "POST /v1/checkout/sessions$"
    last4 = "4242"
    fee = "3.17"  # 2.9 % and 0.30

    def __init__(self, address: str) -> None:
        self.address = address
        self.control = SandboxControl(address)
        self.delivered = 0

    def pay_on_page(
        self, address: str, card: str = GOOD_CARD, *, authenticate: bool = True
    ) -> None:
        """Do what a customer does on a hosted page."""
        session, number = address.rpartition("/")[2], CARDS.get(card, card)
        self.control.complete_checkout(session, card=number, authenticate=authenticate)

    def store_card(self, customer: Customer, card: str = GOOD_CARD) -> PaymentMethod:
        """Store a card of a customer, by way of the setup page; one that declines, by its token."""
        if card in TOKENS:
            return token_of(customer, TOKENS[card])
        card = CARDS.get(card, card)
        at = datetime.fromtimestamp(self.control.stats()["now"], UTC)
        session = open_setup_page(customer=customer, at=at).rpartition("/")[2]
        self.control.complete_checkout(session, card=card)
        method = take_over_method(session=session, customer=customer, at=NOW)
        assert method is not None
        return method

    def confirm(self, attempt: PaymentAttempt, *, passes: bool = True) -> dict[str, str]:
        """Answer the bank's question; gives what the browser comes back with."""
        self.control.answer_challenge(attempt.gateway_reference, passes=passes)
        return {"payment_intent": attempt.gateway_reference}

    def charged(self, invoice: Invoice) -> list[int]:
        """The gateway's truth: the amounts taken for an invoice, in cents."""
        return [
            intent["amount_received"]
            for intent in self._all(configured_client().payment_intents)
            if intent["metadata"].get("invoice") == str(invoice) and intent["amount_received"]
        ]

    def refunded(self) -> int:
        """The gateway's truth: everything that was given back, in cents."""
        refunds = self._all(configured_client().refunds)
        return sum(refund["amount"] for refund in refunds if refund["status"] != "failed")

    def deliver(self) -> None:
        """Everything can be asked: nothing has to arrive."""

    def tell_fees(self) -> None:
        """The fees are told with the charges."""

    def dispute(
        self, attempt: PaymentAttempt, reason: str = "fraud", *, is_inquiry: bool = False
    ) -> str:
        """Contest a payment as the card's holder, and let it be heard."""
        intent = body(configured_client().payment_intents.retrieve(attempt.gateway_reference))
        words = {"fraud": "fraudulent", "canceled": "subscription_canceled"}
        made = self.control.dispute(
            intent["latest_charge"], reason=words[reason], is_inquiry=is_inquiry
        )
        self.hear(made["id"])
        return str(made["id"])

    def decide(self, dispute: str, verdict: str) -> None:
        """Let the bank decide, and let it be heard."""
        self.control.decide_dispute(dispute, verdict)
        self.hear(dispute)

    def hear(self, dispute: str) -> None:
        """As the webhook's task does."""
        at = datetime.fromtimestamp(self.control.stats()["now"], UTC)
        look_at_reported(kind="dispute", reference=dispute, our_reference="", at=at)

    def environment(self) -> dict[str, str]:
        """Where the sandbox is."""
        return {"STRIPE_API_HOST": self.address}

    def _all(self, service: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        has_more = True
        while has_more:
            after = {"starting_after": rows[-1]["id"]} if rows else {}
            page = body(service.list({"limit": 100, **after}))
            rows += page["data"]
            has_more = page["has_more"]
        return rows


@pytest.fixture(scope="session")
def sandbox_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A sandbox of its own process, for the whole run."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("stripe")
    command = [sys.executable, "-m", "tiktoktoe.sandbox.stripe", "--port", str(port)]
    command += ["--data", str(folder), "--cache", str(CACHE)]
    process = subprocess.Popen(command, cwd=ROOT)
    address = f"http://127.0.0.1:{port}"
    try:
        await_sandbox(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _settings_of(address: str, *, within_seconds: int) -> dict[str, Any]:
    return {"STRIPE_API_HOST": address, "STRIPE_TIMEOUT_SECONDS": within_seconds}


@contextmanager
def stripe_at(address: str) -> Iterator[StripeWorld]:
    """A sandbox as the gateway, outside of a test."""
    with (
        override_settings(**_settings_of(address, within_seconds=20)),
        patch.object(stripe_library, "api_base", address),
    ):
        yield StripeWorld(address)


@pytest.fixture
def stripe(sandbox_address: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> StripeWorld:
    """The sandbox, empty, as the gateway of this test; it answers within two seconds or not."""
    for name, value in _settings_of(sandbox_address, within_seconds=2).items():
        setattr(settings, name, value)
    monkeypatch.setattr(stripe_library, "api_base", sandbox_address)
    world = StripeWorld(sandbox_address)
    world.control.reset()
    return world


def customer_with_card(stripe: StripeWorld, card: str = GOOD_CARD) -> Customer:
    """A customer whose default method is a card."""
    customer = make_customer()
    stripe.store_card(customer, card)
    return customer


def customer_with_token(token: str) -> Customer:
    """A customer whose default method is one of the sandbox's ready-made cards."""
    customer = make_customer()
    token_of(customer, token)
    return customer


def token_of(customer: Customer, token: str) -> PaymentMethod:
    """One of the sandbox's ready-made cards, as a customer's default method."""
    make_known(customer=customer, at=NOW)
    return PaymentMethod.objects.create(
        customer=customer,
        gateway="stripe",
        gateway_reference=token,
        kind="card",
        is_default=True,
        created_at=NOW,
    )


def invoice_of(customer: Customer) -> Invoice:
    """An open invoice over 99.00, for no subscription."""
    return one_off_invoice(NOW, customer=customer)


def first_invoice_of(customer: Customer) -> Invoice:
    """An open invoice over 99.00, for the first month of a new subscription."""
    return open_invoice(NOW, customer=customer)


def later(**spans: float) -> datetime:
    """An instant after the invoices were issued."""
    return NOW + timedelta(**spans)

"""A customer's world with a real PayPal sandbox process on the wire."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from socket import socket
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client, override_settings

from tests.sandbox.server import await_sandbox
from tests.stripe_world import ROOT
from tiktoktoe.sandbox.control import SandboxControl


class PayPalWorld:
    """The sandbox, and what a test wants to do or to know there."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.control = SandboxControl(address)
        self.delivered = 0

    def approve(self, address: str, buyer: str = "good") -> None:
        """Agree, as a buyer does on PayPal's page."""
        self.control.complete_checkout(address.rpartition("/")[2], holder=buyer)

    def captured(self) -> list[str]:
        """The gateway's truth: what was taken, the oldest first."""
        return [payment["amount"]["value"] for payment in reversed(self.control.payments())]

    def dispute(
        self,
        capture: str,
        reason: str = "CANCELED_RECURRING_BILLING",
        *,
        is_inquiry: bool = False,
        is_external: bool = False,
    ) -> str:
        """Contest a capture as the buyer, and let it be heard; gives the dispute's name."""
        made = self.control.dispute(
            capture, reason=reason, is_inquiry=is_inquiry, is_external=is_external
        )
        self.deliver()
        return str(made["id"])

    def decide(self, dispute: str, verdict: str) -> None:
        """Let PayPal decide, and let it be heard."""
        self.control.decide_dispute(dispute, verdict)
        self.deliver()

    def events(self) -> list[dict[str, Any]]:
        """The events so far, signed: their bodies and headers."""
        return self.control.notifications()

    def deliver(self) -> None:
        """Post the events that have not been posted yet, as PayPal does."""
        waiting = self.control.notifications(after=self.delivered)
        self.delivered += len(waiting)
        for event in waiting:
            assert post(event).status_code == 200

    def skip(self) -> None:
        """Post none of what was told so far: it is known."""
        self.delivered += len(self.control.notifications(after=self.delivered))


def post(event: dict[str, Any]) -> Any:
    """Post an event to our own door."""
    headers = {f"HTTP_{name.upper().replace('-', '_')}": v for name, v in event["headers"].items()}
    return Client().post("/gateways/paypal/events/", event["body"], "application/json", **headers)


def account_of(address: str) -> dict[str, str]:
    """The account in the settings that stands for a sandbox."""
    return {
        "kind": "paypal",
        "client_id": "sandbox-app",
        "secret": "s",
        "webhook_id": "WHSANDBOX",
        "api_host": address,
    }


def environment_of(address: str) -> dict[str, str]:
    """The same, for programs that are started."""
    account = account_of(address)
    names = ("api_host", "client_id", "secret", "webhook_id")
    return {f"PAYPAL_{name.upper()}": account[name] for name in names}


@contextlib.contextmanager
def running_paypal(folder: Path) -> Iterator[str]:
    """A sandbox on a free port; gives its address."""
    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "tiktoktoe.sandbox.paypal", "--port", str(port)]
    process = subprocess.Popen([*command, "--data", str(folder)], cwd=ROOT)
    address = f"http://127.0.0.1:{port}"
    try:
        await_sandbox(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def paypal_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A sandbox of its own process, for the whole run."""
    with running_paypal(tmp_path_factory.mktemp("paypal")) as address:
        yield address


def _settings_of(address: str, *, within_seconds: int) -> dict[str, Any]:
    gateways = {**django_settings.GATEWAYS, "paypal": account_of(address)}
    return {"GATEWAYS": gateways, "GATEWAY_TIMEOUT_SECONDS": within_seconds}


@contextlib.contextmanager
def paypal_at(address: str) -> Iterator[PayPalWorld]:
    """A sandbox as a gateway, outside of a test."""
    world = PayPalWorld(address)
    with override_settings(**_settings_of(address, within_seconds=20)):
        yield world
    world.control.close()


@pytest.fixture
def paypal(paypal_address: str, settings: Any) -> Iterator[PayPalWorld]:
    """The sandbox, empty, as a gateway of this test; it answers within two seconds or not."""
    for name, value in _settings_of(paypal_address, within_seconds=2).items():
        setattr(settings, name, value)
    world = PayPalWorld(paypal_address)
    world.control.reset()
    yield world
    world.control.close()

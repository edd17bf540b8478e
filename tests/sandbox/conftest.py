"""One sandbox for all of these tests, that of tests/stripe_world.py; it is empty for each."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.sandbox.server import RunningSandbox

KEY = "sk_test_" + "a" * 24
VERSION = "2026-05-27.dahlia"


def client_of(address: str, key: str = KEY, timeout_seconds: float = 20) -> Any:
    """Stripe's own client, pointed at a sandbox; it sends each request once."""
    http_client = stripe.RequestsClient(timeout=timeout_seconds)
    return stripe.StripeClient(
        key,
        stripe_version=VERSION,
        base_addresses={"api": address},
        max_network_retries=0,
        http_client=http_client,
    ).v1


@pytest.fixture
def sandbox(sandbox_address: str, tmp_path: Path) -> Iterator[RunningSandbox]:
    """The process, empty when the test begins and when it ends."""
    shared = RunningSandbox(port=int(sandbox_address.rpartition(":")[2]), data_dir=tmp_path)
    shared.control.reset()
    yield shared
    shared.control.reset()
    shared.control.close()


@pytest.fixture
def client(sandbox: RunningSandbox) -> Any:
    """Stripe's own client."""
    return client_of(sandbox.address)


@pytest.fixture
def customer(client: Any) -> str:
    """The id of a customer."""
    return str(client.customers.create({"name": "Ada", "email": "ada@example.com"}).id)


@pytest.fixture
def card(client: Any, customer: str) -> str:
    """The id of a card that the customer has stored."""
    return str(client.payment_methods.attach("pm_card_visa", {"customer": customer}).id)

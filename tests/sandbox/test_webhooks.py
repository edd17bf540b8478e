"""Events and their delivery: signed, retried, doubled, shuffled, held, lost, kept."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.sandbox.conftest import client_of
from tests.sandbox.receiver import Receiver, receiving
from tests.sandbox.server import RunningSandbox, running_sandbox
from tests.sandbox.test_payments import pay


@pytest.fixture
def shop() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def endpoint(client: Any, shop: Receiver) -> Iterator[Any]:
    made = client.webhook_endpoints.create({"url": shop.address, "enabled_events": ["*"]})
    yield made
    client.webhook_endpoints.delete(made.id)


def test_an_event_is_signed_so_that_stripes_own_library_accepts_it(
    client: Any, shop: Receiver, endpoint: Any
) -> None:
    customer = client.customers.create({"name": "Ada"})

    shop.wait(lambda: bool(shop.posts))

    content, signature = shop.posts[0]
    event = stripe.Webhook.construct_event(content, signature, endpoint.secret)
    assert (event.type, event.data.object.id) == ("customer.created", customer.id)
    assert event.api_version == "2026-05-27.dahlia"
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(content + b" ", signature, endpoint.secret)


def test_the_secret_is_told_once(client: Any, endpoint: Any) -> None:
    assert endpoint.secret.startswith("whsec_")
    assert getattr(client.webhook_endpoints.retrieve(endpoint.id), "secret", None) is None


def test_a_payment_tells_its_story(client: Any, shop: Receiver, endpoint: Any) -> None:
    intent = pay(client, payment_method="pm_card_fr")

    shop.wait(lambda: len(shop.posts) >= 3)

    assert set(shop.types()) == {
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
    }
    event = next(e for e in shop.events if e["type"] == "payment_intent.succeeded")
    assert event["data"]["object"]["id"] == intent.id
    assert event["data"]["object"]["amount_received"] == 10_000
    assert event["request"]["id"].startswith("req_")


def test_only_the_wanted_types_are_sent(client: Any, shop: Receiver) -> None:
    wanted = {"url": shop.address, "enabled_events": ["payment_intent.succeeded"]}
    made = client.webhook_endpoints.create(wanted)

    pay(client, payment_method="pm_card_fr")
    shop.wait(lambda: bool(shop.posts))
    client.webhook_endpoints.delete(made.id)
    pay(client, payment_method="pm_card_fr")

    assert shop.types() == ["payment_intent.succeeded"]


def test_a_refused_event_is_sent_again(
    sandbox: RunningSandbox, client: Any, shop: Receiver, endpoint: Any
) -> None:
    shop.statuses = [500, 503]

    client.customers.create({"name": "Ada"})
    shop.wait(lambda: len(shop.posts) == 3)
    shop.wait(lambda: sandbox.control.stats()["waiting"] == 0)

    assert len({event["id"] for event in shop.events}) == 1
    event = client.events.retrieve(shop.events[0]["id"])
    assert event.pending_webhooks == 0


def test_events_can_come_twice(
    sandbox: RunningSandbox, client: Any, shop: Receiver, endpoint: Any
) -> None:
    sandbox.control.set_webhooks(copies=2)

    client.customers.create({"name": "Ada"})

    shop.wait(lambda: len(shop.posts) == 2)
    assert shop.posts[0][0] == shop.posts[1][0]


def test_events_can_be_held_and_come_in_any_order(
    sandbox: RunningSandbox, client: Any, shop: Receiver, endpoint: Any
) -> None:
    sandbox.control.set_webhooks(is_held=True)
    made = [client.customers.create({"name": str(n)}).id for n in range(12)]
    assert shop.posts == []

    sandbox.control.set_webhooks(is_shuffled=True, seed=3)

    shop.wait(lambda: len(shop.posts) == 12)
    arrived = [event["data"]["object"]["id"] for event in shop.events]
    assert sorted(arrived) == sorted(made)
    assert arrived != made


def test_a_lost_event_can_still_be_read(
    sandbox: RunningSandbox, client: Any, shop: Receiver, endpoint: Any
) -> None:
    sandbox.control.set_webhooks(loses=1.0)

    customer = client.customers.create({"name": "Ada"})
    shop.wait(lambda: sandbox.control.stats()["waiting"] == 0)

    assert shop.posts == []
    undelivered = client.events.list({"type": "customer.created", "delivery_success": False})
    assert undelivered.data[0].data.object.id == customer.id


def test_nothing_undelivered_is_lost_when_the_sandbox_is_killed(tmp_path: Path) -> None:
    with running_sandbox(tmp_path) as sandbox, receiving() as shop:
        client = client_of(sandbox.address)
        client.webhook_endpoints.create({"url": shop.address, "enabled_events": ["*"]})
        sandbox.control.set_webhooks(is_held=True)
        made = [client.customers.create({"name": str(n)}).id for n in range(5)]

        sandbox.restart()

        shop.wait(lambda: len(shop.posts) == 5)
        assert sorted(event["data"]["object"]["id"] for event in shop.events) == sorted(made)
        shop.wait(lambda: sandbox.control.stats()["waiting"] == 0)  # the last is noted as taken


def test_events_are_listed_by_type(client: Any) -> None:
    intent = pay(client, payment_method="pm_card_fr")

    some = client.events.list({"types": ["charge.succeeded", "payment_intent.succeeded"]}).data
    every = client.events.list({"type": "payment_intent.*"}).data

    assert {event.type for event in some} == {"charge.succeeded", "payment_intent.succeeded"}
    assert every[0].data.object.id == intent.id
    assert all(event.type.startswith("payment_intent.") for event in every)


def test_an_endpoint_is_changed_and_silenced(client: Any, shop: Receiver, endpoint: Any) -> None:
    silent = client.webhook_endpoints.update(endpoint.id, {"disabled": True})

    client.customers.create({"name": "Ada"})

    assert silent.status == "disabled"
    assert client.events.list({"type": "customer.created"}).data[0].pending_webhooks == 0
    with pytest.raises(stripe.InvalidRequestError):
        client.webhook_endpoints.create({"url": "ftp://x", "enabled_events": ["*"]})

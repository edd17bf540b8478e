"""Faults that are asked for, and what they leave behind."""

from typing import Any
from uuid import uuid4

import pytest
import stripe

from tests.sandbox.conftest import client_of
from tests.sandbox.server import RunningSandbox

MATCH = "POST /v1/payment_intents$"


def attempt(client: Any, customer: str, key: str) -> Any:
    given = {
        "amount": 500,
        "currency": "eur",
        "customer": customer,
        "payment_method": "pm_card_fr",
        "confirm": True,
    }
    return client.payment_intents.create(given, {"idempotency_key": key})


@pytest.mark.parametrize(
    ("mode", "error", "is_done"),
    [
        ("reset_before", stripe.APIConnectionError, False),
        ("reset_after", stripe.APIConnectionError, True),
        ("http_500_before", stripe.APIError, False),
        ("http_429", stripe.RateLimitError, False),
    ],
)
def test_a_fault_strikes_once_and_the_same_key_brings_it_home(
    sandbox: RunningSandbox,
    client: Any,
    customer: str,
    mode: str,
    error: type[Exception],
    *,
    is_done: bool,
) -> None:
    key = str(uuid4())
    sandbox.control.add_fault(MATCH, mode)

    with pytest.raises(error):
        attempt(client, customer, key)

    made = client.payment_intents.list({"customer": customer}).data
    assert len(made) == int(is_done)
    assert attempt(client, customer, key).status == "succeeded"
    assert len(client.payment_intents.list({"customer": customer}).data) == 1


def test_a_500_after_it_was_done_stays_a_500(
    sandbox: RunningSandbox, client: Any, customer: str
) -> None:
    key = str(uuid4())
    sandbox.control.add_fault(MATCH, "http_500_after")

    for _ in range(2):
        with pytest.raises(stripe.APIError):
            attempt(client, customer, key)

    made = client.payment_intents.list({"customer": customer}).data
    assert [intent.status for intent in made] == ["succeeded"]


def test_a_500_from_something_on_the_way_is_gone_when_asked_again(
    sandbox: RunningSandbox, client: Any, customer: str
) -> None:
    key = str(uuid4())
    sandbox.control.add_fault(MATCH, "http_500_after", is_kept=False)
    with pytest.raises(stripe.APIError):
        attempt(client, customer, key)

    again = attempt(client, customer, key)

    made = client.payment_intents.list({"customer": customer}).data
    assert [intent.id for intent in made] == [again.id]


def test_an_answer_that_never_comes_was_still_done(
    sandbox: RunningSandbox, client: Any, customer: str
) -> None:
    key = str(uuid4())
    impatient = client_of(sandbox.address, timeout_seconds=0.5)
    sandbox.control.add_fault(MATCH, "hang_after", seconds=2)

    with pytest.raises(stripe.APIConnectionError):
        attempt(impatient, customer, key)

    assert attempt(client, customer, key).status == "succeeded"
    assert len(client.payment_intents.list({"customer": customer}).data) == 1


def test_faults_strike_so_many_times_and_by_seeded_chance(
    sandbox: RunningSandbox, client: Any
) -> None:
    def struck(seed: int) -> list[bool]:
        sandbox.control.clear_faults()
        sandbox.control.add_fault(
            "GET /v1/balance$", "http_500_before", times=1000, probability=0.5, seed=seed
        )
        results = []
        for _ in range(20):
            try:
                client.balance.retrieve()
                results.append(False)
            except stripe.APIError:
                results.append(True)
        return results

    first = struck(1)

    assert struck(1) == first
    assert struck(2) != first
    assert 0 < sum(first) < 20


def test_a_fault_that_does_not_exist_is_refused(sandbox: RunningSandbox) -> None:
    with pytest.raises(Exception, match="400"):
        sandbox.control.add_fault(MATCH, "earthquake")

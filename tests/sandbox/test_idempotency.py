"""Idempotency keys: the same request twice is done once, however it went."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
import stripe

from tests.sandbox.server import WEB, RunningSandbox
from tests.sandbox.test_protocol import AUTHORIZATION

DAY = 86_400


def post(
    sandbox: RunningSandbox, key: str, path: str = "payment_intents", **terms: Any
) -> httpx.Response:
    given = {"amount": 500, "currency": "eur", "payment_method": "pm_card_fr", "confirm": "true"}
    headers = {**AUTHORIZATION, "Idempotency-Key": key}
    data = {**given, **terms}
    return WEB.post(f"{sandbox.address}/v1/{path}", headers=headers, data=data, timeout=20)


def test_the_same_key_gives_the_same_answer(sandbox: RunningSandbox) -> None:
    key = str(uuid4())

    first, again = post(sandbox, key), post(sandbox, key)

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Original-Request"] == first.headers["Request-Id"]


def test_a_decline_is_given_again(sandbox: RunningSandbox) -> None:
    key = str(uuid4())
    terms = {"payment_method": "pm_card_chargeDeclined"}

    first, again = post(sandbox, key, **terms), post(sandbox, key, **terms)

    assert (first.status_code, again.status_code) == (402, 402)
    assert first.json() == again.json()


def test_a_key_with_other_parameters_is_refused(sandbox: RunningSandbox, client: Any) -> None:
    key = str(uuid4())
    post(sandbox, key)

    other = post(sandbox, key, amount=501)

    assert other.status_code == 400
    assert other.json()["error"]["type"] == "idempotency_error"
    with pytest.raises(stripe.IdempotencyError):
        client.customers.create({"name": "Ada"}, {"idempotency_key": key})


def test_invalid_parameters_do_not_use_a_key_up(sandbox: RunningSandbox) -> None:
    key = str(uuid4())
    assert post(sandbox, key, amount="much").status_code == 400
    assert post(sandbox, key, customer="cus_nobody").status_code == 404

    assert post(sandbox, key).status_code == 200


def test_a_request_that_runs_refuses_its_double(sandbox: RunningSandbox) -> None:
    key = str(uuid4())
    sandbox.control.add_fault("POST /v1/payment_intents", "slow", seconds=0.5)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(sandbox, key), range(8)))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] + [409] * 7
    refused = next(a for a in answers if a.status_code == 409).json()["error"]
    assert refused["code"] == "idempotency_key_in_use"
    assert post(sandbox, key).headers["Idempotent-Replayed"] == "true"


def test_identical_posts_at_once_make_one_object(sandbox: RunningSandbox, client: Any) -> None:
    key, customer = str(uuid4()), client.customers.create({"name": "Once"}).id

    def send(_number: int) -> int:
        return post(sandbox, key, customer=customer).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(send, range(40)))

    assert statuses <= {200, 409}
    assert len(client.payment_intents.list({"customer": customer}).data) == 1


def test_requests_at_once_do_not_refund_too_much(sandbox: RunningSandbox, client: Any) -> None:
    intent = post(sandbox, str(uuid4())).json()

    def refund(_number: int) -> int:
        data = {"payment_intent": intent["id"], "amount": 200}
        address = f"{sandbox.address}/v1/refunds"
        return WEB.post(address, headers=AUTHORIZATION, data=data).status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(pool.map(refund, range(6)))

    assert statuses == [200, 200, 400, 400, 400, 400]
    assert client.charges.retrieve(intent["latest_charge"]).amount_refunded == 400


def test_a_key_is_forgotten_after_a_day(sandbox: RunningSandbox) -> None:
    key = str(uuid4())
    first = post(sandbox, key).json()
    sandbox.control.advance_clock(DAY - 60)
    assert post(sandbox, key).json()["id"] == first["id"]

    sandbox.control.advance_clock(120)

    assert post(sandbox, key).json()["id"] != first["id"]


@pytest.mark.parametrize("key", ["k" * 256])
def test_a_key_that_is_too_long_is_refused(sandbox: RunningSandbox, key: str) -> None:
    assert post(sandbox, key).status_code == 400

"""The Adyen sandbox as a program: its pages, its notifications on the wire, restarts, keys."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.adyen_world import API_KEY, MERCHANT, AdyenWorld, running_adyen
from tests.sandbox.receiver import Receiver, receiving
from tests.sandbox.server import WEB
from tiktoktoe.sandbox.adyen.spec import load_spec

HEADERS = {"X-API-Key": API_KEY}


@pytest.fixture
def shop(adyen: AdyenWorld) -> Iterator[Receiver]:
    """A shop that takes notifications."""
    with receiving() as receiver:
        receiver.answer = b"[accepted]"
        adyen.control.send_webhooks_to(receiver.address)
        yield receiver
        adyen.control.send_webhooks_to("")


def pay(address: str, key: str = "", **terms: Any) -> httpx.Response:
    body = {
        "merchantAccount": MERCHANT,
        "amount": {"value": 1000, "currency": "EUR"},
        "reference": "order-1",
        "returnUrl": "https://shop.example/back",
        "paymentMethod": {"type": "scheme", "number": "4111111111111111"},
        **terms,
    }
    headers = {**HEADERS, "Idempotency-Key": key} if key else HEADERS
    return WEB.post(f"{address}/v72/payments", json=body, headers=headers, timeout=20)


def link(address: str, **terms: Any) -> dict[str, Any]:
    body = {
        "merchantAccount": MERCHANT,
        "amount": {"value": 1000, "currency": "EUR"},
        "reference": "order-1",
        **terms,
    }
    answer = WEB.post(f"{address}/v72/paymentLinks", json=body, headers=HEADERS)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_only_test_keys_are_let_in(adyen: AdyenWorld) -> None:
    answer = WEB.post(f"{adyen.address}/v72/payments", json={}, headers={"X-API-Key": "live"})

    assert (answer.status_code, answer.json()["errorCode"]) == (401, "000")


def test_another_merchant_account_is_refused(adyen: AdyenWorld) -> None:
    answer = pay(adyen.address, merchantAccount="Another")

    assert (answer.status_code, answer.json()["errorCode"]) == (403, "901")


def test_the_same_key_is_one_payment_and_with_another_body_none(adyen: AdyenWorld) -> None:
    key = str(uuid4())

    first, again = pay(adyen.address, key), pay(adyen.address, key)
    other = pay(adyen.address, key, reference="order-2")

    assert first.json() == again.json()
    assert (other.status_code, other.json()["errorCode"]) == (422, "704")
    assert len(adyen.control.payments()) == 1


def test_a_refusal_is_told_with_its_code(adyen: AdyenWorld) -> None:
    method = {"type": "scheme", "number": "4111111111111111", "holderName": "NOT_ENOUGH_BALANCE"}

    body = pay(adyen.address, paymentMethod=method).json()

    assert (body["resultCode"], body["refusalReasonCode"]) == ("Refused", "12")
    assert adyen.control.payments()[0]["captured"] == 0


def test_the_hosted_page_is_paid_by_hand(adyen: AdyenWorld) -> None:
    made = link(adyen.address, returnUrl="https://shop.example/back", description="Invoice 7")
    page = WEB.get(made["url"])
    assert "Invoice 7" in page.text
    assert "10.00 EUR" in page.text
    assert "https://shop.example" in page.headers["Content-Security-Policy"]

    refused = WEB.post(made["url"], data={"number": "4111111111111111", "holder": "DECLINED"})
    assert refused.status_code == 402
    assert "Refused" in refused.text
    paid = WEB.post(made["url"], data={"number": "4111 1111 1111 1111"})

    assert (paid.status_code, paid.headers["Location"]) == (303, "https://shop.example/back")
    assert [p["captured"] for p in adyen.control.payments()] == [1000, 0]


def test_the_bank_asks_on_a_page_of_its_own(adyen: AdyenWorld) -> None:
    made = link(adyen.address, returnUrl="https://shop.example/back")

    sent_on = WEB.post(made["url"], data={"number": "4212345678910006"})
    question = sent_on.headers["Location"]
    assert "is this you?" in WEB.get(question).text
    answered = WEB.post(question, data={"answer": "yes"})

    assert answered.headers["Location"] == "https://shop.example/back"
    assert adyen.control.payments()[0]["captured"] == 1000
    assert WEB.get(question).status_code == 410


def test_a_payment_of_the_shops_own_comes_back_with_what_to_ask_by(adyen: AdyenWorld) -> None:
    method = {"type": "scheme", "number": "4212345678910006"}
    action = pay(adyen.address, paymentMethod=method).json()["action"]
    back = WEB.post(action["url"], data={"answer": "no"}).headers["Location"]
    found = re.search("redirectResult=(.+)", back)
    assert found is not None

    body = {"details": {"redirectResult": found[1]}}
    told = WEB.post(f"{adyen.address}/v72/payments/details", json=body, headers=HEADERS)

    assert told.json()["refusalReasonCode"] == "11"
    forged = {"details": {"redirectResult": found[1] + "x"}}
    refused = WEB.post(f"{adyen.address}/v72/payments/details", json=forged, headers=HEADERS)
    assert refused.status_code == 422


def test_a_link_expires_by_the_sandboxs_clock(adyen: AdyenWorld) -> None:
    made = link(adyen.address)

    adyen.control.advance_clock(86_401)

    address = f"{adyen.address}/v72/paymentLinks/{made['id']}"
    assert WEB.get(address, headers=HEADERS).json()["status"] == "expired"
    assert WEB.get(made["url"]).status_code == 410


def test_notifications_are_tried_until_they_are_accepted(adyen: AdyenWorld, shop: Receiver) -> None:
    shop.statuses = [500, 500]

    pay(adyen.address)

    shop.wait(lambda: len(shop.posts) == 3)
    assert len({content for content, _ in shop.posts}) == 1
    assert shop.events[0]["notificationItems"][0]["NotificationRequestItem"]["success"] == "true"


def test_a_shop_that_does_not_say_accepted_has_not_taken_it(
    adyen: AdyenWorld, shop: Receiver
) -> None:
    shop.answer = b"thanks"
    pay(adyen.address)
    shop.wait(lambda: len(shop.posts) >= 2)

    shop.answer = b"[accepted]"

    shop.wait(lambda: adyen.control.stats()["waiting"] == 0)


def test_notifications_are_doubled_on_demand(adyen: AdyenWorld, shop: Receiver) -> None:
    adyen.control.set_webhooks(copies=3, is_shuffled=True)

    for _ in range(4):
        pay(adyen.address)

    shop.wait(lambda: len(shop.posts) == 12)
    assert len({content for content, _ in shop.posts}) == 4


def test_a_kill_forgets_nothing(tmp_path: Path) -> None:
    key = str(uuid4())
    with running_adyen(tmp_path) as address:
        first = pay(address, key).json()
    with running_adyen(tmp_path) as address:
        assert pay(address, key).json() == first


def test_without_the_documents_it_still_works_by_checks_of_its_own(tmp_path: Path) -> None:
    spec = load_spec(tmp_path)

    spec.check_answer("POST /payments", 200, {"resultCode": "Perhaps"})
    spec.check_request(
        "POST /paymentLinks", {"amount": 1, "merchantAccount": "M", "reference": "r"}
    )
    with pytest.raises(Exception, match="'reference'"):
        spec.check_request("POST /paymentLinks", {"amount": 1, "merchantAccount": "M"})
    assert not spec.is_vendors
    assert spec.has("POST /anything")

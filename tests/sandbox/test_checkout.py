"""Hosted pages: over the API, through the control, and in HTML as a browser posts it."""

from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import stripe

from tests.sandbox.server import WEB, RunningSandbox

BACK = "http://127.0.0.1:8000/paid?session={CHECKOUT_SESSION_ID}"
CANCEL = "http://127.0.0.1:8000/invoice"
DAY = 86_400


def open_page(client: Any, **terms: Any) -> Any:
    price = {"currency": "eur", "unit_amount": 2_500, "product_data": {"name": "Invoice 17"}}
    given = {
        "mode": "payment",
        "line_items": [{"quantity": 2, "price_data": price}],
        "success_url": BACK,
        "cancel_url": CANCEL,
        **terms,
    }
    return client.checkout.sessions.create(given)


def read(client: Any, identity: str) -> Any:
    expand = ["payment_intent.latest_charge", "payment_intent.payment_method", "line_items"]
    return client.checkout.sessions.retrieve(identity, {"expand": expand})


def test_a_page_is_paid_and_leads_back(sandbox: RunningSandbox, client: Any, customer: str) -> None:
    data = {"metadata": {"attempt": "7"}, "setup_future_usage": "off_session"}
    session = open_page(client, customer=customer, payment_intent_data=data)
    assert (session.status, session.amount_total, session.payment_intent) == ("open", 5_000, None)
    assert session.url.startswith(f"{sandbox.address}/c/pay/")

    location = sandbox.control.complete_checkout(session.id)

    assert location == BACK.replace("{CHECKOUT_SESSION_ID}", session.id)
    after = read(client, session.id)
    assert (after.status, after.payment_status, after.url) == ("complete", "paid", None)
    assert after.payment_intent.metadata.to_dict() == {"attempt": "7"}
    assert after.payment_intent.payment_method.customer == customer
    assert after.customer_details.email == "ada@example.com"
    assert [(line.description, line.amount_total) for line in after.line_items.data] == [
        ("Invoice 17", 5_000)
    ]
    events = client.events.list({"type": "checkout.session.completed"}).data
    assert events[0].data.object.id == session.id


def test_a_declined_card_leaves_the_page_open_for_another(
    sandbox: RunningSandbox, client: Any
) -> None:
    session = open_page(client)

    with pytest.raises(httpx.HTTPStatusError) as caught:
        sandbox.control.complete_checkout(session.id, card="4000000000009995")
    assert caught.value.response.status_code == 402
    declined = read(client, session.id)
    sandbox.control.complete_checkout(session.id)

    assert declined.status == "open"
    assert declined.payment_intent.last_payment_error.decline_code == "insufficient_funds"
    assert read(client, session.id).payment_intent.id == declined.payment_intent.id


def test_a_refused_challenge_leaves_the_page_open(sandbox: RunningSandbox, client: Any) -> None:
    session, card = open_page(client), "4000002760003184"

    location = sandbox.control.complete_checkout(session.id, card=card, authenticate=False)
    assert location == ""
    assert read(client, session.id).status == "open"

    assert sandbox.control.complete_checkout(session.id, card=card).endswith(session.id)
    assert read(client, session.id).payment_intent.status == "succeeded"


def test_a_card_is_stored_without_a_payment(
    sandbox: RunningSandbox, client: Any, customer: str
) -> None:
    given = {"mode": "setup", "currency": "eur", "customer": customer, "success_url": BACK}
    session = client.checkout.sessions.create(given)

    sandbox.control.complete_checkout(session.id, card="4000002500003155")

    expand = {"expand": ["setup_intent.payment_method"]}
    after = client.checkout.sessions.retrieve(session.id, expand)
    assert (after.status, after.payment_status) == ("complete", "no_payment_required")
    assert after.setup_intent.payment_method.customer == customer
    assert after.setup_intent.payment_method.card.last4 == "3155"


def test_cards_that_behave_alike_can_be_two_cards(sandbox: RunningSandbox, client: Any) -> None:
    def stored(copy: str) -> str:
        customer = client.customers.create().id
        session = client.checkout.sessions.create(
            {"mode": "setup", "currency": "usd", "customer": customer, "success_url": BACK}
        )
        sandbox.control.complete_checkout(session.id, card="4000000000000341", copy=copy)
        (method,) = client.payment_methods.list({"customer": customer}).data
        assert method.card.last4 == "0341"
        return str(method.card.fingerprint)

    assert stored("") == stored("")
    assert len({stored(""), stored("Ada's"), stored("Bob's")}) == 3


@pytest.mark.parametrize(
    ("iban", "status", "event"),
    [
        ("DE89370400440532013000", "paid", "checkout.session.async_payment_succeeded"),
        ("DE62370400440532013001", "unpaid", "checkout.session.async_payment_failed"),
    ],
)
def test_a_bank_debit_completes_the_page_before_the_money_is_there(
    sandbox: RunningSandbox, client: Any, iban: str, status: str, event: str
) -> None:
    session = open_page(client)
    sandbox.control.complete_checkout(session.id, card=iban)
    assert (read(client, session.id).status, read(client, session.id).payment_status) == (
        "complete",
        "unpaid",
    )

    sandbox.control.advance_clock(4 * DAY + 60)

    assert read(client, session.id).payment_status == status
    assert client.events.list({"type": event}).data[0].data.object.id == session.id


def test_a_page_closes_by_itself_and_by_hand(sandbox: RunningSandbox, client: Any) -> None:
    by_hand, by_itself = open_page(client), open_page(client)
    with pytest.raises(httpx.HTTPStatusError):
        sandbox.control.complete_checkout(by_itself.id, card="4000000000000002")

    client.checkout.sessions.expire(by_hand.id)
    sandbox.control.advance_clock(DAY + 60)

    assert {read(client, s.id).status for s in (by_hand, by_itself)} == {"expired"}
    assert read(client, by_itself.id).payment_intent.status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        client.checkout.sessions.expire(by_hand.id)
    with pytest.raises(httpx.HTTPStatusError):
        sandbox.control.complete_checkout(by_hand.id)
    assert WEB.get(by_hand.url).status_code == 410


@pytest.mark.parametrize("seconds", [60, 2 * DAY])
def test_a_page_is_open_for_half_an_hour_to_a_day(
    sandbox: RunningSandbox, client: Any, seconds: int
) -> None:
    now = sandbox.control.stats()["now"]

    with pytest.raises(stripe.InvalidRequestError) as caught:
        open_page(client, expires_at=now + seconds)

    assert caught.value.param == "expires_at"


def test_the_page_shows_what_is_paid_and_lets_a_browser_pay(
    sandbox: RunningSandbox, client: Any
) -> None:
    session = open_page(client)
    page = WEB.get(session.url)

    assert "50.00 EUR" in page.text
    assert "Invoice 17" in page.text
    assert "no real money" in page.text
    assert f'href="{CANCEL}"' in page.text
    paid = WEB.post(session.url, data={"number": "4242 4242 4242 4242", "expiry": "12/34"})

    assert paid.status_code == 303
    assert paid.headers["Location"] == BACK.replace("{CHECKOUT_SESSION_ID}", session.id)
    assert WEB.get(session.url).headers["Location"] == paid.headers["Location"]


def test_the_page_says_why_and_asks_again(client: Any) -> None:
    session = open_page(client)

    declined = WEB.post(session.url, data={"number": "4000000000009995"})
    wrong = WEB.post(session.url, data={"number": "4242424242424241"})
    expired = WEB.post(session.url, data={"number": "4242424242424242", "expiry": "01/20"})

    assert "insufficient funds" in declined.text
    assert "number is incorrect" in wrong.text
    assert "expiry is not possible" in expired.text
    assert all('role="alert"' in page.text for page in (declined, wrong, expired))


def test_the_holder_is_asked_on_a_page_of_its_own(client: Any) -> None:
    session = open_page(client)
    asked = WEB.post(session.url, data={"number": "4000002760003184"})
    challenge = asked.headers["Location"]
    assert "/3ds/" in challenge
    assert "50.00 EUR" in WEB.get(challenge).text

    refused = WEB.post(challenge, data={"answer": "no"})
    assert 'role="alert"' in refused.text
    assert WEB.get(challenge).status_code == 410

    again = WEB.post(session.url, data={"number": "4000002760003184"}).headers["Location"]
    passed = WEB.post(again, data={"answer": "yes"})
    assert passed.headers["Location"].endswith(session.id)


def test_an_intent_of_the_shops_own_leads_back_to_the_shop(client: Any) -> None:
    intent = client.payment_intents.create(
        {
            "amount": 900,
            "currency": "eur",
            "payment_method": "pm_card_authenticationRequired",
            "confirm": True,
            "return_url": "https://shop.example/back?a=1",
        }
    )

    passed = WEB.post(intent.next_action.redirect_to_url.url, data={"answer": "yes"})

    address = urlsplit(passed.headers["Location"])
    assert address.netloc == "shop.example"
    assert f"payment_intent={intent.id}" in address.query
    assert "redirect_status=succeeded" in address.query


def test_pages_have_a_strict_policy_that_lets_the_form_lead_to_the_shop(client: Any) -> None:
    session = open_page(client, success_url="https://shop.example/paid")

    policy = WEB.get(session.url).headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "form-action 'self' https://shop.example;" in policy
    assert "unsafe" not in policy


def test_what_is_written_on_a_page_cannot_become_markup(client: Any) -> None:
    price = {"currency": "eur", "unit_amount": 500, "product_data": {"name": "<b>bold</b>"}}
    session = open_page(client, line_items=[{"price_data": price, "quantity": 1}])

    page = WEB.get(session.url).text

    assert "<b>bold" not in page
    assert "&lt;b&gt;bold" in page


@pytest.mark.parametrize("path", ["/c/pay/cs_test_nothing", "/3ds/pi_nothing", "/favicon.ico"])
def test_pages_that_are_not_there_are_not_found(sandbox: RunningSandbox, path: str) -> None:
    assert WEB.get(f"{sandbox.address}{path}").status_code == 404


def test_a_line_may_name_a_known_price(client: Any) -> None:
    product = client.products.create({"name": "Support"})
    price = client.prices.create({"product": product.id, "currency": "eur", "unit_amount": 1_200})

    session = open_page(client, line_items=[{"price": price.id, "quantity": 3}])

    assert session.amount_total == 3_600

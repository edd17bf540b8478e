"""Apple Pay, Google Pay and Link at Stripe's stand-in, through stripe-python."""

from typing import Any

import pytest
import stripe

from tests.sandbox.server import WEB, RunningSandbox


def stored(sandbox: RunningSandbox, client: Any, customer: str, wallet: str) -> Any:
    """The method that a customer has stored on the hosted page."""
    session = client.checkout.sessions.create(
        {
            "mode": "setup",
            "currency": "usd",
            "customer": customer,
            "success_url": "http://127.0.0.1:1/",
        }
    )
    sandbox.control.complete_checkout(session.id, card=wallet)
    parts = {"expand": ["setup_intent.payment_method"]}
    return client.checkout.sessions.retrieve(session.id, parts).setup_intent.payment_method


def charge(client: Any, customer: str, method: str, **terms: Any) -> Any:
    return client.payment_intents.create(
        {
            "amount": 9900,
            "currency": "usd",
            "customer": customer,
            "payment_method": method,
            "confirm": True,
            "off_session": True,
            "expand": ["latest_charge.balance_transaction"],
            **terms,
        }
    )


@pytest.mark.parametrize("wallet", ["apple_pay", "google_pay"])
def test_a_device_wallet_is_a_card_with_a_number_of_its_own(
    sandbox: RunningSandbox, client: Any, customer: str, wallet: str
) -> None:
    method = stored(sandbox, client, customer, wallet)

    assert (method.type, method.card.brand, method.card.last4) == ("card", "visa", "4242")
    assert method.card.wallet.type == wallet
    assert len(method.card.wallet.dynamic_last4) == 4
    plain = client.payment_methods.attach("pm_card_visa", {"customer": customer})
    assert method.card.fingerprint != plain.card.fingerprint
    paid = charge(client, customer, method.id).latest_charge
    assert paid.payment_method_details.card.wallet.type == wallet
    assert paid.balance_transaction.fee == 317


def test_link_tells_nothing_of_the_card_and_is_paid_at_once(
    sandbox: RunningSandbox, client: Any, customer: str
) -> None:
    method = stored(sandbox, client, customer, "link 4000002500000003")

    assert (method.type, method.get("card")) == ("link", None)
    intent = charge(client, customer, method.id)
    assert intent.status == "succeeded"
    assert intent.latest_charge.payment_method_details.link.country == "FR"
    assert intent.latest_charge.balance_transaction.fee == 466  # 4.4 % and 0.30: from abroad


def test_a_device_answers_for_its_holder_so_that_no_bank_asks(
    sandbox: RunningSandbox, client: Any, customer: str
) -> None:
    always_asked = "4000002760003184"
    method = stored(sandbox, client, customer, f"apple_pay {always_asked}")

    terms = {"payment_method_options": {"card": {"request_three_d_secure": "challenge"}}}
    assert charge(client, customer, method.id, **terms).status == "succeeded"

    card = stored(sandbox, client, customer, always_asked)
    with pytest.raises(stripe.CardError) as caught:
        charge(client, customer, card.id)
    assert caught.value.code == "authentication_required"


@pytest.mark.parametrize("wallet", ["google_pay", "link"])
def test_the_card_in_a_wallet_may_refuse(
    sandbox: RunningSandbox, client: Any, customer: str, wallet: str
) -> None:
    method = stored(sandbox, client, customer, f"{wallet} 4000000000000341")

    with pytest.raises(stripe.CardError) as caught:
        charge(client, customer, method.id)

    assert caught.value.code == "card_declined"


def test_the_page_offers_wallets_where_it_takes_them(client: Any, customer: str) -> None:
    terms = {
        "mode": "setup",
        "currency": "usd",
        "customer": customer,
        "success_url": "http://127.0.0.1:1/",
    }

    everything = WEB.get(client.checkout.sessions.create(terms).url).text
    debits = {**terms, "payment_method_types": ["us_bank_account"]}
    only_debits = WEB.get(client.checkout.sessions.create(debits).url).text

    offered = ('value="apple_pay"', 'value="google_pay 5555555555554444"', 'value="link"')
    assert [name in everything for name in offered] == [True, True, True]
    assert [name in only_debits for name in offered] == [False, False, False]

"""Bank debits: given with a mandate, on their way for days, returned, taken back, blocked."""

from datetime import UTC, datetime, timedelta
from time import sleep
from typing import Any

import pytest
import stripe

from tests.sandbox.server import WEB, RunningSandbox

DAY = 86_400
CLEARED = 4 * DAY + 60
ACCOUNTS = {"usd": "000123456789", "eur": "DE89370400440532013000"}
AGREED = {"customer_acceptance": {"type": "offline"}}


def store(
    sandbox: RunningSandbox, client: Any, customer: str, number: str, currency: str = "usd"
) -> Any:
    """A debit that the customer has set up on the hosted page; gives the setup intent."""
    session = client.checkout.sessions.create(
        {
            "mode": "setup",
            "currency": currency,
            "customer": customer,
            "payment_method_types": ["us_bank_account" if currency == "usd" else "sepa_debit"],
            "success_url": "http://127.0.0.1:1/",
            "custom_text": {"submit": {"message": "We may debit what you owe."}},
        }
    )
    assert "We may debit what you owe." in WEB.get(session.url).text
    sandbox.control.complete_checkout(session.id, card=number)
    parts = {"expand": ["setup_intent.mandate", "setup_intent.payment_method"]}
    return client.checkout.sessions.retrieve(session.id, parts).setup_intent


def debit(client: Any, customer: str, method: str, currency: str = "usd", **terms: Any) -> Any:
    return client.payment_intents.create(
        {
            "amount": 10_000,
            "currency": currency,
            "customer": customer,
            "payment_method": method,
            "confirm": True,
            "off_session": True,
            "expand": ["latest_charge"],
            **terms,
        }
    )


def read(client: Any, intent: Any) -> Any:
    return client.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})


@pytest.mark.parametrize("currency", ["usd", "eur"])
def test_a_debit_is_set_up_with_a_mandate_and_charged_by_it(
    sandbox: RunningSandbox, client: Any, customer: str, currency: str
) -> None:
    setup = store(sandbox, client, customer, ACCOUNTS[currency], currency)
    mandate = setup.mandate
    assert (mandate.status, mandate.type) == ("active", "multi_use")
    assert mandate.customer_acceptance.online.ip_address == "203.0.113.7"

    intent = debit(client, customer, setup.payment_method.id, currency)

    assert (intent.status, intent.latest_charge.status) == ("processing", "pending")
    kind = setup.payment_method.type
    assert intent.latest_charge.payment_method_details[kind].mandate == mandate.id
    sandbox.control.advance_clock(CLEARED)
    assert read(client, intent).status == "succeeded"


def test_a_sepa_mandate_has_a_reference_and_a_page(
    sandbox: RunningSandbox, client: Any, customer: str
) -> None:
    mandate = store(sandbox, client, customer, ACCOUNTS["eur"], "eur").mandate

    details = client.mandates.retrieve(mandate.id).payment_method_details.sepa_debit

    assert details.reference in WEB.get(details.url).text


def test_without_a_mandate_nothing_is_debited(client: Any, customer: str) -> None:
    client.payment_methods.attach("pm_usBankAccount", {"customer": customer})
    method = client.payment_methods.list({"customer": customer}).data[0].id

    with pytest.raises(stripe.InvalidRequestError) as caught:
        debit(client, customer, method)

    assert (caught.value.code, caught.value.param) == ("parameter_missing", "mandate_data")
    given = debit(client, customer, method, off_session=False, mandate_data=AGREED)
    assert given.status == "processing"


@pytest.mark.parametrize(
    ("number", "told", "blocked"),
    [
        ("000222222227", ("insufficient_funds", "R01"), None),
        ("000111111113", ("account_closed", "R02"), "bank_account_closed"),
        ("000111111116", ("no_account", "R03"), "bank_account_invalid_details"),
        ("000333333335", ("debit_not_authorized", "R10"), "debit_not_authorized"),
    ],
)
def test_a_return_tells_the_banks_code_and_blocks_the_account_but_for_want_of_funds(
    sandbox: RunningSandbox,
    client: Any,
    customer: str,
    number: str,
    *,
    told: tuple[str, str],
    blocked: str | None,
) -> None:
    method = store(sandbox, client, customer, number).payment_method.id
    intent = debit(client, customer, method)

    sandbox.control.advance_clock(CLEARED)

    after = read(client, intent)
    assert after.status == "requires_payment_method"
    error = after.last_payment_error
    assert (error.code, error.network_decline_code) == told
    details = client.payment_methods.retrieve(method).us_bank_account.status_details
    assert (details.blocked.reason if blocked else details.get("blocked")) == blocked
    if blocked:
        with pytest.raises(stripe.StripeError):
            debit(client, customer, method)
    else:
        assert debit(client, customer, method).status == "processing"


def test_a_debit_given_while_the_clock_stands_clears_four_days_later_to_the_second(
    sandbox: RunningSandbox, client: Any, customer: str
) -> None:
    method = store(sandbox, client, customer, ACCOUNTS["eur"], "eur").payment_method.id
    given = datetime(2026, 3, 2, 6, tzinfo=UTC)

    sandbox.control.set_clock(given, stands=True)
    sleep(1.1)
    intent = debit(client, customer, method, "eur")

    assert intent.created == given.timestamp()
    sandbox.control.set_clock(given + timedelta(days=4, seconds=-1), stands=True)
    assert read(client, intent).status == "processing"
    sandbox.control.set_clock(given + timedelta(days=4), stands=True)
    assert read(client, intent).status == "succeeded"
    sandbox.control.set_clock(given)
    sleep(1.1)
    assert sandbox.control.stats()["now"] > given.timestamp()


@pytest.mark.parametrize(
    ("currency", "number"), [("usd", "000555555559"), ("eur", "DE35370400440532013002")]
)
def test_a_debit_that_is_taken_back_is_a_lost_dispute_and_ends_the_mandate(
    sandbox: RunningSandbox, client: Any, customer: str, currency: str, number: str
) -> None:
    setup = store(sandbox, client, customer, number, currency)
    intent = debit(client, customer, setup.payment_method.id, currency)

    sandbox.control.advance_clock(CLEARED)

    assert read(client, intent).status == "succeeded"
    (dispute,) = client.disputes.list({"payment_intent": intent.id}).data
    assert (dispute.status, dispute.reason) == ("lost", "debit_not_authorized")
    assert client.mandates.retrieve(setup.mandate.id).status == "inactive"
    with pytest.raises(stripe.InvalidRequestError) as caught:
        debit(client, customer, setup.payment_method.id, currency)
    assert caught.value.code == "payment_intent_mandate_invalid"


def test_a_bank_may_tell_only_after_success_that_a_debit_has_failed(
    sandbox: RunningSandbox, client: Any, customer: str
) -> None:
    setup = store(sandbox, client, customer, ACCOUNTS["usd"])
    intent = debit(client, customer, setup.payment_method.id)
    sandbox.control.advance_clock(CLEARED)

    told = sandbox.control.dispute(
        read(client, intent).latest_charge.id, reason="insufficient_funds"
    )

    assert (told["status"], told["reason"]) == ("lost", "insufficient_funds")
    assert client.mandates.retrieve(setup.mandate.id).status == "active"

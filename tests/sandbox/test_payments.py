"""Payment intents: paid, declined, authenticated, captured, canceled, by bank debit."""

from typing import Any

import pytest
import stripe

from tests.sandbox.server import RunningSandbox

DAY = 86_400
WITH_FEE = ["latest_charge.balance_transaction"]


# Whoever debits a bank account must have been let to.
MANDATE = {"customer_acceptance": {"type": "offline"}}


def pay(client: Any, **terms: Any) -> Any:
    given = {"amount": 10_000, "currency": "eur", "confirm": True, "expand": WITH_FEE, **terms}
    return client.payment_intents.create(given)


def error_of(error: stripe.StripeError) -> dict[str, Any]:
    body: Any = error.json_body
    return dict(body["error"])


def test_a_stored_card_is_charged_off_session_with_its_fee(
    client: Any, customer: str, card: str
) -> None:
    intent = pay(client, customer=customer, payment_method=card, off_session=True)

    assert intent.status == "succeeded"
    assert intent.amount_received == 10_000
    charge = intent.latest_charge
    assert (charge.amount_captured, charge.outcome.type) == (10_000, "authorized")
    booked = charge.balance_transaction
    assert (booked.amount, booked.fee, booked.net) == (10_000, 350, 9_650)
    assert booked.status == "pending"


@pytest.mark.parametrize(
    ("method", "currency", "fee"),
    [
        ("pm_card_fr", "eur", 175),
        ("pm_card_visa", "eur", 350),
        ("pm_card_visa", "usd", 320),
        ("pm_card_fr", "usd", 470),
        ("pm_card_gb", "gbp", 170),
    ],
)
def test_fees_depend_on_currency_and_country(
    client: Any, method: str, currency: str, fee: int
) -> None:
    intent = pay(client, payment_method=method, currency=currency)

    assert intent.latest_charge.balance_transaction.fee == fee


@pytest.mark.parametrize(
    ("method", "code", "decline_code", "advice"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline", "try_again_later"),
        (
            "pm_card_chargeDeclinedInsufficientFunds",
            "card_declined",
            "insufficient_funds",
            "try_again_later",
        ),
        ("pm_card_chargeDeclinedLostCard", "card_declined", "lost_card", "do_not_try_again"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card", "do_not_try_again"),
        (
            "pm_card_chargeDeclinedProcessingError",
            "processing_error",
            "processing_error",
            "try_again_later",
        ),
        ("pm_card_chargeDeclinedFraudulent", "card_declined", "fraudulent", "do_not_try_again"),
    ],
)
def test_a_decline_says_why_and_leaves_the_intent_open(
    client: Any, method: str, code: str, decline_code: str, advice: str
) -> None:
    with pytest.raises(stripe.CardError) as caught:
        pay(client, payment_method=method)

    error = error_of(caught.value)
    assert (error["code"], error["decline_code"]) == (code, decline_code)
    assert error["advice_code"] == advice
    intent = client.payment_intents.retrieve(error["payment_intent"]["id"], {"expand": WITH_FEE})
    assert intent.status == "requires_payment_method"
    assert intent.payment_method is None
    assert intent.last_payment_error.decline_code == decline_code
    assert intent.latest_charge.status == "failed"
    assert intent.latest_charge.balance_transaction is None


def test_a_declined_intent_is_paid_by_another_card(client: Any) -> None:
    intent = client.payment_intents.create({"amount": 900, "currency": "eur"})
    with pytest.raises(stripe.CardError):
        client.payment_intents.confirm(intent.id, {"payment_method": "pm_card_chargeDeclined"})

    paid = client.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})

    assert paid.status == "succeeded"
    assert paid.last_payment_error is None
    charges = client.charges.list({"payment_intent": intent.id}).data
    assert [charge.status for charge in charges] == ["succeeded", "failed"]


def test_off_session_a_card_that_asks_is_declined(client: Any, customer: str) -> None:
    method = client.payment_methods.attach("pm_card_authenticationRequired", {"customer": customer})

    with pytest.raises(stripe.CardError) as caught:
        pay(client, customer=customer, payment_method=method.id, off_session=True)

    assert caught.value.code == "authentication_required"


@pytest.mark.parametrize(("passes", "status"), [(True, "succeeded"), (False, None)])
def test_on_session_the_holder_is_asked(
    sandbox: RunningSandbox, client: Any, *, passes: bool, status: str | None
) -> None:
    method = "pm_card_authenticationRequired"
    intent = pay(client, payment_method=method, return_url="https://shop.example/back")
    assert intent.status == "requires_action"
    assert intent.next_action.redirect_to_url.url.startswith(sandbox.address)

    sandbox.control.answer_challenge(intent.id, passes=passes)

    after = client.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
    assert after.status == (status or "requires_payment_method")
    if passes:
        shown = after.latest_charge.payment_method_details.card.three_d_secure
        assert shown.result == "authenticated"
    else:
        assert after.last_payment_error.code == "payment_intent_authentication_failure"
        assert after.latest_charge is None


def test_a_card_can_decline_after_its_holder_confirmed(
    sandbox: RunningSandbox, client: Any
) -> None:
    card = {"number": "4000008260003178", "exp_month": 12, "exp_year": 2034}
    method = client.payment_methods.create({"type": "card", "card": card})
    intent = pay(client, payment_method=method.id)

    sandbox.control.answer_challenge(intent.id)

    after = client.payment_intents.retrieve(intent.id)
    assert after.last_payment_error.decline_code == "insufficient_funds"


def test_part_of_an_authorization_is_captured_and_the_rest_released(client: Any) -> None:
    intent = pay(client, payment_method="pm_card_fr", capture_method="manual")
    assert (intent.status, intent.amount_capturable) == ("requires_capture", 10_000)
    assert intent.latest_charge.balance_transaction is None

    with pytest.raises(stripe.InvalidRequestError):
        client.payment_intents.capture(intent.id, {"amount_to_capture": 10_001})
    done = client.payment_intents.capture(
        intent.id, {"amount_to_capture": 4_000, "expand": WITH_FEE}
    )

    assert (done.status, done.amount_received, done.amount_capturable) == ("succeeded", 4_000, 0)
    assert done.latest_charge.balance_transaction.fee == 85


def test_a_canceled_authorization_is_released(client: Any) -> None:
    intent = pay(client, payment_method="pm_card_fr", capture_method="manual")

    canceled = client.payment_intents.cancel(intent.id, {"cancellation_reason": "duplicate"})

    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "duplicate")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.payment_intents.capture(intent.id)
    assert caught.value.code == "payment_intent_unexpected_state"


def test_a_paid_intent_is_neither_canceled_nor_paid_again(client: Any) -> None:
    intent = pay(client, payment_method="pm_card_fr")

    for again in (client.payment_intents.cancel, client.payment_intents.confirm):
        with pytest.raises(stripe.InvalidRequestError):
            again(intent.id)

    assert len(client.charges.list({"payment_intent": intent.id}).data) == 1


@pytest.mark.parametrize(
    ("method", "currency", "status"),
    [
        ({"type": "sepa_debit", "sepa_debit": {"iban": "DE89370400440532013000"}}, "eur", True),
        ({"type": "sepa_debit", "sepa_debit": {"iban": "DE62370400440532013001"}}, "eur", False),
        ("pm_usBankAccount", "usd", True),
        ("pm_usBankAccount_insufficientFunds", "usd", False),
    ],
)
def test_a_bank_debit_is_on_its_way_for_days(
    sandbox: RunningSandbox, client: Any, method: Any, currency: str, *, status: bool
) -> None:
    identity = method if isinstance(method, str) else client.payment_methods.create(method).id
    intent = pay(client, payment_method=identity, currency=currency, mandate_data=MANDATE)
    assert (intent.status, intent.latest_charge.status) == ("processing", "pending")

    sandbox.control.advance_clock(3 * DAY)
    assert client.payment_intents.retrieve(intent.id).status == "processing"
    sandbox.control.advance_clock(DAY + 60)

    after = client.payment_intents.retrieve(intent.id, {"expand": WITH_FEE})
    if status:
        assert after.status == "succeeded"
        assert after.latest_charge.balance_transaction.fee == (35 if currency == "eur" else 80)
    else:
        assert after.status == "requires_payment_method"
        assert after.last_payment_error.decline_code == "insufficient_funds"
        assert after.latest_charge.balance_transaction is None


def test_a_card_that_was_stored_with_its_holder_there_is_charged_without(
    sandbox: RunningSandbox, client: Any, customer: str
) -> None:
    intent = client.setup_intents.create(
        {
            "customer": customer,
            "payment_method": "pm_card_authenticationRequiredOnSetup",
            "confirm": True,
            "return_url": "https://shop.example/back",
        }
    )
    assert intent.status == "requires_action"

    sandbox.control.answer_challenge(intent.id)

    stored = client.setup_intents.retrieve(intent.id)
    assert stored.status == "succeeded"
    paid = pay(client, customer=customer, payment_method=stored.payment_method, off_session=True)
    assert paid.status == "succeeded"


def test_a_declined_card_is_not_stored(client: Any, customer: str) -> None:
    given = {"customer": customer, "payment_method": "pm_card_chargeDeclined", "confirm": True}

    with pytest.raises(stripe.CardError) as caught:
        client.setup_intents.create(given)

    assert error_of(caught.value)["setup_intent"]["status"] == "requires_payment_method"
    assert client.customers.payment_methods.list(customer).data == []


def test_a_card_used_without_a_customer_is_used_up(client: Any) -> None:
    intent = pay(client, payment_method="pm_card_fr")

    with pytest.raises(stripe.InvalidRequestError):
        pay(client, payment_method=intent.payment_method)


def test_a_customer_cannot_pay_with_anothers_card(client: Any, card: str) -> None:
    other = client.customers.create({"name": "Eve"})

    with pytest.raises(stripe.InvalidRequestError):
        pay(client, customer=other.id, payment_method=card)

    assert client.payment_intents.list({"customer": other.id}).data == []


def test_a_detached_card_is_not_charged(client: Any, customer: str, card: str) -> None:
    client.payment_methods.detach(card)

    with pytest.raises(stripe.InvalidRequestError):
        pay(client, customer=customer, payment_method=card)
    with pytest.raises(stripe.InvalidRequestError):
        client.payment_methods.attach(card, {"customer": customer})


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"amount": 49}, "amount_too_small"),
        ({"amount": 100_000_000}, "amount_too_large"),
        ({"customer": "cus_nobody"}, "resource_missing"),
    ],
)
def test_what_cannot_be_charged_is_refused(client: Any, terms: dict[str, Any], code: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as caught:
        pay(client, payment_method="pm_card_fr", **terms)

    assert caught.value.code == code

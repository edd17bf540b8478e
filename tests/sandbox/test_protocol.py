"""What holds for every request: keys, parameters, lists, expansion, search."""

from typing import Any

import pytest
import stripe

from tests.sandbox.conftest import KEY, client_of
from tests.sandbox.server import WEB, RunningSandbox
from tests.sandbox.test_payments import error_of, pay

AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}


@pytest.mark.parametrize(
    "authorization",
    [None, "Bearer", "Bearer sk_live_aaaaaaaaaaaaaaaaaaaaaaaa", "Bearer pk_test_aaaa", "Basic !"],
)
def test_only_test_keys_are_let_in(sandbox: RunningSandbox, authorization: str | None) -> None:
    headers = {"Authorization": authorization} if authorization else {}

    answer = WEB.get(f"{sandbox.address}/v1/customers", headers=headers)

    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_a_key_may_come_as_the_user_of_basic_authentication(sandbox: RunningSandbox) -> None:
    answer = WEB.get(f"{sandbox.address}/v1/account", auth=("rk_test_abc", ""))

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("given", "code", "param"),
    [
        ({"amount": 100, "currency": "eur", "colour": "red"}, "parameter_unknown", "colour"),
        ({"amount": 100}, "parameter_missing", "currency"),
        ({"amount": "much", "currency": "eur"}, None, "amount"),
        ({"amount": 100, "currency": "eur", "capture_method": "later"}, None, "capture_method"),
        (
            {"amount": 100, "currency": "eur", "shipping": {"name": "Ada"}},
            "parameter_missing",
            "shipping.address",
        ),
    ],
)
def test_parameters_are_held_against_stripes_document(
    client: Any, given: dict[str, Any], code: str | None, param: str
) -> None:
    before = client.events.list().data[0].id if client.events.list().data else None

    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.payment_intents.create(given)

    assert (caught.value.http_status, caught.value.code, caught.value.param) == (400, code, param)
    after = client.events.list().data
    assert (after[0].id if after else None) == before


def test_an_address_that_stripe_does_not_have_is_not_found(sandbox: RunningSandbox) -> None:
    answer = WEB.get(f"{sandbox.address}/v1/unicorns", headers=AUTHORIZATION)

    assert answer.status_code == 404


def test_an_operation_that_the_sandbox_does_not_have_says_so(sandbox: RunningSandbox) -> None:
    answer = WEB.get(f"{sandbox.address}/v1/radar/value_lists", headers=AUTHORIZATION)

    assert answer.status_code == 501
    assert "does not have" in answer.json()["error"]["message"]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"{"])
def test_content_that_cannot_be_read_is_refused(sandbox: RunningSandbox, content: bytes) -> None:
    answer = WEB.post(f"{sandbox.address}/_sandbox/clock", content=content)

    assert answer.status_code == 400


def test_answers_name_the_request_and_the_version(sandbox: RunningSandbox) -> None:
    headers = {**AUTHORIZATION, "Stripe-Version": "2026-05-27.dahlia"}

    answer = WEB.get(f"{sandbox.address}/v1/account", headers=headers)

    assert answer.headers["Request-Id"].startswith("req_")
    assert answer.headers["Stripe-Version"] == "2026-05-27.dahlia"


def test_lists_are_read_page_by_page_in_both_directions(client: Any) -> None:
    customer = client.customers.create({"name": "Many"}).id
    made = [
        client.payment_intents.create({"amount": 100 + n, "currency": "eur", "customer": customer})
        for n in range(5)
    ]
    newest_first = [intent.id for intent in reversed(made)]

    first = client.payment_intents.list({"customer": customer, "limit": 2})
    after = client.payment_intents.list(
        {"customer": customer, "limit": 2, "starting_after": first.data[-1].id}
    )
    back = client.payment_intents.list(
        {"customer": customer, "limit": 2, "ending_before": newest_first[4]}
    )
    everything = client.payment_intents.list({"customer": customer, "limit": 2})

    assert ([i.id for i in first.data], first.has_more) == (newest_first[:2], True)
    assert [i.id for i in after.data] == newest_first[2:4]
    assert ([i.id for i in back.data], back.has_more) == (newest_first[2:4], True)
    assert [i.id for i in everything.auto_paging_iter()] == newest_first


def test_lists_are_bounded_by_when_things_were_made(sandbox: RunningSandbox, client: Any) -> None:
    customer = client.customers.create({"name": "Bounds"}).id
    old = client.payment_intents.create({"amount": 100, "currency": "eur", "customer": customer})
    sandbox.control.advance_clock(1000)
    new = client.payment_intents.create({"amount": 200, "currency": "eur", "customer": customer})

    since = {"customer": customer, "created": {"gte": old.created + 500}}
    until = {"customer": customer, "created": {"lt": old.created + 500}}

    assert [i.id for i in client.payment_intents.list(since).data] == [new.id]
    assert [i.id for i in client.payment_intents.list(until).data] == [old.id]


@pytest.mark.parametrize("terms", [{"limit": 0}, {"limit": 101}, {"starting_after": "pi_nothing"}])
def test_pages_that_cannot_be_are_refused(client: Any, terms: dict[str, Any]) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.payment_intents.list(terms)


def test_expansion_goes_along_paths_and_through_lists(client: Any, customer: str) -> None:
    paid = pay(client, payment_method="pm_card_fr", customer=customer)

    found = client.payment_intents.list(
        {
            "customer": customer,
            "expand": ["data.latest_charge.balance_transaction", "data.customer"],
        }
    ).data[0]

    assert found.latest_charge.balance_transaction.net == 10_000 - 175
    assert found.customer.email == "ada@example.com"
    assert paid.customer == customer


@pytest.mark.parametrize("path", ["colour", "customer.colour", "a.b.c.d.e"])
def test_what_cannot_be_expanded_is_refused(client: Any, customer: str, path: str) -> None:
    intent = client.payment_intents.create({"amount": 100, "currency": "eur", "customer": customer})

    with pytest.raises(stripe.InvalidRequestError):
        client.payment_intents.retrieve(intent.id, {"expand": [path]})
    with pytest.raises(stripe.InvalidRequestError):
        client.payment_intents.list({"expand": [path]})


def test_intents_are_found_by_metadata_and_state(client: Any) -> None:
    terms = {"amount": 700, "currency": "usd", "metadata": {"order": "A-17"}}
    wanted = client.payment_intents.create(terms)
    client.payment_intents.create({**terms, "metadata": {"order": "A-18"}})

    def found(query: str) -> list[str]:
        return [i.id for i in client.payment_intents.search({"query": query}).data]

    assert found("metadata['order']:'A-17'") == [wanted.id]
    assert found("metadata['order']:'a-17' AND amount>699 AND -status:'succeeded'") == [wanted.id]
    assert found("metadata['order']:'A-17' AND status:'succeeded'") == []
    assert len(found("metadata['order']:'A-17' OR metadata['order']:'A-18'")) == 2
    with pytest.raises(stripe.InvalidRequestError):
        found("colour:'red'")


def test_metadata_are_merged_and_emptied(client: Any, customer: str) -> None:
    client.customers.update(customer, {"metadata": {"a": "1", "b": "2"}})

    after = client.customers.update(customer, {"metadata": {"a": "", "c": "3"}})

    assert after.metadata.to_dict() == {"b": "2", "c": "3"}


def test_a_deleted_customer_says_so_and_can_do_nothing(
    client: Any, customer: str, card: str
) -> None:
    gone = client.customers.delete(customer)

    assert gone.deleted is True
    assert client.customers.retrieve(customer).deleted is True
    assert customer not in {c.id for c in client.customers.list({"limit": 100}).data}
    assert client.payment_methods.retrieve(card).customer is None
    with pytest.raises(stripe.InvalidRequestError):
        client.payment_intents.create({"amount": 100, "currency": "eur", "customer": customer})


def test_a_declined_request_is_logged_with_its_reason(sandbox: RunningSandbox) -> None:
    client = client_of(sandbox.address)
    with pytest.raises(stripe.CardError) as caught:
        pay(client, payment_method="pm_card_chargeDeclinedInsufficientFunds")

    last = sandbox.control.log()[-1]

    assert (last["method"], last["path"], last["status"]) == ("POST", "/v1/payment_intents", 402)
    assert last["error"] == error_of(caught.value)["message"]

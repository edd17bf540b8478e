"""The sandbox's hosted page, as a customer with a phone, or a screen reader, meets it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.reader import Reader, axe_violations
from tests.sandbox.conftest import client_of
from tests.sandbox.receiver import receiving
from tests.sandbox.server import RunningSandbox, running_sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def customer_reader(window: Page, sandbox: RunningSandbox) -> Iterator[Reader]:
    with Reader(window, sandbox.address) as customer:
        yield customer


@pytest.fixture
def shop() -> Iterator[str]:
    with receiving() as receiver:
        yield receiver.address


def open_page(sandbox: RunningSandbox, shop: str) -> str:
    name = "Invoice INV-000017"
    price = {"currency": "eur", "unit_amount": 123_456, "product_data": {"name": name}}
    session = client_of(sandbox.address).checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"quantity": 1, "price_data": price}],
            "success_url": f"{shop}?paid={{CHECKOUT_SESSION_ID}}",
            "cancel_url": shop,
        }
    )
    return str(session.url).removeprefix(sandbox.address)


def choose(reader: Reader, name: str) -> None:
    reader.page.get_by_role("button", name=name).click()


def test_the_hosted_page_is_a_good_page(
    customer_reader: Reader, sandbox: RunningSandbox, shop: str
) -> None:
    path = open_page(sandbox, shop)

    customer_reader.audit(path)

    page = customer_reader.page
    expect(page.get_by_text("1,234.56 EUR").first).to_be_visible()
    expect(page.get_by_role("link", name="Cancel and go back")).to_have_attribute("href", shop)


def test_a_declined_card_is_said_and_another_leads_back_to_the_shop(
    customer_reader: Reader, sandbox: RunningSandbox, shop: str
) -> None:
    page = customer_reader.open(open_page(sandbox, shop))

    choose(customer_reader, "Insufficient funds")
    expect(page.get_by_role("alert")).to_have_text("There are insufficient funds.")
    assert axe_violations(page) == []
    page.get_by_label("Card number").fill("4242 4242 4242 4242")
    choose(customer_reader, "Pay 1,234.56 EUR")

    page.wait_for_url(f"{shop}?paid=cs_test_*")
    expect(page.get_by_text("back in the shop")).to_be_visible()


def test_the_banks_question_is_a_good_page_and_leads_back_to_the_shop(
    customer_reader: Reader, sandbox: RunningSandbox, shop: str
) -> None:
    path = open_page(sandbox, shop)
    page = customer_reader.open(path)
    choose(customer_reader, "3-D Secure")
    page.wait_for_url("**/3ds/**")
    challenge = page.url.removeprefix(sandbox.address)

    customer_reader.audit(challenge)
    choose(customer_reader, "No, refuse it")
    expect(page.get_by_role("alert")).to_be_visible()
    choose(customer_reader, "3-D Secure")
    choose(customer_reader, "Yes, confirm it")

    page.wait_for_url(f"{shop}?paid=cs_test_*")
    assert customer_reader.policy_violations() == []

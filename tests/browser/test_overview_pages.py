"""The overview and the staff's pages of subscribers, and signing up, in Chromium."""

import pytest

from analytics.services.movements import record_movements
from billing.services.invoices.invoicing import bill_start
from subscriptions.models import Subscription
from tests.browser.reader import Reader
from tests.factories.subscriptions import (
    JAN_1,
    make_customer,
    per_call,
    published_version,
    recurring,
    subscription_since,
)
from tiktoktoe.kernel import clock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def subscription() -> Subscription:
    """A customer on a plan, billed once this month, with its movement recorded."""
    at = clock.now()
    version = published_version(recurring(), per_call(), at=JAN_1)
    made = subscription_since(at, customer=make_customer(name="Blauwal GmbH"), version=version)
    bill_start(subscription=made, at=at)
    record_movements(at=at)
    return made


STAFF_PAGES = (
    "/overview/",
    "/overview/mrr/",
    "/overview/cash/",
    "/overview/failed-payments/",
    "/books/unposted/",
    "/search/?search=blauwal",
    "/customers/",
    "/customers/new/",
    "/customers/{customer}/",
    "/customers/{customer}/edit/",
    "/customers/{customer}/subscriptions/new/",
    "/subscriptions/",
    "/subscriptions/{reference}/",
    "/catalog/",
    "/catalog/{plan}/",
)


def test_staff_pages_are_good_pages(subscription: Subscription, finance_reader: Reader) -> None:
    for path in STAFF_PAGES:
        finance_reader.audit(
            path.format(
                customer=subscription.customer_id,
                reference=subscription.reference,
                plan=subscription.plan_version.plan.code,
            )
        )


def test_one_clicks_from_mrr_to_the_customer(
    subscription: Subscription, finance_reader: Reader
) -> None:
    page = finance_reader.open("/overview/")

    page.click("a.stat:has-text('MRR')")
    page.click("table a:has-text('Blauwal GmbH')")

    assert page.locator("h1").inner_text() == "Blauwal GmbH"


def test_a_company_signs_up_in_the_browser(subscription: Subscription, reader: Reader) -> None:
    page = reader.open("/sign-up/")

    page.check(f"input[name=plan_version][value='{subscription.plan_version_id}']")
    for name, value in {
        "name": "Tidal Works",
        "email": "ada@tidal.example",
        "password": "noughts and crosses",
        "address_line1": "2 Side Street",
        "postal_code": "97205",
        "city": "Portland",
    }.items():
        page.fill(f"input[name={name}]", value)
    page.select_option("select[name=country]", "US")
    page.click("main button[type=submit]")
    page.wait_for_url("**/portal/")

    assert "INV-" in page.locator("main").inner_text()

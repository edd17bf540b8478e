"""Finance renames what is in the catalog, and says which plans are one offer."""

import pytest
from django.test import Client

from billing.models import InvoiceLine
from billing.services.invoices.invoicing import bill_start
from subscriptions.models import Plan
from tests.factories.accounts import make_user
from tests.factories.subscriptions import (
    JAN_1,
    make_meter,
    make_plan,
    subscription_since,
)
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db
WORDS = {
    "name": "Team",
    "description": "For teams.",
    "offer": "team",
    "trial_days": "7",
    "rank": "3",
    "is_public": "on",
}


@pytest.fixture
def finance() -> Client:
    client = Client()
    client.force_login(make_user(Role.FINANCE))
    return client


def test_a_plan_is_renamed_and_final_invoices_keep_their_words(finance: Client) -> None:
    subscription = subscription_since(JAN_1)
    invoice = bill_start(subscription=subscription, at=JAN_1)
    assert invoice is not None
    words = list(InvoiceLine.objects.values_list("description", flat=True))

    finance.post(f"/catalog/{subscription.plan_version.plan.code}/edit/", WORDS)

    plan = Plan.objects.get()
    said = (plan.name, plan.description, plan.offer, plan.trial_days, plan.rank, plan.is_public)
    assert said == ("Team", "For teams.", "team", 7, 3, True)
    assert list(InvoiceLine.objects.values_list("description", flat=True)) == words


def test_a_month_and_a_year_become_one_offer(finance: Client) -> None:
    make_plan(code="month")
    make_plan(code="year", interval="year")

    for code in ("month", "year"):
        assert finance.post(f"/catalog/{code}/edit/", WORDS).status_code == 302

    assert list(Plan.objects.values_list("offer", flat=True)) == ["team", "team"]


def test_two_plans_of_one_interval_are_not_one_offer(finance: Client) -> None:
    month = make_plan(code="month", offer="team")
    make_plan(code="other")
    new = {"code": "third", "interval": "month", "interval_count": "1", "product": month.product_id}

    renamed = finance.post("/catalog/other/edit/", WORDS)
    made = finance.post("/plans/new/", {**WORDS, **new})

    assert "another plan of &#x27;team&#x27; is billed every month" in renamed.content.decode()
    assert "&#x27;team&#x27; has a plan of that interval" in made.content.decode()
    assert list(Plan.objects.filter(offer="team")) == [month]


def test_products_and_meters_are_renamed(finance: Client) -> None:
    meter, product = make_meter("calls"), make_plan().product

    finance.post("/meters/calls/edit/", {"name": "Requests", "unit": "request"})
    finance.post(f"/products/{product.code}/edit/", {"name": "Hosting", "description": ""})

    meter.refresh_from_db()
    product.refresh_from_db()
    assert (meter.code, meter.name, meter.unit) == ("calls", "Requests", "request")
    assert product.name == "Hosting"


@pytest.mark.parametrize("path", ["/catalog/{}/edit/", "/products/{}/edit/"])
def test_support_may_not(path: str) -> None:
    plan = make_plan()
    client = Client()
    client.force_login(make_user(Role.SUPPORT))
    code = plan.code if "catalog" in path else plan.product.code

    assert client.post(path.format(code), WORDS).status_code == 403

"""Finance puts products, plans, first prices and meters into the catalog without the admin."""

import pytest
from django.test import Client

from subscriptions.models import Meter, Plan, PlanVersion, Product
from tests.factories.accounts import make_user
from tests.factories.subscriptions import make_meter, make_plan
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db
PLAN = {
    "name": "Team",
    "code": "team",
    "interval": "month",
    "interval_count": "3",
    "trial_days": "14",
    "rank": "2",
    "is_public": "on",
}
METER = {
    "name": "Tokens",
    "code": "tokens",
    "unit": "token",
    "aggregation": "sum",
    "dimensions": "model, region",
    "rounding": "none",
    "rounding_places": "0",
}


@pytest.fixture
def finance() -> Client:
    client = Client()
    client.force_login(make_user(Role.FINANCE))
    return client


def test_from_nothing_to_a_draft_of_prices(finance: Client) -> None:
    first = finance.get("/plans/new/")
    finance.post("/products/new/", {"name": "Platform", "code": "platform"})
    product = Product.objects.get()
    made = finance.post("/plans/new/", {**PLAN, "product": product.pk})
    drafted = finance.post(
        "/catalog/team/versions/new/", {"currency": "eur", "fee": "99.00", "fee_name": "Base fee"}
    )

    plan, version = Plan.objects.get(), PlanVersion.objects.get()
    assert first.headers["Location"] == "/products/new/"
    assert made.headers["Location"] == "/catalog/team/versions/new/"
    assert (plan.interval_count, plan.trial_days, plan.is_public) == (3, 14, True)
    assert drafted.headers["Location"] == f"/plan-versions/{version.pk}/"
    assert (version.currency, version.published_at) == ("EUR", None)
    assert str(version.prices.get().unit_amount.amount).rstrip("0") == "99."


def test_a_meter_has_its_dimensions(finance: Client) -> None:
    finance.post("/meters/new/", METER)

    assert Meter.objects.get().dimensions == ["model", "region"]


def test_what_is_refused_is_said_at_its_field(finance: Client) -> None:
    make_meter("tokens")
    plan = make_plan(code="taken")

    meter = finance.post("/meters/new/", METER).content.decode()
    unique = finance.post(
        "/meters/new/", {**METER, "code": "users", "aggregation": "unique"}
    ).content.decode()
    second = finance.post(
        "/plans/new/", {**PLAN, "code": "taken", "product": plan.product_id}
    ).content.decode()

    assert "&#x27;tokens&#x27; is taken" in meter
    assert "goes with unique" in unique
    assert "&#x27;taken&#x27; is taken" in second
    assert (Meter.objects.count(), Plan.objects.count()) == (1, 1)


def test_a_plan_has_first_prices_once_in_a_currency(finance: Client) -> None:
    make_plan(code="team")
    given = {"currency": "EUR", "fee": "9", "fee_name": "Fee"}

    finance.post("/catalog/team/versions/new/", given)
    again = finance.post("/catalog/team/versions/new/", given).content.decode()
    unknown = finance.post("/catalog/team/versions/new/", {**given, "currency": "XXY"})

    assert "it has prices in EUR already" in again
    assert unknown.status_code == 200
    assert PlanVersion.objects.count() == 1


@pytest.mark.parametrize("address", ["/products/new/", "/plans/new/", "/meters/new/"])
def test_support_may_not(address: str) -> None:
    client = Client()
    client.force_login(make_user(Role.SUPPORT))

    assert client.get(address).status_code == 403

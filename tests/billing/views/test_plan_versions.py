"""Pages of a plan's prices: the calculator, drafts, and who may do what."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from subscriptions.models import PlanVersion, Price
from subscriptions.services.catalog import draft_plan_version, next_version
from subscriptions.services.catalog_meters import MeterSpec, create_meter
from subscriptions.services.price_specs import ThresholdSpec, TierTerms
from subscriptions.services.version_terms import specs_of, thresholds_of
from tests.factories.accounts import make_user
from tests.factories.subscriptions import (
    JAN_1,
    make_meter,
    make_plan,
    per_call,
    published_version,
    recurring,
)
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db
D = Decimal
TIERS = [
    TierTerms(up_to=D(1000), unit_amount=D("0.01")),
    TierTerms(up_to=None, unit_amount=D("0.005"), flat_amount=D(5)),
]


def signed_in(role: Role = Role.FINANCE) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def draft(**terms: Any) -> PlanVersion:
    graduated = per_call("0", included="0", charge_model="graduated", tiers=TIERS)
    return draft_plan_version(
        plan=make_plan(),
        currency="USD",
        prices=[recurring("99.00"), graduated],
        effective_from=JAN_1,
        **terms,
    )


def page_of(version: PlanVersion) -> str:
    return f"/plan-versions/{version.pk}/"


def price_form(**fields: object) -> dict[str, object]:
    return {
        "name": "Seats",
        "code": "seats",
        "kind": "recurring",
        "charge_model": "per_unit",
        "timing": "advance",
        "unit_amount": "12.50",
        "tiers-TOTAL_FORMS": "2",
        "tiers-INITIAL_FORMS": "0",
        **fields,
    }


def test_the_calculator_shows_tiers_steps_and_the_total() -> None:
    asked = {"units": "1500", "quantity": "1", "events": "1", "amount": "0"}

    answer = signed_in(Role.SUPPORT).get(page_of(draft()), asked)

    words = answer.content.decode()
    assert "500 × 0.005 + 5 = 7.5" in words
    assert "1000 × 0.01 = 10" in words
    assert "$116.50" in words


def test_a_script_gets_the_arithmetic_alone() -> None:
    answer = signed_in().get(page_of(draft()), {"units": "10"}, headers={"HX-Request": "true"})

    assert "<html" not in answer.content.decode()
    assert "10 × 0.01 = 0.1" in answer.content.decode()


def test_a_number_that_is_none_is_named() -> None:
    answer = signed_in().get(page_of(draft()), {"units": "many"})

    assert answer.status_code == 200
    assert "Enter a number" in answer.content.decode()


def test_a_new_version_of_an_old_one_says_the_same() -> None:
    regional = create_meter(
        spec=MeterSpec(code="r", name="R", unit="call", dimensions=["region"]), at=JAN_1
    )
    europe = per_call(
        meter=regional, code="eu", name="Europe", match={"region": ["eu"]}, included="5"
    )
    old = draft_plan_version(
        plan=make_plan(),
        currency="USD",
        prices=[recurring(), per_call(meter=regional, variants=[europe], minimum_amount=D(3))],
        effective_from=JAN_1,
        minimum_amount=D(50),
        thresholds=[ThresholdSpec(amount=D(100))],
    )

    new = next_version(version=old, at=JAN_1)

    assert (new.number, specs_of(new)) == (2, specs_of(old))
    assert thresholds_of(new) == [ThresholdSpec(amount=D(100))]
    assert new.minimum_amount.amount == 50


def test_finance_adds_changes_and_removes_a_price_of_a_draft() -> None:
    version, client = draft(), signed_in()

    client.post(f"{page_of(version)}prices/new/", price_form())
    client.post(f"{page_of(version)}prices/seats/", price_form(unit_amount="15"))
    added = [(s.code, s.unit_amount) for s in specs_of(version)]
    client.post(f"{page_of(version)}prices/seats/", price_form(remove="yes"))

    assert added == [("base", D(99)), ("calls", D(0)), ("seats", D(15))]
    assert [s.code for s in specs_of(version)] == ["base", "calls"]


def test_a_variant_is_put_under_its_price() -> None:
    regional = create_meter(
        spec=MeterSpec(code="r", name="R", unit="call", dimensions=["region"]), at=JAN_1
    )
    version = draft_plan_version(
        plan=make_plan(), currency="USD", prices=[per_call(meter=regional)], effective_from=JAN_1
    )
    asked = price_form(
        code="eu",
        kind="usage",
        timing="arrears",
        meter=str(regional.pk),
        variant_of="calls",
        match="region = eu, uk",
    )

    answer = signed_in().post(f"{page_of(version)}prices/new/", asked)

    assert answer.status_code == 302
    assert Price.objects.get(code="eu").match == {"region": ["eu", "uk"]}
    assert Price.objects.get(code="eu").variant_of == Price.objects.get(code="calls")


def test_tiers_that_overlap_are_refused_by_place_and_nothing_changes() -> None:
    version = draft()
    before = specs_of(version)
    asked = price_form(
        code="calls",
        kind="usage",
        timing="arrears",
        charge_model="graduated",
        meter=str(make_meter().pk),
    )
    asked |= {"tiers-0-up_to": "10", "tiers-0-unit_amount": "1", "tiers-1-up_to": "5"}

    answer = signed_in().post(f"{page_of(version)}prices/calls/", asked)

    assert "tiers[2].up_to" in answer.content.decode()
    assert specs_of(version) == before


def test_a_version_on_sale_cannot_be_edited() -> None:
    version = published_version()
    before = specs_of(version)

    answer = signed_in().post(f"{page_of(version)}prices/new/", price_form())

    assert "make a new version" in answer.content.decode()
    assert specs_of(version) == before


def test_a_draft_is_put_on_sale() -> None:
    version = draft()

    signed_in().post(f"{page_of(version)}publication/")

    assert PlanVersion.objects.get().published_at is not None


def test_minimum_and_thresholds_are_written_as_words() -> None:
    version = draft()
    asked = {"minimum_amount": "50", "thresholds": "100, 500, every 250"}

    signed_in().post(f"{page_of(version)}terms/", asked)

    version.refresh_from_db()
    assert version.minimum_amount.amount == 50
    assert sorted((t.amount, t.is_repeating) for t in thresholds_of(version)) == [
        (D(100), False),
        (D(250), True),
        (D(500), False),
    ]
    assert [s.code for s in specs_of(version)] == ["base", "calls"]


@pytest.mark.parametrize("role", [Role.SUPPORT, Role.CUSTOMER])
def test_only_finance_changes_prices(role: Role) -> None:
    version = draft()
    client = signed_in(role)

    for path in ("copy/", "publication/", "prices/new/", "terms/"):
        answer = client.post(f"{page_of(version)}{path}", price_form())

        assert answer.status_code == 403, path
    assert PlanVersion.objects.filter(published_at__isnull=True).count() == 1

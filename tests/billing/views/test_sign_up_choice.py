"""The sign-up page: intervals of one offer, add-ons, a total that follows, and who is known."""

from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from billing.models import Invoice, TaxRate
from subscriptions.models import Customer, PlanVersion, Subscription
from tests.billing.views.test_signup import form
from tests.factories.accounts import PASSWORD, make_user
from tests.factories.subscriptions import (
    make_customer,
    make_member,
    make_plan,
    published_version,
    recurring,
)
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def month() -> PlanVersion:
    return published_version(
        recurring("10", charge_model="per_unit"), plan=make_plan(offer="team", rank=1)
    )


@pytest.fixture
def year(month: PlanVersion) -> PlanVersion:
    plan = make_plan(offer="team", interval="year", rank=2)
    return published_version(recurring("100", charge_model="per_unit"), plan=plan)


@pytest.fixture
def support(month: PlanVersion) -> PlanVersion:
    """An add-on of 5.00 a month each, with a set-up fee of 20.00."""
    setup = recurring("20", code="setup", name="Set-up", kind="setup")
    fee = recurring("5", charge_model="per_unit", name="Support")
    return published_version(setup, fee, plan=make_plan(name="Support", is_add_on=True))


def asked(**given: Any) -> Any:
    return Client().get("/sign-up/", given, headers={"HX-Request": "true"})


def test_month_and_year_are_one_offer_with_a_switch_that_says_what_is_saved(
    month: PlanVersion, year: PlanVersion
) -> None:
    page = Client().get("/sign-up/")

    shelf = page.context["shelf"]
    assert [offer.version for offer in shelf.offers] == [month]
    words = [(s.words, s.less_percent, s.is_shown) for s in shelf.switches]
    assert words == [("every month", 0, True), ("every year", 16, False)]


def test_by_the_switch_the_same_offer_is_chosen_in_the_other_interval(
    month: PlanVersion, year: PlanVersion
) -> None:
    answer = asked(billed="1-year", plan_version=month.pk, quantity=2, country="US")

    assert answer.context["form"].chosen == year
    assert answer.context["shelf"].offers[0].fee.amount == 200
    assert answer.context["estimate"].today.totals.total.amount == 200


def test_what_has_no_other_interval_stays_as_it_is_when_others_are_switched(
    month: PlanVersion, year: PlanVersion
) -> None:
    single = published_version(recurring("3"), plan=make_plan(rank=0))

    answer = asked(billed="1-year", plan_version=single.pk)

    assert answer.context["form"].chosen == single
    assert [o.version for o in answer.context["shelf"].offers] == [single, year]


def test_the_total_has_add_ons_coupons_and_the_tax_of_the_country(
    month: PlanVersion, support: PlanVersion
) -> None:
    TaxRate.objects.create(
        code="de", name="VAT", country="DE", percentage=Decimal(19), valid_from="2026-01-01"
    )

    answer = asked(plan_version=month.pk, quantity=3, **{f"add_on_{support.pk}": 2}, country="DE")

    estimate = answer.context["estimate"]
    # 3 × 10, 20 once, and 2 × 5, with 19 %; afterwards without the 20.
    assert estimate.today.totals.total.amount == Decimal("71.40")
    assert estimate.following.totals.total.amount == Decimal("47.60")
    assert not Customer.objects.exists()
    assert 'hx-swap-oob="innerHTML"' in answer.content.decode()


def test_what_was_added_up_is_what_is_billed(month: PlanVersion, support: PlanVersion) -> None:
    choice = {"quantity": "3", f"add_on_{support.pk}": "2"}
    seen = asked(plan_version=month.pk, country="US", **choice).context["estimate"]

    Client().post("/sign-up/", form(month, **choice))

    invoice = Invoice.objects.get()
    assert invoice.total.amount == seen.today.totals.total.amount == 60
    assert [
        (row.plan_version, row.quantity)
        for row in invoice.customer.subscriptions.get().add_ons.all()
    ] == [(support, 2)]


def test_an_add_on_of_another_interval_is_neither_offered_nor_taken(
    year: PlanVersion, support: PlanVersion
) -> None:
    page = asked(plan_version=year.pk)
    Client().post("/sign-up/", form(year, **{f"add_on_{support.pk}": "1"}))

    assert page.context["form"].add_ons == []
    assert Subscription.objects.get().add_ons.count() == 0


def test_a_total_that_cannot_be_worked_out_says_why(month: PlanVersion) -> None:
    assert "no tax rate" in asked(plan_version=month.pk, country="DE").content.decode().lower()


def test_in_a_trial_nothing_is_due_and_the_first_invoice_is_shown(month: PlanVersion) -> None:
    month.plan.trial_days = 14
    month.plan.save()

    estimate = asked(plan_version=month.pk, quantity=1, country="US").context["estimate"]

    assert estimate.today is None
    assert estimate.following.totals.total.amount == 10


def test_who_is_known_signs_in_and_finds_the_choice_again(
    month: PlanVersion, support: PlanVersion
) -> None:
    member = make_member(user=make_user(Role.CUSTOMER, email="ada@beta.example"))
    client = Client()
    choice = {"quantity": "3", f"add_on_{support.pk}": "2"}

    page = client.post("/sign-up/", form(month, **choice)).content.decode()
    link = page.split('You have an account: <a href="')[1].split('"')[0].replace("&amp;", "&")
    wanted = parse_qs(urlsplit(link).query)["next"][0]
    credentials = {"username": "ada@beta.example", "password": PASSWORD, "next": wanted}
    signed_in = client.post("/sign-in/", credentials)
    again = client.get(signed_in["Location"])

    asked_again = again.context["form"]
    assert (asked_again.chosen, asked_again["quantity"].value()) == (month, "3")
    assert again.context["estimate"].today.totals.total.amount == 60
    reference = asked_again["reference"].value()
    sent = {**choice, "plan_version": month.pk, "customer": member.customer_id}
    for _ in range(2):
        done = client.post("/sign-up/", {**sent, "reference": reference})
        assert done["Location"] == "/portal/"
    assert Subscription.objects.get().customer == member.customer
    assert Invoice.objects.get().total.amount == 60


def test_nobody_subscribes_for_a_customer_who_is_not_theirs(month: PlanVersion) -> None:
    make_member(user=make_user(Role.CUSTOMER, email="ada@beta.example"))
    client = Client()
    client.force_login(User.objects.get())
    sent = {"plan_version": month.pk, "quantity": "1", "reference": "sub_0123456789ab"}

    answer = client.post("/sign-up/", {**sent, "customer": make_customer().pk})

    assert "customer" in answer.context["form"].errors
    assert not Subscription.objects.exists()


def test_staff_go_to_their_own_first_page(month: PlanVersion) -> None:
    client = Client()
    client.force_login(make_user())

    assert client.get("/sign-up/")["Location"] == "/"


def test_without_scripts_the_total_is_worked_out_by_a_button_and_nothing_is_bought(
    month: PlanVersion, year: PlanVersion
) -> None:
    sent = form(month, only_total="yes", billed="1-year", quantity="2", country="US")

    answer = Client().post("/sign-up/", sent)

    assert answer.context["form"].chosen == year
    assert answer.context["form"]["name"].value() == "Beta Inc."
    assert answer.context["estimate"].today.totals.total.amount == 200
    assert not Customer.objects.exists()

from typing import Any

import pytest
from django.test import Client

from billing.forms.signing_up import SignUpForm
from billing.models import Invoice
from subscriptions.models import Customer, PlanVersion, Subscription
from tests.factories.accounts import make_user
from tests.factories.subscriptions import (
    JAN_1,
    make_customer,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db


def form(version: PlanVersion, **fields: str) -> dict[str, Any]:
    return {
        "plan_version": version.pk,
        "quantity": "3",
        "name": "Beta Inc.",
        "email": "Ada@beta.example",
        "password": "noughts and crosses",
        "address_line1": "2 Side Street",
        "postal_code": "97205",
        "city": "Portland",
        "country": "US",
        "time_zone": "America/Los_Angeles",
        **fields,
    }


def test_a_company_signs_up_and_is_billed() -> None:
    version = published_version(recurring("15", charge_model="per_unit"))
    client = Client()

    answer = client.post("/sign-up/", form(version))

    assert (answer.status_code, answer["Location"]) == (302, "/portal/")
    invoice = Invoice.objects.get()
    assert invoice.total.amount == 45
    assert invoice.customer.members.get().user.email == "ada@beta.example"
    assert client.get("/portal/").status_code == 200


def test_only_the_newest_version_of_public_plans_is_offered() -> None:
    plan = make_plan()
    published_version(recurring("10"), plan=plan)
    newest = published_version(recurring("12"), plan=plan)
    published_version(recurring("1"), plan=make_plan(is_public=False))

    page = Client().get("/sign-up/")

    assert [offer.version for offer in page.context["shelf"].offers] == [newest]


def test_bad_details_are_refused_and_nothing_is_kept() -> None:
    make_user(Role.CUSTOMER, email="taken@beta.example")
    version = published_version(recurring())

    for name, bad in {
        "password": "12345",
        "email": "taken@beta.example",
        "country": "XX",
        "quantity": "0",
    }.items():
        answer = Client().post("/sign-up/", form(version, **{name: bad}))

        assert answer.status_code == 200, name
        assert name in answer.context["form"].errors
        assert not Customer.objects.exists(), name
        assert User.objects.count() == 1, name


def test_of_two_who_sign_up_at_once_by_one_address_the_second_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(SignUpForm, "clean_email", lambda _form: "taken@beta.example")
    make_user(Role.CUSTOMER, email="taken@beta.example")

    answer = Client().post("/sign-up/", form(published_version(recurring())))

    assert answer.status_code == 200
    assert "somebody signs in with it already" in answer.content.decode()
    assert not Customer.objects.exists()


def test_a_country_whose_tax_is_unknown_is_refused_whole() -> None:
    answer = Client().post("/sign-up/", form(published_version(recurring()), country="DE"))

    assert answer.status_code == 200
    assert not Customer.objects.exists()
    assert not User.objects.exists()
    assert not Subscription.objects.exists()


def test_staff_put_a_customer_on_a_plan() -> None:
    customer = make_customer()
    version = published_version(recurring("99"))
    client = Client()
    client.force_login(make_user())
    path = f"/customers/{customer.pk}/subscriptions/new/"
    assert client.get(path).status_code == 200

    client.post(path, {"plan_version": version.pk, "quantity": 1, "trial_days": ""})

    assert Invoice.objects.get().total.amount == 99
    again = client.post(path, {"plan_version": version.pk, "quantity": 1, "trial_days": "-1"})
    assert again.status_code == 200


def test_staff_put_a_customer_on_a_plan_that_is_not_public() -> None:
    agreed = published_version(recurring("80"), plan=make_plan(is_public=False))
    client = Client()
    client.force_login(make_user())

    path = f"/customers/{make_customer().pk}/subscriptions/new/"
    client.post(path, {"plan_version": agreed.pk, "quantity": 1})

    assert Invoice.objects.get().total.amount == 80


def test_support_may_not_start_subscriptions() -> None:
    client = Client()
    client.force_login(make_user(Role.SUPPORT))
    customer = make_customer()

    assert client.get(f"/customers/{customer.pk}/subscriptions/new/").status_code == 403


def test_another_currency_is_offered_to_staff() -> None:
    euro = published_version(recurring(), currency="EUR", at=JAN_1)
    client = Client()
    client.force_login(make_user())

    path = f"/customers/{make_customer().pk}/subscriptions/new/"
    answer = client.post(path, {"plan_version": euro.pk, "quantity": 1})

    assert answer.status_code == 302
    assert Subscription.objects.get().currency == "EUR"


def test_a_form_that_is_sent_twice_starts_one_subscription() -> None:
    customer, version = make_customer(), published_version(recurring())
    client = Client()
    client.force_login(make_user())
    address = f"/customers/{customer.pk}/subscriptions/new/"
    reference = client.get(address).context["form"]["reference"].value()
    given = {"plan_version": version.pk, "quantity": "1", "reference": reference}

    first, second = client.post(address, given), client.post(address, given)

    assert first["Location"] == second["Location"] == f"/subscriptions/{reference}/"
    assert Subscription.objects.get().reference == reference
    assert Invoice.objects.count() == 1


def test_a_reference_of_another_customer_starts_nothing() -> None:
    taken = subscription_since(JAN_1)
    client = Client()
    client.force_login(make_user())

    answer = client.post(
        f"/customers/{make_customer().pk}/subscriptions/new/",
        {
            "plan_version": taken.plan_version_id,
            "quantity": "1",
            "reference": taken.reference,
        },
    )

    assert "another customer" in answer.content.decode()
    assert Subscription.objects.get() == taken

from typing import Any

import pytest
from django.test import Client

from subscriptions.models import Customer
from tests.factories.accounts import make_user
from tests.factories.subscriptions import JAN_1, make_customer, make_member, subscription_since
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db


def signed_in(role: Role = Role.FINANCE) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def paths() -> list[str]:
    subscription = subscription_since(JAN_1)
    return [
        "/customers/",
        "/customers/?q=acme",
        f"/customers/{subscription.customer_id}/",
        "/catalog/",
        f"/catalog/{subscription.plan_version.plan.code}/",
        "/subscriptions/",
        "/subscriptions/?state=active&q=acme",
        f"/subscriptions/{subscription.reference}/",
    ]


@pytest.mark.parametrize("role", [Role.FINANCE, Role.SUPPORT])
def test_staff_read_every_page(role: Role) -> None:
    client = signed_in(role)

    for path in paths():
        assert client.get(path).status_code == 200, path


def test_customers_and_strangers_read_none() -> None:
    customer = Client()
    customer.force_login(make_member().user)

    for path in paths():
        assert customer.get(path).status_code == 403, path
        assert Client().get(path).status_code == 302, path


def form(**fields: str) -> dict[str, str]:
    return {
        "name": "Beta GmbH",
        "email": "billing@beta.example",
        "country": "de",
        "currency": "EUR",
        "time_zone": "Europe/Berlin",
        **fields,
    }


def test_finance_takes_a_customer_in() -> None:
    answer = signed_in().post("/customers/new/", form())

    customer = Customer.objects.get()
    assert answer.status_code == 302
    assert (customer.country, customer.time_zone) == ("DE", "Europe/Berlin")
    assert customer.external_id.startswith("cus_")


def test_support_may_not_take_customers_in() -> None:
    assert signed_in(Role.SUPPORT).post("/customers/new/", form()).status_code == 403
    assert not Customer.objects.exists()


@pytest.mark.parametrize(
    "fields", [{"country": "D1"}, {"time_zone": "Mars/Base"}, {"external_id": "taken"}]
)
def test_bad_details_are_refused_on_the_page(fields: dict[str, str]) -> None:
    make_customer(external_id="taken")

    answer = signed_in().post("/customers/new/", form(**fields))

    assert answer.status_code == 200
    assert next(iter(fields)) in answer.context["form"].errors
    assert Customer.objects.count() == 1


def test_editing_keeps_what_usage_is_counted_with() -> None:
    customer = make_customer(external_id="acme")
    path = f"/customers/{customer.pk}/edit/"

    signed_in().post(path, form(external_id="other", time_zone="Asia/Tokyo"))

    customer.refresh_from_db()
    assert customer.name == "Beta GmbH"
    assert (customer.external_id, customer.time_zone, customer.currency) == ("acme", "UTC", "USD")


def test_a_cancellation_is_scheduled_and_withdrawn_from_the_page() -> None:
    subscription = subscription_since(JAN_1)
    client: Any = signed_in()
    path = f"/subscriptions/{subscription.reference}/cancellation/"

    client.post(path, {"reason": "too dear"})
    subscription.refresh_from_db()
    assert subscription.cancel_at == subscription.current_period_end
    assert subscription.transitions.filter(reason="too dear").exists()
    client.post(f"{path}withdrawal/")
    subscription.refresh_from_db()
    assert subscription.cancel_at is None

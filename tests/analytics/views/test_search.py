from decimal import Decimal

import pytest
from django.test import Client

from tests.factories.accounts import make_user
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import make_member
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db


def names(text: str, role: Role = Role.FINANCE) -> list[str]:
    client = Client()
    client.force_login(make_user(role))
    return [
        f"{f.kind}: {f.name}" for f in client.get("/search/", {"search": text}).context["found"]
    ]


def test_each_kind_is_found_by_what_people_know_of_it() -> None:
    invoice = open_invoice()
    customer, subscription = invoice.customer, invoice.subscription
    assert subscription is not None

    assert names(customer.name) == [f"Customer: {customer.name}"]
    assert names(customer.email.upper()) == [f"Customer: {customer.name}"]
    assert names(subscription.reference) == [f"Subscription: {subscription.reference}"]
    assert names("000001") == ["Invoice: INV-000001"]
    assert names(str(Decimal("99.00"))) == ["Invoice: INV-000001"]


def test_odd_words_find_nothing_and_break_nothing() -> None:
    open_invoice()

    for text in ("", "nothing like it", "9" * 30, "NaN", "Infinity", "%", "'; --"):
        assert names(text, Role.SUPPORT) == [], text


def test_customers_may_not_search() -> None:
    client = Client()
    client.force_login(make_member().user)

    assert client.get("/search/?search=a").status_code == 403

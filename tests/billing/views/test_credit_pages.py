"""Staff see and move a customer's credit; the customer sees it in the portal."""

import pytest
from django.test import Client

from billing.models import CreditBalance, CreditEntry
from tests.factories.accounts import make_user
from tests.factories.subscriptions import make_customer, make_member
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db

FORM = {"amount": "12.50", "currency": "usd", "direction": "grant", "reason": "Outage", "key": "k"}


def test_finance_grants_credit_once_however_often_the_form_is_sent(client: Client) -> None:
    customer = make_customer()
    client.force_login(make_user(Role.FINANCE))
    address = f"/customers/{customer.pk}/credit/"

    assert client.post(address, FORM).status_code == 302
    assert client.post(address, FORM).status_code == 302
    page = client.get(address).content.decode()

    assert CreditEntry.objects.count() == 1
    assert CreditBalance.objects.get().amount == Money("12.50", "USD")
    assert "Outage" in page
    assert "$12.50" in page


def test_more_than_there_is_cannot_be_taken_back(client: Client) -> None:
    customer = make_customer()
    client.force_login(make_user(Role.FINANCE))

    page = client.post(f"/customers/{customer.pk}/credit/", {**FORM, "direction": "withdraw"})

    assert "Nothing was changed" in page.content.decode()
    assert not CreditEntry.objects.exists()


def test_an_unknown_currency_is_named(client: Client) -> None:
    customer = make_customer()
    client.force_login(make_user(Role.FINANCE))

    page = client.post(f"/customers/{customer.pk}/credit/", {**FORM, "currency": "XQX"})

    assert "is no currency" in page.content.decode()


def test_support_reads_and_does_not_grant(client: Client) -> None:
    customer = make_customer()
    client.force_login(make_user(Role.SUPPORT))
    address = f"/customers/{customer.pk}/credit/"

    assert "Grant credit" not in client.get(address).content.decode()
    assert client.post(address, FORM).status_code == 403
    assert not CreditEntry.objects.exists()


def test_a_customer_sees_its_credit(client: Client) -> None:
    member = make_member()
    client.force_login(make_user(Role.FINANCE))
    client.post(f"/customers/{member.customer_id}/credit/", FORM)
    client.force_login(member.user)

    page = client.get("/portal/").content.decode()

    assert "Your credit: $12.50" in page
    assert client.get(f"/customers/{member.customer_id}/credit/").status_code == 403

"""Tax rates come in by the admin: entered once, never changed, only ended."""

from datetime import date
from decimal import Decimal

import pytest
from django.test import Client

from billing.models import TaxRate
from billing.services.invoices.invoicing import bill_start
from tests.factories.accounts import make_user
from tests.factories.subscriptions import JAN_1, make_customer, subscription_since
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db
LIST = "/admin/billing/taxrate/"
GERMAN = {
    "code": "de-vat",
    "name": "VAT",
    "country": "DE",
    "percentage": "19",
    "valid_from": "2021-01-01",
}


def client_of(role: Role) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def test_finance_enters_a_rate_and_invoices_are_taxed_by_it() -> None:
    answer = client_of(Role.FINANCE).post(f"{LIST}add/", GERMAN)

    invoice = bill_start(
        subscription=subscription_since(JAN_1, customer=make_customer(country="DE")), at=JAN_1
    )
    assert answer.status_code == 302
    assert invoice is not None
    assert invoice.tax.amount == Decimal("18.81")


def test_of_a_rate_that_is_there_only_the_end_and_the_source_are_told() -> None:
    client = client_of(Role.FINANCE)
    client.post(f"{LIST}add/", GERMAN)
    rate = TaxRate.objects.get()
    address = f"{LIST}{rate.pk}/change/"

    client.post(address, {**GERMAN, "percentage": "7", "valid_to": "2026-12-31"})
    wrong = client.post(address, {"valid_to": "2020-12-31"})
    removal = client.post(f"{LIST}{rate.pk}/delete/", {"post": "yes"})

    rate.refresh_from_db()
    assert (rate.percentage, rate.valid_to) == (Decimal(19), date(2026, 12, 31))
    assert "The last day is before the first." in wrong.content.decode()
    assert removal.status_code == 403


def test_support_reads_rates_and_enters_none() -> None:
    client = client_of(Role.SUPPORT)

    assert client.get(LIST).status_code == 200
    assert client.post(f"{LIST}add/", GERMAN).status_code == 403
    assert not TaxRate.objects.exists()


def test_a_country_that_does_not_exist_has_no_rate() -> None:
    answer = client_of(Role.FINANCE).post(f"{LIST}add/", {**GERMAN, "country": "de"})

    assert answer.status_code == 200
    assert not TaxRate.objects.exists()

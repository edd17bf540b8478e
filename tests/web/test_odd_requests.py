"""Addresses and questions that nobody means are answered, never with a fault of ours."""

import pytest
from django.test import Client

from subscriptions.models import Meter
from tests.factories.accounts import make_user
from tests.factories.subscriptions import make_customer, make_member

pytestmark = pytest.mark.django_db

WITH_NUL = [
    "/customers/?q=a%00",
    "/usage/rejected/?state=%00",
    "/search/?search=%00",
    "/subscriptions/a%00/",
    "/invoices/a%00/",
    "/credit-notes/a%00/",
]


@pytest.mark.parametrize("address", WITH_NUL)
def test_a_nul_character_leads_nowhere(client: Client, address: str) -> None:
    client.force_login(make_user())

    assert client.get(address).status_code == 404


@pytest.mark.parametrize("address", ["/portal/?customer=%00", "/portal/invoices/a%00/"])
def test_a_nul_character_leads_nowhere_in_the_portal(client: Client, address: str) -> None:
    client.force_login(make_member(make_customer()).user)

    assert client.get(address).status_code == 404


@pytest.mark.parametrize(
    "address",
    [
        "/invoices/?end=9999-12-31",
        "/invoices.csv?end=9999-12-31",
        "/payments/?end=9999-12-31",
        "/payments/?start=0001-01-01",
        f"/payments/?customer={'9' * 40}",
        f"/customers/?page={'9' * 40}",
        "/usage/?meter=calls&start=9999-12-01&end=9999-12-31",
        f"/usage/?meter=calls&customer={'9' * 40}",
        "/books/journal/?until=9999-12-31",
        "/books/journal/?since=0001-01-01",
        "/books/journal/?before=9999-12-31_x",
        "/books/trial-balance/?on=9999-12-31",
        "/overview/?end=9999-12-31&start=0001-01-01&month=9999-12",
        "/overview/mrr/?month=9999-12&currency=xyz&page=-1",
        "/billing-runs/preview/?at=9999-12-31&on=9999-12-31",
        f"/search/?search={'9' * 40}",
        "/search/?search=1e999999999",
        "/search/?search=1e-99999",
    ],
)
def test_days_and_numbers_out_of_range_are_answered(client: Client, address: str) -> None:
    Meter.objects.create(code="calls", name="Calls", aggregation="sum", unit="call")
    client.force_login(make_user())

    assert client.get(address).status_code < 500

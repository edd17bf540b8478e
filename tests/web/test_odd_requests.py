"""Addresses and questions that nobody means are answered, never with a fault of ours."""

from itertools import product

import pytest
from django.test import Client

from billing.services.invoices.invoicing import bill_start
from subscriptions.models import Meter, Subscription
from tests.factories.accounts import make_user
from tests.factories.subscriptions import JAN_1, make_customer, make_member, subscription_since
from tiktoktoe.kernel.clock import moved_to

pytestmark = pytest.mark.django_db

WITH_NUL = [
    "/customers/?q=a%00",
    "/usage/rejected/?state=%00",
    "/search/?search=%00",
    "/subscriptions/a%00/",
    "/invoices/a%00/",
    "/credit-notes/a%00/",
]


def test_a_nul_character_leads_nowhere(client: Client) -> None:
    client.force_login(make_user())

    for address in WITH_NUL:
        assert client.get(address).status_code == 404, address


def test_a_nul_character_leads_nowhere_in_the_portal(client: Client) -> None:
    client.force_login(make_member(make_customer()).user)

    for address in ("/portal/?customer=%00", "/portal/invoices/a%00/"):
        assert client.get(address).status_code == 404, address


def test_a_nul_character_in_a_form_is_refused(client: Client) -> None:
    client.force_login(make_user())

    answer = client.post("/billing/issuers/sample/", {"code": "a\x00"})

    assert answer.status_code == 400


def test_a_stranger_with_a_nul_character_is_refused_at_the_doors(client: Client) -> None:
    assert client.post("/sign-in/", {"username": "a\x00", "password": "x"}).status_code == 400
    assert client.post("/sign-up/", {"email": "a\x00@x.example"}).status_code == 400


OUT_OF_RANGE = [
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
    "/billing-runs/dry/?at=9999-12-31&on=9999-12-31&page=x",
    f"/search/?search={'9' * 40}",
    "/search/?search=1e999999999",
    "/search/?search=1e-99999",
]


def test_days_and_numbers_out_of_range_are_answered(client: Client) -> None:
    Meter.objects.create(code="calls", name="Calls", aggregation="sum", unit="call")
    client.force_login(make_user())

    for address in OUT_OF_RANGE:
        assert client.get(address).status_code < 500, address


@pytest.fixture
def far_east() -> Subscription:
    """A subscription where the last day of the calendar ends, and its first begins, early."""
    customer = make_customer(time_zone="Pacific/Auckland")
    subscription = subscription_since(JAN_1, customer=customer)
    bill_start(subscription=subscription, at=JAN_1)
    return subscription


OF_DAYS = [
    "/customers/{customer}/statement/?start={day}&end={day}",
    "/customers/{customer}/statement.csv?start={day}&end={day}",
    "/customers/{customer}/statement.pdf?end={day}",
    "/subscriptions/{reference}/ending/?shown=1&when=on_day&on={day}",
    "/subscriptions/{reference}/pause/?shown=1&when=now&resume_on={day}",
]


def test_the_ends_of_the_calendar_are_no_days_to_reckon_from(
    client: Client, far_east: Subscription
) -> None:
    client.force_login(make_user())
    named = {"customer": far_east.customer_id, "reference": far_east.reference}

    for day, address in product(("0001-01-01", "9999-12-31"), OF_DAYS):
        asked = address.format(**named, day=day)
        with moved_to(JAN_1):
            assert client.get(asked).status_code == 200, asked


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
def test_a_customer_who_pauses_until_the_end_of_time_is_told_to_choose_a_day(
    client: Client, far_east: Subscription, day: str
) -> None:
    client.force_login(make_member(far_east.customer).user)

    with moved_to(JAN_1):
        address = f"/portal/subscriptions/{far_east.reference}/pause/"
        answer = client.post(address, {"resume_on": day})
        home = client.get("/portal/")

    far_east.refresh_from_db()
    assert b"Choose a day between 1900 and 9000." in answer.content
    assert far_east.pause_at is None
    assert home.status_code == 200


def test_the_wallet_of_a_customer_does_not_expire_before_time(
    client: Client, far_east: Subscription
) -> None:
    client.force_login(make_user())
    given = {"name": "P", "amount": "5", "currency": "USD", "how": "grant", "reason": "x"}

    answer = client.post(
        f"/customers/{far_east.customer_id}/wallets/",
        {**given, "expires_on": "0001-01-01", "key": "k"},
    )

    assert b"Choose a day between 1900 and 9000." in answer.content

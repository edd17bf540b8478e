"""Customers see what is to start for them, take it back, and start again on a day to come."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils.html import strip_tags

from billing.models import PlannedStart
from billing.services.changes.cancelling import CancelWhen, cancel_subscription
from billing.services.changes.planned_starts import StartWanted, plan_start
from billing.services.changes.planned_work import start_planned
from subscriptions.models import Customer, Subscription
from tests.factories.accounts import make_user
from tests.factories.lifecycle import at, begin, fee_of
from tests.factories.subscriptions import TEST_ACTOR, make_customer, make_member
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.clock import moved_to

pytestmark = pytest.mark.django_db
NOW = at("2026-01-16T12:00")


@pytest.fixture(autouse=True)
def _in_the_middle_of_january() -> Iterator[None]:
    with moved_to(NOW):
        yield


def signed_in(customer: Customer) -> Client:
    client = Client()
    client.force_login(make_member(customer).user)
    return client


def ask(customer: Customer) -> PlannedStart:
    return plan_start(
        customer=customer,
        wanted=StartWanted(on=date(2026, 2, 10), plan_version=fee_of("31.00"), quantity=2),
        actor=TEST_ACTOR,
        at=NOW - timedelta(days=1),
    )


def words(answer: Any) -> str:
    """What a page says."""
    return " ".join(strip_tags(answer.content.decode()).split())


def test_a_coming_start_is_on_the_home_page_shown_and_taken_back() -> None:
    customer = make_customer()
    client, start = signed_in(customer), ask(customer)
    page = f"/portal/starts/{start.reference}/"

    home = client.get("/portal/")

    assert page in home.content.decode()
    assert "2 × Team from 10 Feb 2026 $31.00 each period" in words(home)
    assert "Due then, with tax $31.00" in words(client.get(page))
    client.post(f"{page}withdrawal/")
    start.refresh_from_db()
    assert start.state == "withdrawn"
    assert start.events.get(kind="withdrawn").source == "portal"
    assert page not in client.get("/portal/").content.decode()
    assert client.get(page).status_code == 404


def test_another_customers_is_not_there_and_staff_and_strangers_stay_outside() -> None:
    start = ask(make_customer())
    page = f"/portal/starts/{start.reference}/"
    other = signed_in(make_customer())
    staff = Client()
    staff.force_login(make_user(Role.FINANCE))

    for client, code in ((other, 404), (staff, 403), (Client(), 302)):
        assert client.get(page).status_code == code
        assert client.post(f"{page}withdrawal/").status_code == code
    start.refresh_from_db()
    assert start.state == "waiting"


def test_what_has_started_is_not_taken_back() -> None:
    customer = make_customer()
    client, start = signed_in(customer), ask(customer)
    start_planned(at=at("2026-02-10"))

    answer = client.post(f"/portal/starts/{start.reference}/withdrawal/", follow=True)

    assert "Its day has come" in words(answer)
    assert Subscription.objects.live().count() == 1


def test_what_has_ended_starts_again_on_a_day_to_come_once() -> None:
    customer = make_customer()
    old = begin(fee_of("31.00"), "2026-01-02", customer=customer)
    cancel_subscription(subscription=old, when=CancelWhen.NOW, actor=TEST_ACTOR, at=NOW)
    client, page = signed_in(customer), f"/portal/subscriptions/{old.reference}/return/"

    seen = words(client.get(page, {"on": "2026-02-10"}))
    assert "It starts on 10 Feb 2026; nothing is charged before." in seen
    assert "Due then, with tax $31.00" in seen
    assert "Choose a day that is to come" in words(client.get(page, {"on": "2026-01-16"}))
    assert "it starts on 10 Feb 2026" in words(client.post(page, {"on": "2026-02-10"}, follow=True))
    assert page not in client.get("/portal/").content.decode()
    for given in ({"on": "2026-02-11"}, {}):
        answer = words(client.post(page, given, follow=True))
        assert "it starts on 2026-02-10 already; take that back first" in answer

    start = PlannedStart.objects.get()
    assert (start.on, start.source, start.quantity) == (date(2026, 2, 10), "portal", 1)
    start_planned(at=at("2026-02-10"))
    assert Subscription.objects.live().get().started_at == at("2026-02-10")

"""Staff and customers put add-ons on a subscription; each is seen before it is done."""

import pytest
from django.test import Client

from billing.models import DatedChange, Invoice
from billing.services.invoices.invoicing import bill_start
from subscriptions.models import PlanVersion, Subscription, SubscriptionAddOn
from tests.factories.accounts import make_user
from tests.factories.subscriptions import (
    JAN_1,
    make_member,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)
from tests.shared_world import shared_world
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.clock import moved_to

pytestmark = pytest.mark.django_db


Sold = tuple[Subscription, PlanVersion]


def sell() -> Sold:
    """A subscription, and an add-on of 31.00 a month each."""
    subscription = subscription_since(JAN_1, version=published_version(recurring("62.00")))
    bill_start(subscription=subscription, at=JAN_1)
    plan = make_plan(name="Night support", is_add_on=True)
    return subscription, published_version(recurring("31.00", charge_model="per_unit"), plan=plan)


sold = shared_world(sell)


@pytest.mark.parametrize("who", ["staff", "customer"])
def test_it_is_seen_first_and_had_then(client: Client, sold: Sold, who: str) -> None:
    subscription, version = sold
    address = f"/subscriptions/{subscription.reference}/add-ons/"
    user = make_user(Role.FINANCE)
    if who == "customer":
        address, user = f"/portal{address}", make_member(subscription.customer).user
    client.force_login(user)
    wanted = {"plan_version": str(version.pk), "quantity": "2"}

    with moved_to(JAN_1.replace(day=16, hour=9)):
        page = client.get(address, wanted).content.decode()
        live = client.get(address, wanted, headers={"HX-Request": "true"}).content.decode()
        seen = SubscriptionAddOn.objects.count()
        done = client.post(address, wanted)
        after = client.get(address).content.decode()

    assert seen == 0
    assert "$32.00" in page
    assert "$32.00" in live
    assert "<html" not in live
    assert done.status_code == 302
    assert Invoice.objects.latest("created_at").total.amount == 32
    assert "2 × Night support" in after


def test_what_cannot_be_done_says_why_and_does_nothing(client: Client, sold: Sold) -> None:
    subscription, version = sold
    client.force_login(make_user(Role.FINANCE))
    address = f"/subscriptions/{subscription.reference}/add-ons/"

    with moved_to(JAN_1.replace(day=16)):
        page = client.post(address, {"plan_version": str(version.pk), "quantity": "0"})

    assert "it is not there" in page.content.decode()
    assert not SubscriptionAddOn.objects.exists()


@pytest.mark.parametrize(
    ("on", "shown", "becomes"),
    [("2026-01-22", "Schedule it", "scheduled"), ("2026-01-11", "$21.00", "charged")],
)
def test_staff_have_it_from_a_day_to_come_or_one_that_is_over(
    client: Client, sold: Sold, on: str, shown: str, becomes: str
) -> None:
    subscription, version = sold
    client.force_login(make_user(Role.FINANCE))
    address = f"/subscriptions/{subscription.reference}/add-ons/"
    wanted = {"plan_version": str(version.pk), "quantity": "1", "on": on, "reason": "Agreed"}

    with moved_to(JAN_1.replace(day=16)):
        page = client.get(address, wanted).content.decode()
        client.post(address, wanted)
        schedule = client.get(f"/subscriptions/{subscription.reference}/schedule/")

    assert shown in page
    if becomes == "scheduled":
        assert DatedChange.objects.get().reason == "Agreed"
        assert "It has 1 × Night support" in schedule.content.decode()
    else:
        assert Invoice.objects.latest("created_at").total.amount == 21


def test_nobody_reaches_another_customers_add_ons(client: Client, sold: Sold) -> None:
    subscription, _ = sold
    client.force_login(make_member().user)

    page = client.get(f"/portal/subscriptions/{subscription.reference}/add-ons/")

    assert page.status_code == 404


@pytest.mark.usefixtures("sold")
def test_an_add_on_is_no_plan_to_subscribe_to(client: Client) -> None:
    form = client.get("/sign-up/").context["form"]

    assert "Night support" not in [version.plan.name for version in form.versions]

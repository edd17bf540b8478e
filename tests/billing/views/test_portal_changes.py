"""What customers do with their own subscription, as they saw it, and with nobody else's."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import Invoice, PlanChange
from billing.services.changes.dated_changes import schedule_dated_change
from billing.services.changes.wanted import Wanted
from billing.services.invoices.invoicing import bill_start
from billing.services.invoices.renewal import run_billing
from subscriptions.models import PlanVersion, Subscription
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_member,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)
from tests.shared_world import shared_world
from tiktoktoe.accounts.models import User
from tiktoktoe.kernel.clock import moved_to

pytestmark = pytest.mark.django_db
JAN_16 = JAN_1 + timedelta(days=15, hours=12)
FEB_1 = JAN_1 + timedelta(days=31)


@pytest.fixture(autouse=True)
def _in_the_middle_of_january() -> Iterator[None]:
    with moved_to(JAN_16):
        yield


@dataclass
class Shop:
    """Somebody billed on the first, on Team; and what is sold."""

    plans: tuple[PlanVersion, PlanVersion]
    mine: Subscription
    user: User


def arrange() -> Shop:
    """Team for 31.00 and Business for 62.00 a month; and one that is not for everybody."""
    published_version(recurring("1.00"), plan=make_plan(name="Secret", is_public=False))
    small, large = (
        published_version(recurring(fee), plan=make_plan(name=name, rank=rank))
        for rank, (name, fee) in enumerate((("Team", "31.00"), ("Business", "62.00")), 1)
    )
    with moved_to(JAN_16):
        subscription = subscription_since(JAN_1, version=small)
        bill_start(subscription=subscription, at=JAN_1)
        return Shop((small, large), subscription, make_member(subscription.customer).user)


shop = shared_world(arrange)


@pytest.fixture
def plans(shop: Shop) -> tuple[PlanVersion, PlanVersion]:
    return shop.plans


@pytest.fixture
def mine(shop: Shop) -> Subscription:
    return shop.mine


@pytest.fixture
def client(shop: Shop) -> Client:
    client = Client()
    client.force_login(shop.user)
    return client


def at(name: str, subscription: Subscription) -> str:
    return reverse(f"portal_{name}", args=[subscription.reference])


def test_an_upgrade_is_seen_as_one_chooses_and_done_as_it_was_seen(
    client: Client, mine: Subscription, plans: tuple[PlanVersion, PlanVersion]
) -> None:
    chosen = {"plan_version": plans[1].pk, "quantity": 1}
    page = client.get(at("plan", mine))
    names = [str(v.plan) for v in page.context["form"].fields["plan_version"].queryset]
    assert names == ["Team", "Business"]

    seen = client.get(at("plan", mine), chosen, headers={"HX-Request": "true"})
    preview = seen.context["preview"]
    assert (preview.due_now.amount, preview.fee_after.amount) == (16, 62)
    assert seen.context["following"].due.amount == 62
    assert "The next invoice then" in seen.content.decode()
    assert "<html" not in seen.content.decode()
    assert not PlanChange.objects.exists()

    client.post(at("plan", mine), {**chosen, "token": preview.token})

    mine.refresh_from_db()
    assert mine.plan_version == plans[1]
    assert Invoice.objects.get(kind="change").total == preview.due_now
    assert PlanChange.objects.get().actor == mine.customer.members.get().user


def test_what_changed_in_another_tab_is_shown_before_anything_is_done(
    client: Client, mine: Subscription, plans: tuple[PlanVersion, PlanVersion]
) -> None:
    chosen = {"plan_version": plans[1].pk, "quantity": 1}
    old = client.get(at("plan", mine), chosen).context["preview"].token
    client.post(at("plan", mine), {"plan_version": plans[0].pk, "quantity": 2})

    page = client.post(at("plan", mine), {**chosen, "token": old})

    assert page.status_code == 200
    assert "Nothing was changed" in str(page.context["form"].non_field_errors())
    assert page.context["preview"].token != old
    mine.refresh_from_db()
    assert (mine.plan_version, mine.quantity) == (plans[0], 2)


def test_what_was_arranged_for_a_day_is_seen(
    client: Client, mine: Subscription, plans: tuple[PlanVersion, PlanVersion]
) -> None:
    wanted = Wanted(on=date(2026, 2, 10), plan_version=plans[1], quantity=2)
    schedule_dated_change(subscription=mine, wanted=wanted, actor=TEST_ACTOR, at=JAN_16)

    page = client.get(at("plan", mine)).content.decode()

    assert "You go to Business, quantity 2, on" in page


def test_a_downgrade_waits_and_can_be_withdrawn(
    client: Client, mine: Subscription, plans: tuple[PlanVersion, PlanVersion]
) -> None:
    client.post(at("plan", mine), {"plan_version": plans[1].pk, "quantity": 1})
    client.post(at("plan", mine), {"plan_version": plans[0].pk, "quantity": 1})
    assert "A change is waiting" in client.get(at("plan", mine)).content.decode()

    client.post(at("plan_withdrawal", mine))

    assert PlanChange.objects.order_by("-pk")[0].state == "withdrawn"


def test_what_is_not_for_everybody_cannot_be_chosen(client: Client, mine: Subscription) -> None:
    secret = PlanVersion.objects.get(plan__name="Secret")

    page = client.post(at("plan", mine), {"plan_version": secret.pk, "quantity": 1})

    assert page.context["form"].errors["plan_version"]
    assert not PlanChange.objects.exists()


def test_leaving_says_when_and_asks_why_and_can_be_taken_back(
    client: Client, mine: Subscription
) -> None:
    page = client.get(at("cancellation", mine))
    assert page.context["preview"].ends_at == FEB_1
    assert client.post(at("cancellation", mine), {}).context["form"].errors["why"]

    client.post(at("cancellation", mine), {"why": "too_expensive", "more": "Half\nas much"})
    mine.refresh_from_db()
    assert mine.cancel_at == FEB_1
    reasons = list(mine.transitions.values_list("reason", flat=True))
    assert "It is too expensive: Half as much" in reasons
    assert "Stay after all" in client.get("/portal/").content.decode()

    client.post(at("cancellation_withdrawal", mine))
    mine.refresh_from_db()
    assert mine.cancel_at is None


def test_a_pause_begins_with_the_next_period_and_ends_when_asked(
    client: Client, mine: Subscription
) -> None:
    assert client.get(at("pause", mine)).context["preview"].paused_from == FEB_1
    client.post(at("pause", mine), {"resume_on": ""})
    run_billing(at=FEB_1)
    mine.refresh_from_db()
    assert (mine.state, Invoice.objects.count()) == ("paused", 1)

    with moved_to(FEB_1 + timedelta(days=9)):
        preview = client.get(at("resumption", mine)).context["preview"]
        client.post(at("resumption", mine), {"token": preview.token})

    mine.refresh_from_db()
    assert mine.state == "active"
    assert Invoice.objects.order_by("-number")[0].total == preview.due_now


@pytest.mark.parametrize(
    ("page", "answer"), [("cancellation", {"why": "too_expensive"}), ("pause", {"resume_on": ""})]
)
def test_leaving_and_pausing_are_refused_when_another_tab_changed_something(
    client: Client,
    mine: Subscription,
    plans: tuple[PlanVersion, PlanVersion],
    page: str,
    answer: dict[str, str],
) -> None:
    shown = client.get(at(page, mine))
    token = shown.context["preview"].token
    assert f'name="token" value="{token}"' in shown.content.decode()
    client.post(at("plan", mine), {"plan_version": plans[1].pk, "quantity": 1})

    refused = client.post(at(page, mine), {**answer, "token": token})

    assert "was changed in the meantime" in refused.content.decode()
    mine.refresh_from_db()
    assert (mine.cancel_at, mine.pause_at) == (None, None)
    again = refused.context["preview"].token
    client.post(at(page, mine), {**answer, "token": again})
    mine.refresh_from_db()
    assert mine.cancel_at or mine.pause_at


def test_another_customers_subscription_is_not_there(
    mine: Subscription, plans: tuple[PlanVersion, PlanVersion]
) -> None:
    thief = Client()
    thief.force_login(make_member(make_customer()).user)
    names = ("plan", "cancellation", "pause", "resumption")
    chosen = {"plan_version": plans[1].pk, "quantity": 1, "why": "other"}

    seen = [thief.get(at(name, mine)).status_code for name in names]
    changing = (*names, "plan_withdrawal", "cancellation_withdrawal")
    seen += [thief.post(at(name, mine), chosen).status_code for name in changing]

    assert seen == [404] * 10
    mine.refresh_from_db()
    assert (mine.state, mine.cancel_at, mine.plan_version) == ("active", None, plans[0])


def test_what_cannot_be_done_says_so_and_changes_nothing(
    client: Client, mine: Subscription
) -> None:
    for name in ("resumption", "plan_withdrawal", "cancellation_withdrawal"):
        answer = client.post(at(name, mine), follow=True)
        assert answer.status_code == 200

    client.post(at("cancellation", mine), {"why": "other"})
    twice = client.post(at("cancellation", mine), {"why": "other"}, follow=True)

    assert "Nothing was changed" in twice.content.decode()

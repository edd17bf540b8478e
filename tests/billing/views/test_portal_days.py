"""Customers arrange changes for days to come, by their plan's policy, and take them back."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from billing.models import DatedChange, Invoice, PlanChange
from billing.services.changes.dated_changes import schedule_dated_change
from billing.services.changes.dated_work import make_dated_changes
from billing.services.changes.pausing import pause
from billing.services.changes.wanted import Wanted
from billing.services.invoices.invoicing import bill_start
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
from tiktoktoe.kernel.clock import moved_to

pytestmark = pytest.mark.django_db
JAN_16 = JAN_1 + timedelta(days=15, hours=12)
JAN_22 = JAN_1.replace(day=22)


@pytest.fixture(autouse=True)
def _in_the_middle_of_january() -> Iterator[None]:
    with moved_to(JAN_16):
        yield


@pytest.fixture
def plans() -> tuple[PlanVersion, PlanVersion]:
    """Team for 31.00 and Business for 62.00 a month."""
    small, large = (
        published_version(recurring(fee), plan=make_plan(name=name, rank=rank))
        for rank, (name, fee) in enumerate((("Team", "31.00"), ("Business", "62.00")), 1)
    )
    return small, large


def billed(version: PlanVersion) -> Subscription:
    subscription = subscription_since(JAN_1, version=version)
    bill_start(subscription=subscription, at=JAN_1)
    return subscription


def signed_in(subscription: Subscription) -> Client:
    client = Client()
    client.force_login(make_member(subscription.customer).user)
    return client


def words(client: Client, path: str, given: Mapping[str, str | int] | None = None) -> str:
    """What a page says."""
    return " ".join(strip_tags(client.get(path, given).content.decode()).split())


def at(name: str, subscription: Subscription, *more: int) -> str:
    return reverse(f"portal_{name}", args=[subscription.reference, *more])


def test_an_upgrade_is_arranged_for_a_day_and_made_at_once_on_it(
    plans: tuple[PlanVersion, PlanVersion],
) -> None:
    mine = billed(plans[0])
    client = signed_in(mine)
    chosen: dict[str, str | int] = {"plan_version": plans[1].pk, "quantity": 1, "on": "2026-01-22"}

    seen = words(client, at("plan", mine), chosen)
    client.post(at("plan", mine), chosen)
    arranged = words(client, at("plan", mine))
    make_dated_changes(at=JAN_22)

    assert "Takes effect on 22 Jan 2026" in seen
    assert "You go to Business, quantity 1, on 22 Jan 2026" in arranged
    assert Invoice.objects.latest("created_at").total.amount == 10


def test_what_costs_less_waits_for_the_end_of_the_period_of_its_day(
    plans: tuple[PlanVersion, PlanVersion],
) -> None:
    mine = billed(plans[1])
    client = signed_in(mine)
    chosen: dict[str, str | int] = {"plan_version": plans[0].pk, "quantity": 1, "on": "2026-01-22"}

    seen = words(client, at("plan", mine), chosen)
    client.post(at("plan", mine), chosen)
    make_dated_changes(at=JAN_22)

    assert "Takes effect on 1 Feb 2026" in seen
    assert DatedChange.objects.get().state == "applied"
    waiting = PlanChange.objects.get()
    assert (waiting.state, waiting.effective_at.date()) == ("scheduled", date(2026, 2, 1))
    assert not mine.customer.credit_notes.exists()


def test_an_add_on_is_arranged_for_a_day(plans: tuple[PlanVersion, PlanVersion]) -> None:
    mine = billed(plans[0])
    beside = published_version(recurring("31.00"), plan=make_plan(name="Care", is_add_on=True))
    chosen: dict[str, str | int] = {"plan_version": beside.pk, "quantity": 1, "on": "2026-01-22"}
    client = signed_in(mine)

    seen = words(client, at("add_ons", mine), chosen)
    client.post(at("add_ons", mine), chosen)
    arranged = words(client, at("add_ons", mine))

    assert "$10.00" in seen
    assert "You have 1 × Care from 22 Jan 2026 on" in arranged


@pytest.mark.parametrize("on", ["2026-01-16", "2026-01-10"])
def test_customers_go_back_to_no_day(plans: tuple[PlanVersion, PlanVersion], on: str) -> None:
    mine = billed(plans[0])
    client = signed_in(mine)
    chosen: dict[str, str | int] = {"plan_version": plans[1].pk, "quantity": 1, "on": on}

    answer = client.post(at("plan", mine), chosen)

    assert answer.context["form"].errors["on"] == [
        "Choose a day that is to come, or leave it empty."
    ]
    assert not PlanChange.objects.exists()


def test_they_take_back_what_they_have_arranged_and_not_what_staff_or_others_have(
    plans: tuple[PlanVersion, PlanVersion],
) -> None:
    mine = billed(plans[0])
    client = signed_in(mine)
    chosen: dict[str, str | int] = {"plan_version": plans[1].pk, "quantity": 1, "on": "2026-01-22"}
    client.post(at("plan", mine), chosen)
    own = DatedChange.objects.get()
    others = schedule_dated_change(
        subscription=mine,
        wanted=Wanted(on=date(2026, 1, 25), quantity=3),
        actor=TEST_ACTOR,
        at=JAN_16,
    )
    stranger = Client()
    stranger.force_login(make_member(make_customer()).user)

    assert stranger.post(at("day_withdrawal", mine, own.pk)).status_code == 404
    assert client.post(at("day_withdrawal", mine, others.pk)).status_code == 404
    client.post(at("day_withdrawal", mine, own.pk))

    states = {change.pk: change.state for change in DatedChange.objects.all()}
    assert states == {own.pk: "withdrawn", others.pk: "scheduled"}


def test_what_is_paused_goes_on_on_a_day_that_they_choose_and_take_back(
    plans: tuple[PlanVersion, PlanVersion],
) -> None:
    mine = billed(plans[0])
    pause(subscription=mine, actor=TEST_ACTOR, at=JAN_1.replace(day=10))
    client = signed_in(mine)

    seen = words(client, at("resumption", mine), {"on": "2026-01-22"})
    client.post(at("resumption", mine), {"on": "2026-01-22"})
    mine.refresh_from_db()
    chosen = mine.resume_at
    page = words(client, at("resumption", mine))
    client.post(at("resumption_withdrawal", mine))

    assert "It goes on by itself on 22 Jan 2026" in seen
    assert "$10.00" in seen
    assert chosen == JAN_22
    assert "Only when I say so" in page
    mine.refresh_from_db()
    assert (mine.state, mine.resume_at) == ("paused", None)

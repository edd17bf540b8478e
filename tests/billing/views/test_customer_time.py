"""Pages of a sandbox customer act by its test clock, and nobody else's do."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from billing.services.changes.planned_starts import StartWanted, plan_start
from billing.services.invoices.invoicing import bill_start
from subscriptions.models import Subscription
from subscriptions.services.customer_clocks import create_clock
from tests.factories.accounts import make_user
from tests.factories.lifecycle import fee_of
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_member,
    published_version,
    recurring,
    subscription_since,
)
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel import clock

pytestmark = pytest.mark.django_db
JAN_16 = datetime(2026, 1, 16, 12, tzinfo=UTC)
JUNE_1 = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture
def sandboxed() -> Subscription:
    """Half a month into its first period by its clock; by ours it is June."""
    theirs = create_clock(code="mine", starts_at=JAN_16, at=JAN_16)
    customer = make_customer(clock=theirs)
    made = subscription_since(
        JAN_1, customer=customer, version=published_version(recurring("31.00"))
    )
    bill_start(subscription=made, at=JAN_1)
    return made


def test_staff_end_a_sandbox_customers_subscription_by_its_clock(
    client: Client, sandboxed: Subscription
) -> None:
    client.force_login(make_user(Role.FINANCE))

    with clock.moved_to(JUNE_1):
        client.post(
            reverse("subscription_ending", args=[sandboxed.reference]),
            {"when": "now", "confirmed": "yes"},
        )

    sandboxed.refresh_from_db()
    assert sandboxed.ended_at == JAN_16


def test_its_customer_sees_and_does_things_by_the_clock(
    client: Client, sandboxed: Subscription
) -> None:
    client.force_login(make_member(sandboxed.customer).user)
    address = reverse("portal_cancellation", args=[sandboxed.reference])

    with clock.moved_to(JUNE_1):
        seen = client.get(address).context["preview"]
        client.post(address, {"why": "too_expensive", "token": seen.token})

    assert sandboxed.transitions.latest("pk").recorded_at == JAN_16


def test_who_acts_for_another_customer_too_does_so_by_our_time(
    client: Client, sandboxed: Subscription
) -> None:
    """The clock is of one of the two; each page goes by the time of whom it is about."""
    user = make_member(sandboxed.customer).user
    other = subscription_since(
        datetime(2026, 5, 20, tzinfo=UTC), version=published_version(recurring("62.00"))
    )
    make_member(other.customer, user)
    client.force_login(user)

    def dated(subscription: Subscription) -> datetime:
        address = reverse("portal_cancellation", args=[subscription.reference])
        with clock.moved_to(JUNE_1):
            seen = client.get(address).context["preview"]
            client.post(address, {"why": "too_expensive", "token": seen.token})
        return subscription.transitions.latest("pk").recorded_at

    assert (dated(other), dated(sandboxed)) == (JUNE_1, JAN_16)


@pytest.mark.parametrize("where", ["/planned-starts/{0.pk}/", "/portal/starts/{0.reference}/"])
def test_what_is_planned_is_taken_back_by_its_customers_clock(
    client: Client, sandboxed: Subscription, where: str
) -> None:
    start = plan_start(
        customer=sandboxed.customer,
        wanted=StartWanted(on=date(2026, 2, 10), plan_version=fee_of("5.00")),
        actor=TEST_ACTOR,
        at=JAN_16,
    )
    is_portal = where.startswith("/portal/")
    user = make_member(sandboxed.customer).user if is_portal else make_user(Role.FINANCE)
    if is_portal:
        make_member(user=user)  # of another customer too, whose time is ours
    client.force_login(user)

    with clock.moved_to(JUNE_1):
        client.post(f"{where.format(start)}withdrawal/")

    assert start.events.get(kind="withdrawn").at == JAN_16


def test_where_real_money_is_nobody_has_a_clock(
    client: Client, sandboxed: Subscription, settings: Any
) -> None:
    settings.STRIPE_LIVE_MODE = True
    client.force_login(make_user(Role.FINANCE))

    with clock.moved_to(JUNE_1):
        address = reverse("subscription_ending", args=[sandboxed.reference])
        client.post(address, {"when": "now", "confirmed": "yes"})

    sandboxed.refresh_from_db()
    assert sandboxed.ended_at is None  # in June its period is over, and not billed yet

"""One offer by the month and by the year: side by side, and switched in the portal."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from billing.services.changes.intervals import interval_offers
from billing.services.invoices.invoicing import bill_start
from subscriptions.models import PlanVersion, Subscription
from tests.factories.accounts import make_user
from tests.factories.subscriptions import (
    make_member,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.periods import IntervalUnit

pytestmark = pytest.mark.django_db
YEAR = IntervalUnit.YEAR.value
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def team(fee: str, interval: str = "month", **plan: object) -> PlanVersion:
    made = make_plan(**{"offer": "team", "interval": interval, **plan})
    return published_version(recurring(fee), plan=made, at=LONG_AGO)


def subscriber(version: PlanVersion) -> tuple[Subscription, Client]:
    member = make_member(user=make_user(Role.CUSTOMER))
    subscription = subscription_since(now(), customer=member.customer, version=version)
    bill_start(subscription=subscription, at=now())
    client = Client()
    client.force_login(member.user)
    return subscription, client


def test_each_interval_says_what_it_costs_and_how_much_less_that_is_in_a_year() -> None:
    monthly, yearly = team("10.00"), team("100.00", YEAR)
    team("1.00", "week", offer="other")
    team("5.00", "quarter", is_public=False)
    subscription = subscription_since(now(), version=monthly, quantity=1)

    offers = interval_offers(subscription, now())

    assert [(o.version, o.fee.amount, o.less_percent, o.is_current) for o in offers] == [
        (monthly, Decimal(10), 0, True),
        (yearly, Decimal(100), 16, False),
    ]


def test_a_plan_alone_in_its_offer_or_in_none_has_no_other_interval() -> None:
    alone = subscription_since(now(), version=team("10.00"))
    without = subscription_since(now(), version=team("10.00", YEAR, offer=""))

    assert interval_offers(alone, now()) == interval_offers(without, now()) == []


def test_customers_switch_in_the_portal_and_see_it_first() -> None:
    monthly, yearly = team("10.00"), team("100.00", YEAR)
    subscription, client = subscriber(monthly)
    url = reverse("portal_plan", args=[subscription.reference])

    page = client.get(url).content.decode()
    assert "Pay every year" in page
    assert "16 % less in a year" in page
    seen = client.get(url, {"plan_version": yearly.pk, "quantity": 1})
    token = seen.context["preview"].token
    client.post(url, {"plan_version": yearly.pk, "quantity": 1, "token": token})

    (change,) = subscription.plan_changes.all()
    assert (change.plan_version, change.state) == (yearly, "scheduled")


def test_postgresql_keeps_an_interval_of_an_offer_once() -> None:
    team("10.00")

    with pytest.raises(IntegrityError, match="once_per_interval"), transaction.atomic():
        team("12.00")

from datetime import UTC, date, datetime

import pytest

from subscriptions.errors import PlanVersionNotOnSale, SubscriptionInvalid
from subscriptions.models import Subscription, SubscriptionPhase, SubscriptionTransition
from subscriptions.services.catalog import draft_plan_version
from tests.factories.subscriptions import (
    JAN_1,
    make_customer,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)

pytestmark = pytest.mark.django_db


def test_subscribe_starts_the_first_period_at_local_midnight_of_the_day() -> None:
    customer = make_customer(time_zone="Europe/Berlin")

    subscription = subscription_since(datetime(2026, 1, 31, 14, 30, tzinfo=UTC), customer=customer)

    assert subscription.state == "active"
    assert subscription.anchor_on == date(2026, 1, 31)
    assert subscription.current_period_start == datetime(2026, 1, 30, 23, tzinfo=UTC)
    assert subscription.current_period_end == datetime(2026, 2, 27, 23, tzinfo=UTC)
    assert subscription.next_billing_at == subscription.current_period_end


def test_subscribe_with_a_trial_counts_periods_from_the_day_after_it() -> None:
    subscription = subscription_since(datetime(2026, 3, 1, 9, tzinfo=UTC), trial_days=14)

    assert subscription.state == "trialing"
    assert subscription.trial_ends_at == datetime(2026, 3, 15, tzinfo=UTC)
    assert subscription.current_period_end == datetime(2026, 3, 15, tzinfo=UTC)
    assert subscription.next_billing_at == datetime(2026, 3, 15, tzinfo=UTC)
    assert subscription.anchor_on == date(2026, 3, 15)


def test_subscribe_records_a_phase_and_a_transition() -> None:
    subscription = subscription_since(datetime(2026, 3, 1, 9, tzinfo=UTC), quantity=3)

    phase = SubscriptionPhase.objects.get(subscription=subscription)
    transition = SubscriptionTransition.objects.get(subscription=subscription)
    assert (phase.quantity, phase.ends_at) == (3, None)
    assert (transition.from_state, transition.to_state) == ("", "active")
    assert transition.event == "subscribed"


def test_subscribe_refuses_a_version_that_is_not_published() -> None:
    draft = draft_plan_version(
        plan=make_plan(), currency="USD", prices=[recurring()], effective_from=JAN_1
    )

    with pytest.raises(PlanVersionNotOnSale):
        subscription_since(JAN_1, version=draft)

    assert not Subscription.objects.exists()


def test_a_customer_may_subscribe_in_another_currency_than_its_own() -> None:
    euro = published_version(recurring(), currency="EUR")

    subscription = subscription_since(JAN_1, version=euro)

    assert (subscription.customer.currency, subscription.currency) == ("USD", "EUR")


def test_subscribe_refuses_a_second_subscription_on_the_same_meter() -> None:
    customer = make_customer()
    subscription_since(JAN_1, customer=customer)

    with pytest.raises(SubscriptionInvalid, match="bills API calls already"):
        subscription_since(JAN_1, customer=customer)

    assert Subscription.objects.count() == 1


@pytest.mark.parametrize(("quantity", "trial_days"), [(0, None), (1, -1)])
def test_subscribe_refuses_numbers_that_make_no_sense(
    quantity: int, trial_days: int | None
) -> None:
    with pytest.raises(SubscriptionInvalid):
        subscription_since(JAN_1, quantity=quantity, trial_days=trial_days)

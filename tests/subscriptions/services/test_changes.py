from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from subscriptions.errors import PlanVersionNotOnSale, SubscriptionEnded
from subscriptions.models import Subscription, SubscriptionPhase, SubscriptionTransition
from subscriptions.services.changes import (
    schedule_cancellation,
    switch_plan,
    withdraw_cancellation,
)
from subscriptions.services.lifecycle import end_subscription, mark_past_due, mark_recovered
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    published_version,
    recurring,
    subscription_since,
)

pytestmark = pytest.mark.django_db
JAN_20 = datetime(2026, 1, 20, 15, tzinfo=UTC)


def switch(subscription: Subscription, **terms: Any) -> Subscription:
    fields: dict[str, Any] = {
        "plan_version": published_version(recurring("199.00")),
        "quantity": 1,
        "effective_at": JAN_20,
        "actor": TEST_ACTOR,
        "at": JAN_20,
        **terms,
    }
    return switch_plan(subscription=subscription, **fields)


def test_switch_plan_splits_the_phase_at_the_local_midnight() -> None:
    subscription = subscription_since(JAN_1)

    changed = switch(subscription)

    old, new = SubscriptionPhase.objects.filter(subscription=subscription)
    assert old.ends_at == new.starts_at == datetime(2026, 1, 20, tzinfo=UTC)
    assert new.plan_version == changed.plan_version != subscription.plan_version
    assert changed.current_period == subscription.current_period


def test_a_second_switch_on_a_day_replaces_the_first() -> None:
    subscription = switch(subscription_since(JAN_1))

    switch(subscription, quantity=5, at=JAN_20 + timedelta(hours=1))

    assert [phase.quantity for phase in subscription.phases.all()] == [1, 5]


def test_switch_to_what_it_is_already_changes_nothing() -> None:
    subscription = subscription_since(JAN_1)

    switch(subscription, plan_version=subscription.plan_version)

    assert subscription.phases.count() == 1
    assert SubscriptionTransition.objects.count() == 1


def test_switch_refuses_another_currency_and_leaves_the_plan() -> None:
    subscription = subscription_since(JAN_1)

    with pytest.raises(PlanVersionNotOnSale):
        switch(subscription, plan_version=published_version(recurring(), currency="EUR"))

    assert subscription.phases.count() == 1


def test_cancellation_is_scheduled_for_the_period_end_and_can_be_withdrawn() -> None:
    subscription = subscription_since(JAN_1)

    scheduled = schedule_cancellation(subscription=subscription, actor=TEST_ACTOR, at=JAN_20)
    withdrawn = withdraw_cancellation(subscription=subscription, actor=TEST_ACTOR, at=JAN_20)

    assert scheduled.cancel_at == datetime(2026, 2, 1, tzinfo=UTC)
    assert withdrawn.cancel_at is None
    assert list(subscription.transitions.values_list("event", flat=True)) == [
        "subscribed",
        "cancellation_scheduled",
        "cancellation_withdrawn",
    ]


def test_an_ended_subscription_refuses_changes() -> None:
    subscription = subscription_since(JAN_1)
    end_subscription(subscription=subscription, effective_at=JAN_20, at=JAN_20)

    with pytest.raises(SubscriptionEnded):
        switch(subscription)
    with pytest.raises(SubscriptionEnded):
        schedule_cancellation(subscription=subscription, actor=TEST_ACTOR, at=JAN_20)


def test_ending_closes_the_phase_and_is_done_once() -> None:
    subscription = subscription_since(JAN_1)

    end_subscription(subscription=subscription, effective_at=JAN_20, at=JAN_20)
    ended = end_subscription(subscription=subscription, effective_at=JAN_20, at=JAN_20)

    assert (ended.state, ended.ended_at) == ("canceled", JAN_20)
    assert subscription.phases.get().ends_at == JAN_20
    assert subscription.transitions.filter(event="canceled").count() == 1


def test_past_due_and_recovery_move_only_what_they_mean() -> None:
    subscription = subscription_since(JAN_1)

    assert mark_recovered(subscription=subscription, at=JAN_20).state == "active"
    late = mark_past_due(subscription=subscription, reason="card declined", at=JAN_20)
    assert late.state == "past_due"
    assert mark_recovered(subscription=subscription, at=JAN_20).state == "active"

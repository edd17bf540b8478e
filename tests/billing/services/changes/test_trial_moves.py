"""Trials are moved and ended; a start may lie back in an open period."""

from datetime import date

import pytest

from billing.services.changes.cancelling import CancelWhen, cancel_subscription
from billing.services.changes.trials import convert_trial_now
from billing.services.invoices.renewal import run_billing
from subscriptions.errors import SubscriptionInvalid, TransitionNotAllowed
from subscriptions.models import Subscription
from subscriptions.services.trials import move_trial_end
from tests.factories.lifecycle import at, begin, billed, fee_of
from tests.factories.subscriptions import TEST_ACTOR, per_call
from tests.factories.usage import use

pytestmark = pytest.mark.django_db


def move(subscription: Subscription, day: date, when: str = "2026-01-05") -> Subscription:
    return move_trial_end(subscription=subscription, ends_on=day, actor=TEST_ACTOR, at=at(when))


def test_a_trial_made_longer_moves_the_periods_with_it() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01", trial_days=14)

    move(subscription, date(2026, 1, 20))
    run_billing(at=at("2026-01-20"))

    subscription.refresh_from_db()
    assert (subscription.state, str(subscription.anchor_on)) == ("active", "2026-01-20")
    assert billed(subscription) == [("2026-01-20", "2026-02-20", "31.00")]
    assert [t.event for t in subscription.transitions.order_by("pk")] == [
        "trial_started",
        "trial_extended",
        "trial_converted",
    ]


def test_with_a_billing_day_the_rest_of_its_month_is_charged() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01", trial_days=14, anchor_day=1)

    move(subscription, date(2026, 1, 20))
    run_billing(at=at("2026-01-20"))

    assert billed(subscription) == [("2026-01-20", "2026-02-01", "12.00")]


def test_ended_today_it_is_billed_from_today() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01", trial_days=14)

    done = convert_trial_now(subscription=subscription, actor=TEST_ACTOR, at=at("2026-01-05T09:00"))

    assert done.invoice is not None
    assert billed(subscription) == [("2026-01-05", "2026-02-05", "31.00")]
    with pytest.raises(TransitionNotAllowed):
        convert_trial_now(subscription=subscription, actor=TEST_ACTOR, at=at("2026-01-05T10:00"))
    assert len(billed(subscription)) == 1


def test_a_trial_cannot_end_in_the_past() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01", trial_days=14)

    with pytest.raises(SubscriptionInvalid):
        move(subscription, date(2026, 1, 5))


def test_a_start_may_lie_back_in_a_period_that_is_open() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-20", starts_at=at("2026-01-10T08:00"))

    assert billed(subscription) == [("2026-01-10", "2026-02-10", "31.00")]
    assert subscription.started_at == at("2026-01-10T08:00")


@pytest.mark.parametrize("start", ["2025-12-01", "2026-01-21"])
def test_a_start_in_a_period_that_is_over_or_to_come_is_refused(start: str) -> None:
    version = fee_of("31.00")

    with pytest.raises(SubscriptionInvalid):
        begin(version, "2026-01-20", starts_at=at(start))
    assert Subscription.objects.count() == 0


def test_a_start_before_usage_that_is_billed_is_refused() -> None:
    version = fee_of("31.00", "own", per_call("1.00"))
    first = begin(version, "2026-01-01")
    cancel_subscription(subscription=first, actor=TEST_ACTOR, at=at("2026-01-15T10:00"))

    with pytest.raises(SubscriptionInvalid):
        begin(version, "2026-01-20", customer=first.customer, starts_at=at("2026-01-10"))


@pytest.mark.parametrize("day", [0, 32])
def test_a_month_has_no_such_day(day: int) -> None:
    with pytest.raises(SubscriptionInvalid):
        begin(fee_of("31.00"), "2026-01-20", anchor_day=day)


def canceled_with_its_trial() -> Subscription:
    subscription = begin(fee_of("31.00"), "2026-01-01", trial_days=14)
    return cancel_subscription(
        subscription=subscription,
        when=CancelWhen.PERIOD_END,
        actor=TEST_ACTOR,
        at=at("2026-01-03"),
    ).subscription


@pytest.mark.parametrize("day", [date(2026, 1, 10), date(2026, 1, 20)])
def test_what_ends_with_its_trial_still_does_when_the_trial_is_moved(day: date) -> None:
    subscription = canceled_with_its_trial()

    move(subscription, day)
    run_billing(at=at("2026-02-01"))

    subscription.refresh_from_db()
    assert subscription.state == "canceled"
    assert subscription.ended_at == at(day.isoformat())
    assert billed(subscription) == []


def test_a_trial_whose_end_is_the_end_cannot_be_converted() -> None:
    subscription = canceled_with_its_trial()

    with pytest.raises(TransitionNotAllowed, match="withdraw the cancellation first"):
        convert_trial_now(subscription=subscription, actor=TEST_ACTOR, at=at("2026-01-05"))
    assert billed(subscription) == []


def test_ended_on_a_day_of_its_trial_nothing_of_it_is_billed() -> None:
    version = fee_of("31.00", "own", per_call("1.00", included="0"), timing="arrears")
    subscription = begin(version, "2026-01-01", trial_days=14)
    use(subscription.customer, 50, at("2026-01-02T12:00"))

    cancel_subscription(
        subscription=subscription,
        when=CancelWhen.ON_DAY,
        on=date(2026, 1, 8),
        actor=TEST_ACTOR,
        at=at("2026-01-03"),
    )
    run_billing(at=at("2026-02-01"))

    subscription.refresh_from_db()
    assert (subscription.state, subscription.ended_at) == ("canceled", at("2026-01-09"))
    assert billed(subscription) == []

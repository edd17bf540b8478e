"""A subscription is paused and resumed: only the time between is free, and nothing counts twice."""

from datetime import date
from typing import Any

import pytest

from analytics.models import MrrMovement
from analytics.services.movements import record_movements
from billing.errors import PlanChangeNotNow
from billing.models import Invoice
from billing.services.changes.pausing import Pause, pause, preview_pause, preview_resumption, resume
from billing.services.changes.plan_changes import change_plan
from billing.services.invoices.invoicing import preview_next_invoice
from billing.services.invoices.renewal import run_billing
from subscriptions.errors import SubscriptionInvalid, TransitionNotAllowed
from subscriptions.models import Subscription
from subscriptions.services.pauses import withdraw_pause
from tests.factories.lifecycle import at, begin, billed, fee_of, lines_of, noted
from tests.factories.subscriptions import TEST_ACTOR, per_call, recurring
from tests.factories.usage import use
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db


def stop(subscription: Subscription, when: str, **terms: Any) -> Pause:
    return pause(subscription=subscription, actor=TEST_ACTOR, at=at(when), **terms)


def go_on(subscription: Subscription, when: str) -> Invoice | None:
    return resume(subscription=subscription, actor=TEST_ACTOR, at=at(when)).invoice


def now_of(subscription: Subscription) -> Subscription:
    subscription.refresh_from_db()
    return subscription


@pytest.mark.parametrize(
    ("policy", "given_back"), [("own", "16.00"), ("killbill", "17.00"), ("lago", "16.00")]
)
def test_in_advance_unused_days_are_credited_and_charged_again_when_it_goes_on(
    policy: str, given_back: str
) -> None:
    subscription = begin(fee_of("31.00", policy), "2026-01-01")

    stop(subscription, "2026-01-15T10:00")
    again = go_on(subscription, "2026-01-20T10:00")
    run_billing(at=at("2026-02-01"))

    assert noted(subscription) == [given_back]
    assert lines_of(again) == [("recurring", "12.00")]
    assert billed(subscription)[1:] == [
        ("2026-01-20", "2026-02-01", "12.00"),
        ("2026-02-01", "2026-03-01", "31.00"),
    ]


def test_usage_up_to_the_pause_is_billed_at_once_and_none_of_it_again() -> None:
    version = fee_of("31.00", "own", per_call("1.00", included="0"))
    subscription = begin(version, "2026-01-01")
    use(subscription.customer, 5, at("2026-01-10"))
    use(subscription.customer, 2, at("2026-01-15T08:00"))

    done = stop(subscription, "2026-01-15T10:00")
    go_on(subscription, "2026-01-20T10:00")
    use(subscription.customer, 1, at("2026-01-25"))
    run_billing(at=at("2026-02-01"))

    assert lines_of(done.invoice) == [("usage", "7.00")]
    assert billed(subscription, "usage") == [
        ("2026-01-01", "2026-01-16", "7.00"),
        ("2026-01-20", "2026-02-01", "1.00"),
    ]


@pytest.mark.parametrize("again", ["2026-01-15T18:00", "2026-01-20T10:00"])
def test_to_the_second_the_day_of_the_pause_is_billed_with_its_usage_once(again: str) -> None:
    version = fee_of("31.00", "stripe", per_call("1.00", included="0"))
    subscription = begin(version, "2026-01-01")
    use(subscription.customer, 5, at("2026-01-15T08:00"))

    done = stop(subscription, "2026-01-15T12:00")
    go_on(subscription, again)
    use(subscription.customer, 1, at("2026-01-25"))
    run_billing(at=at("2026-02-01"))

    assert lines_of(done.invoice) == [("usage", "5.00")]
    assert [line[2] for line in billed(subscription, "usage")] == ["5.00", "1.00"]


@pytest.mark.parametrize("policy", ["own", "killbill"])
def test_paused_and_resumed_on_one_day_costs_and_gives_nothing(policy: str) -> None:
    subscription = begin(fee_of("31.00", policy, timing="arrears"), "2026-01-01")

    stop(subscription, "2026-01-15T10:00")
    go_on(subscription, "2026-01-15T12:00")
    run_billing(at=at("2026-02-01"))

    assert sum(float(amount) for _, _, amount in billed(subscription)) == 31
    assert subscription.phases.count() == 1


def test_until_a_day_the_run_lets_it_go_on() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    stop(subscription, "2026-01-15T10:00", resume_on=date(2026, 3, 10))

    run_billing(at=at("2026-03-09"))
    assert now_of(subscription).state == "paused"
    run_billing(at=at("2026-03-10"))

    assert (now_of(subscription).state, subscription.resume_at) == ("active", None)
    assert billed(subscription)[1:] == [("2026-03-10", "2026-04-01", "22.00")]
    assert subscription.current_period_end == at("2026-04-01")


def test_at_the_end_of_the_period_nothing_is_given_back() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    stop(subscription, "2026-01-15T10:00", at_period_end=True)
    assert (now_of(subscription).state, subscription.pause_at) == ("active", at("2026-02-01"))

    run_billing(at=at("2026-02-05"))

    assert (now_of(subscription).state, subscription.paused_from) == ("paused", at("2026-02-01"))
    assert (noted(subscription), len(billed(subscription))) == ([], 1)
    again = go_on(subscription, "2026-02-15")
    assert lines_of(again) == [("recurring", "15.50")]


def test_a_pause_that_waits_can_be_withdrawn() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    stop(subscription, "2026-01-15T10:00", at_period_end=True)

    withdraw_pause(subscription=subscription, actor=TEST_ACTOR, at=at("2026-01-16"))
    run_billing(at=at("2026-02-01"))

    assert (now_of(subscription).state, len(billed(subscription))) == ("active", 2)


def test_what_is_paused_cannot_be_paused_changed_or_resumed_twice() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    with pytest.raises(TransitionNotAllowed):
        preview_resumption(subscription=subscription, at=at("2026-01-05"))
    with pytest.raises(SubscriptionInvalid):
        preview_pause(subscription=subscription, at=at("2026-01-15"), resume_on=date(2026, 1, 10))
    stop(subscription, "2026-01-15T10:00")

    with pytest.raises(TransitionNotAllowed):
        stop(subscription, "2026-01-16")
    with pytest.raises(PlanChangeNotNow):
        change_plan(
            subscription=subscription,
            plan_version=fee_of("62.00"),
            quantity=1,
            actor=TEST_ACTOR,
            at=at("2026-01-15T11:00"),
        )
    assert noted(subscription) == ["16.00"]


def test_a_trial_cannot_be_paused() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01", trial_days=14)

    with pytest.raises(TransitionNotAllowed):
        stop(subscription, "2026-01-05")


def test_paused_is_no_recurring_revenue_and_resumed_is() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    stop(subscription, "2026-01-15T10:00")
    go_on(subscription, "2026-01-20T10:00")

    record_movements(at=at("2026-01-21"))

    moved = MrrMovement.objects.that_moved().order_by("effective_at", "pk")
    assert [(m.kind, m.amount.amount) for m in moved] == [
        ("new", 31),
        ("churn", -31),
        ("reactivation", 31),
    ]


def test_every_move_leaves_a_row_with_who_and_why() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    stop(subscription, "2026-01-15T10:00", reason="Renovation")
    go_on(subscription, "2026-01-20T10:00")

    rows = subscription.transitions.order_by("pk")
    assert [(row.event, row.to_state, row.reason) for row in rows] == [
        ("subscribed", "active", ""),
        ("paused", "paused", "Renovation"),
        ("resumed", "active", ""),
    ]


def test_what_goes_on_by_itself_pays_no_set_up_fee_again() -> None:
    set_up = recurring("50.00", code="setup", name="Set-up", kind="setup")
    version = fee_of("31.00", "own", set_up)
    subscription = begin(version, "2026-01-01")
    stop(subscription, "2026-01-15T10:00", resume_on=date(2026, 1, 20))

    run_billing(at=at("2026-01-20"))

    assert billed(subscription, "setup") == [("2026-01-01", "2026-02-01", "50.00")]
    assert billed(subscription, "recurring")[1:] == [("2026-01-20", "2026-02-01", "12.00")]


def to_smaller(subscription: Subscription) -> None:
    change_plan(
        subscription=subscription,
        plan_version=fee_of("10.00"),
        quantity=1,
        actor=TEST_ACTOR,
        at=at("2026-01-10"),
    )


def test_a_change_that_came_while_it_was_paused_counts_when_it_goes_on() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    to_smaller(subscription)
    stop(subscription, "2026-01-15")

    seen = preview_resumption(subscription=subscription, at=at("2026-03-10"))
    again = go_on(subscription, "2026-03-10")
    run_billing(at=at("2026-04-01"))

    assert seen.draft is not None
    assert again is not None
    # 10.00 for 22 of 31 days; at the old price it would be 22.00.
    assert seen.draft.totals.total == again.total == Money("7.10", "USD")
    assert billed(subscription)[-1] == ("2026-04-01", "2026-05-01", "10.00")
    phases = subscription.phases.order_by("starts_at").values_list("starts_at", "ends_at")
    assert list(phases) == [
        (at("2026-01-01"), at("2026-01-16")),
        (at("2026-03-10"), None),
    ]
    assert now_of(subscription).plan_changes.get().state == "applied"


def test_it_counts_too_when_the_run_lets_it_go_on() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    to_smaller(subscription)
    stop(subscription, "2026-01-15", resume_on=date(2026, 3, 10))
    ahead = preview_next_invoice(subscription=now_of(subscription))

    run_billing(at=at("2026-03-10"))

    assert ahead is not None
    assert ahead.totals.total == Money("7.10", "USD")
    assert billed(subscription)[-1] == ("2026-03-10", "2026-04-01", "7.10")
    assert now_of(subscription).plan_changes.get().state == "applied"


def test_one_that_is_still_to_come_waits_when_it_goes_on_before() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    to_smaller(subscription)
    stop(subscription, "2026-01-15")

    go_on(subscription, "2026-01-20")
    run_billing(at=at("2026-02-01"))

    assert [line[2] for line in billed(subscription)] == ["31.00", "12.00", "10.00"]

"""A trial is made longer or shorter, or ends at once; the first bill follows in billing."""

from datetime import date, datetime

from django.db import transaction

from subscriptions.domain.proration_policy import TrialAnchor
from subscriptions.domain.schedule import first_anchor, in_trial, opening_period
from subscriptions.errors import SubscriptionInvalid, TransitionNotAllowed
from subscriptions.models import Subscription
from subscriptions.services.changes import ensure_live
from subscriptions.services.lifecycle import lock_subscription, move
from subscriptions.services.policies import policy_of
from subscriptions.services.transitions import Actor, record_transition
from tiktoktoe.kernel.periods import (
    Alignment,
    BillingPeriods,
    local_date,
    local_midnight,
)


@transaction.atomic
def move_trial_end(
    *, subscription: Subscription, ends_on: date, actor: Actor, at: datetime, reason: str = ""
) -> Subscription:
    """Let a trial end at the start of another local day: later, or sooner but after today.

    Periods that are counted from the end of the trial are counted from the new one. What was to
    end with the trial does so still.

    Raises:
        TransitionNotAllowed: If it is in no trial, or would end before it.
        SubscriptionInvalid: If the day is not to come.
    """
    locked = lock_subscription(subscription)
    ensure_trialing(locked)
    ends_at = local_midnight(ends_on, locked.time_zone)
    if ends_at <= at:
        raise SubscriptionInvalid(
            f"{ends_on} has begun", field="ends_on", remedy="end the trial now instead"
        )
    before = locked.trial_ends_at
    if locked.cancel_at == before:
        locked.cancel_at = ends_at
    if locked.cancel_at is not None and locked.cancel_at < ends_at:
        raise TransitionNotAllowed(
            f"its end is scheduled for {locked.cancel_at:%Y-%m-%d}; withdraw the cancellation first"
        )
    _count_from(locked, ends_on, at)
    locked.trial_ends_at = locked.current_period_end = locked.next_billing_at = ends_at
    if locked.bills_trial_usage:
        period = in_trial(locked.billing_periods, locked.current_period_start, ends_at)
        locked.current_period_end = locked.next_billing_at = period.end
    locked.save(
        update_fields=[
            "trial_ends_at",
            "anchor_on",
            "current_period_end",
            "next_billing_at",
            "cancel_at",
        ]
    )
    assert before is not None
    record_transition(
        subscription=locked,
        from_state=locked.state,
        event="trial_extended" if ends_at > before else "trial_shortened",
        effective_at=at,
        actor=actor,
        at=at,
        reason=reason,
        details={"from": before.isoformat(), "to": ends_at.isoformat()},
    )
    return locked


@transaction.atomic
def end_trial(
    *, subscription: Subscription, actor: Actor, at: datetime, reason: str = ""
) -> Subscription:
    """End a trial today: the subscription is active, and billed from this local day on.

    Raises:
        TransitionNotAllowed: If it is in no trial, or its end is scheduled.
    """
    locked = lock_subscription(subscription)
    ensure_trialing(locked)
    if locked.cancel_at is not None:
        raise TransitionNotAllowed("its end is scheduled; withdraw the cancellation first")
    today = local_date(at, locked.time_zone)
    _count_from(locked, today, at)
    interval = locked.plan_version.plan.billing_interval
    period = opening_period(BillingPeriods(locked.anchor_on, locked.time_zone, interval), at)
    locked.trial_ends_at = local_midnight(today, locked.time_zone)
    locked.current_period_start, locked.current_period_end = period.start, period.end
    locked.next_billing_at = period.end
    locked.save(
        update_fields=[
            "trial_ends_at",
            "anchor_on",
            "current_period_start",
            "current_period_end",
            "next_billing_at",
        ]
    )
    return move(
        locked, "active", "trial_converted", effective_at=at, at=at, actor=actor, reason=reason
    )


def ensure_trialing(subscription: Subscription) -> None:
    """Refuse to change a trial that is not.

    Raises:
        SubscriptionEnded: If the subscription has ended.
        TransitionNotAllowed: If it is in no trial.
    """
    ensure_live(subscription)
    if subscription.state != Subscription.State.TRIALING:
        raise TransitionNotAllowed(f"{subscription} is {subscription.state}, in no trial")


def _count_from(subscription: Subscription, day: date, at: datetime) -> None:
    """Move the anchor with the end of the trial, where it was counted from there."""
    plan = subscription.plan_version.plan
    assert subscription.trial_ends_at is not None
    trial_end_on = local_date(subscription.trial_ends_at, subscription.time_zone)
    alignment = Alignment(subscription.alignment)
    if alignment == Alignment.CALENDAR:
        subscription.anchor_on = first_anchor(day, plan.billing_interval, alignment=alignment)
    elif (
        policy_of(plan, at).trial_anchor == TrialAnchor.TRIAL_END
        and subscription.anchor_on == trial_end_on
    ):
        subscription.anchor_on = day

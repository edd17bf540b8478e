"""The instants at which subscriptions are billed: where a period closes and another comes."""

from datetime import datetime

from billing.services.invoices.draft_parts import Boundary
from subscriptions.domain.schedule import in_trial
from subscriptions.models import Subscription
from tiktoktoe.kernel.periods import Period, local_date


def start_boundary(subscription: Subscription) -> Boundary | None:
    """The first instant at which a subscription is billed; in a trial nothing is."""
    if subscription.state == Subscription.State.TRIALING:
        return None
    period = subscription.current_period
    return Boundary(subscription, period.start, None, period)


def next_boundary(subscription: Subscription) -> Boundary | None:
    """The next instant at which a subscription is billed; None when nothing is left to bill."""
    at = subscription.next_billing_at
    if at is None:
        return None
    row = subscription.billing_periods
    if subscription.state == Subscription.State.PAUSED:
        return Boundary(subscription, at, None, coming(subscription, at), row)
    is_trial = subscription.trial_ends_at is not None and at <= subscription.trial_ends_at
    is_free = is_trial and not _closes_trial(subscription, at)
    closed = None if is_free else Period(subscription.current_period_start, at)
    if ends_at(subscription, at) or pauses_at(subscription, at):
        return Boundary(subscription, at, closed, None, row, is_last=True)
    return Boundary(subscription, at, closed, coming(subscription, at), row)


def _closes_trial(subscription: Subscription, at: datetime) -> bool:
    """Whether usage of a trial is billed at an instant: where a period ends then, or everything."""
    if not subscription.bills_trial_usage:
        return False
    row = subscription.billing_periods
    has_begun = local_date(at, subscription.time_zone) > row.anchor_on
    is_boundary = has_begun and row.period_at(at).start == at
    return is_boundary or at != subscription.trial_ends_at or ends_at(subscription, at)


def ends_at(subscription: Subscription, at: datetime) -> bool:
    """Whether a subscription does not go on after an instant."""
    has_ended = subscription.ended_at is not None
    return has_ended or (subscription.cancel_at is not None and subscription.cancel_at <= at)


def pauses_at(subscription: Subscription, at: datetime) -> bool:
    """Whether a subscription is to be paused at an instant."""
    return subscription.pause_at is not None and subscription.pause_at <= at


def coming(subscription: Subscription, at: datetime) -> Period:
    """The period that starts at a boundary; it goes no further than the subscription does.

    In a trial whose usage is billed it goes no further than that.
    """
    trial_ends_at = subscription.trial_ends_at
    if trial_ends_at is not None and at < trial_ends_at:
        end = in_trial(subscription.billing_periods, at, trial_ends_at).end
    else:
        end = subscription.billing_periods.period_at(at).end
    if subscription.cancel_at is not None and at < subscription.cancel_at:
        end = min(end, subscription.cancel_at)
    return Period(at, end)

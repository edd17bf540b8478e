"""From where periods are counted once a pause is over, by the policy."""

from collections.abc import Iterable
from datetime import datetime

from subscriptions.domain.proration_policy import ProrationPolicy
from subscriptions.domain.schedule import anchor_after_change
from subscriptions.models import Subscription
from subscriptions.services.policies import PolicyBook
from tiktoktoe.kernel.periods import Alignment, local_date


def count_from_resumptions(subscriptions: Iterable[Subscription]) -> None:
    """Count the periods of those that resume with their next bill as their policies say.

    They are changed in memory only: whoever resumes them writes it down.
    """
    resuming = [s for s in subscriptions if s.state == Subscription.State.PAUSED]
    policies = PolicyBook() if resuming else None
    for subscription in resuming:
        at = subscription.next_billing_at
        if at is not None and policies is not None:
            policy = policies.of_plan(subscription.plan_version.plan_id, at)
            count_from_resumption(subscription, at, policy)


def count_from_resumption(
    subscription: Subscription, resumed_at: datetime, policy: ProrationPolicy
) -> None:
    """Count one subscription's periods as they are counted from an instant on."""
    subscription.anchor_on = anchor_after_change(
        rule=policy.resume_anchor,
        alignment=Alignment(subscription.alignment),
        anchor_on=subscription.anchor_on,
        changed_on=local_date(resumed_at, subscription.time_zone),
        interval=subscription.plan_version.plan.billing_interval,
    )

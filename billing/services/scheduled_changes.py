"""Changes of plan that were scheduled take effect when the subscription is billed next."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from billing.models import PlanChange
from billing.services.drafting import ends_at
from subscriptions.models import Subscription
from subscriptions.services.changes import switch_plan
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.periods import local_date


def scheduled_changes(subscriptions: Iterable[Subscription]) -> list[PlanChange]:
    """The changes that take effect when these subscriptions are billed next."""
    by_id = {s.pk: s for s in subscriptions if s.next_billing_at is not None}
    changes = PlanChange.objects.filter(subscription__in=by_id, state="scheduled")
    due = []
    for change in changes.select_related("plan_version__plan", "actor"):
        change.subscription = by_id[change.subscription_id]
        boundary = change.subscription.next_billing_at
        if boundary is not None and change.effective_at <= boundary:
            due.append(change)
    return due


def put_on_plan(subscription: Subscription, change: PlanChange) -> None:
    """Let a loaded subscription be as after a change; a new interval is counted from there."""
    boundary = subscription.next_billing_at
    assert boundary is not None
    old = subscription.plan_version.plan.billing_interval
    subscription.plan_version = change.plan_version
    subscription.quantity = change.quantity
    if change.plan_version.plan.billing_interval != old:
        subscription.anchor_on = local_date(boundary, subscription.time_zone)


def apply_scheduled_changes(subscriptions: Sequence[Subscription], *, at: datetime) -> int:
    """Apply what was scheduled for the boundary that locked subscriptions are being billed at.

    In the caller's transaction; gives how many went to another plan. One that ends there
    needs none any more.
    """
    applied = 0
    for change in scheduled_changes(subscriptions):
        subscription = change.subscription
        boundary = subscription.next_billing_at
        assert boundary is not None
        if ends_at(subscription, boundary):
            PlanChange.objects.filter(pk=change.pk).update(state="withdrawn")
            continue
        switch_plan(
            subscription=subscription,
            plan_version=change.plan_version,
            quantity=change.quantity,
            effective_at=boundary,
            actor=Actor(source=change.source, user=change.actor),
            at=at,
        )
        put_on_plan(subscription, change)
        subscription.save(update_fields=["anchor_on"])
        PlanChange.objects.filter(pk=change.pk).update(state="applied", applied_at=at)
        applied += 1
    return applied

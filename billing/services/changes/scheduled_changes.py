"""Changes of plan that were scheduled take effect when the subscription is billed next."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from django.db.models import QuerySet

from billing.models import PlanChange
from billing.services.invoices.boundaries import coming, ends_at, next_boundary, pauses_at
from billing.services.invoices.draft_parts import Boundary
from billing.services.invoices.resuming import count_from_resumptions
from subscriptions.domain.proration_policy import AnchorRule
from subscriptions.domain.schedule import anchor_after_change
from subscriptions.models import Subscription
from subscriptions.services.changes import switch_plan
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.periods import Alignment, local_date
from tiktoktoe.standing import standing


def scheduled_changes(subscriptions: Iterable[Subscription]) -> list[PlanChange]:
    """The changes that take effect when these subscriptions are billed next."""
    by_id = {s.pk: s for s in subscriptions if s.next_billing_at is not None}
    if not by_id:
        return []
    due = []
    for change in _scheduled.rows(subscriptions=list(by_id)):
        change.subscription = by_id[change.subscription_id]
        boundary = change.subscription.next_billing_at
        if boundary is not None and change.effective_at <= boundary:
            due.append(change)
    return due


@standing
def _scheduled(subscriptions: list[int]) -> "QuerySet[PlanChange]":
    changes = PlanChange.objects.filter(subscription__any_of=subscriptions, state="scheduled")
    return changes.order_by("pk").select_related("plan_version__plan", "actor")


def rehearsed_boundaries(
    subscriptions: Sequence[Subscription], *, has_changes: bool = True
) -> list[Boundary]:
    """The next boundary of each, with what is scheduled for it; nothing is written.

    `has_changes`: whether any change is, where that is known.
    The loaded subscriptions are left on the plans that they go to.
    """
    count_from_resumptions(subscriptions)
    boundaries = [b for s in subscriptions if (b := next_boundary(s)) is not None]
    for change in scheduled_changes(subscriptions) if has_changes else ():
        boundary = change.subscription.next_billing_at
        assert boundary is not None
        stops = ends_at(change.subscription, boundary) or pauses_at(change.subscription, boundary)
        if not stops:
            put_on_plan(change.subscription, change, boundary)
    return with_coming(boundaries)


def with_coming(boundaries: Iterable[Boundary]) -> list[Boundary]:
    """Boundaries whose coming period is that of the plan that their subscription is on now."""
    return [
        b if b.coming is None else replace(b, coming=coming(b.subscription, b.at))
        for b in boundaries
    ]


def change_by(subscription: Subscription, boundary: datetime) -> PlanChange | None:
    """The change that was to take effect by an instant, and waits still: it was paused then."""
    waiting = PlanChange.objects.filter(
        subscription=subscription, state="scheduled", effective_at__lte=boundary
    )
    return waiting.select_related("plan_version__plan", "actor").first()


def put_on_plan(subscription: Subscription, change: PlanChange, boundary: datetime) -> None:
    """Let a loaded subscription be as after a change; a new interval is counted from there."""
    old = subscription.plan_version.plan.billing_interval
    subscription.plan_version = change.plan_version
    subscription.quantity = change.quantity
    if change.plan_version.plan.billing_interval != old:
        subscription.anchor_on = anchor_after_change(
            rule=AnchorRule(change.anchor_rule),
            alignment=Alignment(subscription.alignment),
            anchor_on=subscription.anchor_on,
            changed_on=local_date(boundary, subscription.time_zone),
            interval=change.plan_version.plan.billing_interval,
        )


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
        if pauses_at(subscription, boundary):
            continue
        apply_change(change, subscription, boundary, at=at)
        applied += 1
    return applied


def apply_change(
    change: PlanChange, subscription: Subscription, boundary: datetime, *, at: datetime
) -> None:
    """Put a locked subscription on what it was to go to; in the caller's transaction."""
    switch_plan(
        subscription=subscription,
        plan_version=change.plan_version,
        quantity=change.quantity,
        effective_at=boundary,
        boundary=boundary,
        actor=Actor(source=change.source, user=change.actor),
        reason=change.reason,
        at=at,
    )
    put_on_plan(subscription, change, boundary)
    subscription.save(update_fields=["anchor_on"])
    PlanChange.objects.filter(pk=change.pk).update(state="applied", applied_at=at)

"""Add-ons are put on subscriptions, changed and taken off; money follows in billing."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest

from subscriptions.models import (
    PlanVersion,
    Subscription,
    SubscriptionAddOn,
    SubscriptionTransition,
)
from subscriptions.services.meters import usage_begins
from subscriptions.services.transitions import SCHEDULE, Actor, record_transition
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)

CHANGED = "add_on_changed"
SCHEDULED = "add_on_scheduled"


def current_add_on(
    subscription: Subscription, version: PlanVersion, at: datetime
) -> SubscriptionAddOn | None:
    """What a subscription has at an instant of the add-on that a version is of."""
    return _there.first(subscription=subscription.pk, plan=version.plan_id, at=at)


@standing
def _there(subscription: int, plan: int, at: datetime) -> "QuerySet[SubscriptionAddOn]":
    rows = SubscriptionAddOn.objects.at(at).select_related("plan_version")
    return rows.filter(subscription=subscription, plan=plan).order_by("starts_at")[:1]


def put_add_on(
    *,
    subscription: Subscription,
    version: PlanVersion,
    quantity: int,
    boundary: datetime,
    is_scheduled: bool,
    owes_setup: bool,
    actor: Actor,
    at: datetime,
    reason: str = "",
) -> None:
    """Let a locked subscription have so many of an add-on from a boundary on; 0 takes it off.

    What was scheduled for it before is replaced. In the caller's transaction.
    """
    rows = SubscriptionAddOn.objects.filter(subscription=subscription, plan=version.plan_id)
    before = current_add_on(subscription, version, at)
    replaced = list(rows.filter(starts_at__gte=boundary))
    rows.filter(starts_at__gte=boundary).delete()
    in_trial = subscription.state == Subscription.State.TRIALING
    held = [*replaced, before] if before and in_trial else replaced
    owes_setup = owes_setup or any(row.owes_setup for row in held)
    stays = rows.filter(starts_at__lt=boundary).order_by("starts_at").last()
    is_there = stays is not None and (stays.ends_at is None or stays.ends_at >= boundary)
    is_same = (
        stays is not None
        and is_there
        and (stays.plan_version_id, stays.quantity) == (version.pk, quantity)
    )
    if stays is not None and is_there:
        stays.ends_at = None if is_same else boundary
        stays.save(update_fields=["ends_at"])
    if quantity and not is_same:
        SubscriptionAddOn.objects.create(
            subscription=subscription,
            plan_id=version.plan_id,
            plan_version=version,
            quantity=quantity,
            starts_at=boundary,
            owes_setup=owes_setup,
            usage_from=usage_begins(
                version,
                customer_id=subscription.customer_id,
                start=boundary,
                time_zone=subscription.time_zone,
            ),
            created_at=at,
        )
    record_transition(
        subscription=subscription,
        from_state=subscription.state,
        event=SCHEDULED if is_scheduled else CHANGED,
        effective_at=at if is_scheduled else boundary,
        actor=actor,
        at=at,
        reason=reason,
        details={
            **_details(before, version, quantity),
            **({"change_at": boundary.isoformat()} if is_scheduled else {}),
        },
    )
    logger.info("add-on changed", extra={"subscription": subscription.reference})


def end_add_ons(*, subscription: Subscription, at: datetime) -> None:
    """Let a subscription's add-ons end with it, in the caller's transaction."""
    rows = SubscriptionAddOn.objects.filter(subscription=subscription)
    rows.filter(starts_at__gt=at).delete()
    rows.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=at)).update(
        ends_at=Greatest(at, F("starts_at") + timedelta(seconds=1))
    )


@standing
def _ending(
    subscriptions: list[int], since: datetime, until: datetime
) -> "QuerySet[SubscriptionAddOn]":
    ends = SubscriptionAddOn.objects.filter(
        subscription__any_of=subscriptions, ends_at__gte=since, ends_at__lte=until
    )
    return ends.select_related("subscription", "plan_version__plan")


def note_scheduled_add_ons(boundaries: Mapping[int, datetime], *, at: datetime) -> int:
    """Write down which add-ons came, changed or went at boundaries that subscriptions passed.

    In the caller's transaction; one query where there are none. Gives how many.
    """
    if not boundaries:
        return 0
    instants = boundaries.values()
    ends = _ending.rows(subscriptions=[*boundaries], since=min(instants), until=max(instants))
    gone = [row for row in ends if row.ends_at == boundaries[row.subscription_id]]
    if not gone:
        return 0
    begun = SubscriptionAddOn.objects.filter(
        subscription__in=[row.subscription_id for row in gone],
        starts_at__in=[row.ends_at for row in gone],
    )
    after = {(row.subscription_id, row.plan_id, row.starts_at): row for row in begun}
    made = []
    for row in gone:
        assert row.ends_at is not None
        follows = after.get((row.subscription_id, row.plan_id, row.ends_at))
        version = follows.plan_version_id if follows else row.plan_version_id
        made.append(
            SubscriptionTransition(
                subscription=row.subscription,
                from_state=row.subscription.state,
                to_state=row.subscription.state,
                event=CHANGED,
                effective_at=row.ends_at,
                recorded_at=at,
                source=SCHEDULE.source,
                details={
                    "add_on": row.plan_version.plan.code,
                    "from_plan_version": row.plan_version_id,
                    "from_quantity": row.quantity,
                    "to_plan_version": version,
                    "to_quantity": follows.quantity if follows else 0,
                },
            )
        )
    SubscriptionTransition.objects.bulk_create(made)
    return len(made)


def _details(
    before: SubscriptionAddOn | None, version: PlanVersion, quantity: int
) -> dict[str, object]:
    return {
        "add_on": version.plan.code,
        "from_plan_version": before.plan_version_id if before else version.pk,
        "from_quantity": before.quantity if before else 0,
        "to_plan_version": version.pk,
        "to_quantity": quantity,
    }

"""A subscription's plan, quantity and end are changed by people; money follows in billing."""

import logging
from datetime import date, datetime

from django.db import transaction
from django.db.models import QuerySet

from subscriptions.domain.proration_policy import UnusedTime
from subscriptions.errors import (
    PlanVersionNotOnSale,
    SubscriptionEnded,
    SubscriptionInvalid,
    TransitionNotAllowed,
)
from subscriptions.models import PlanVersion, Subscription, SubscriptionPhase
from subscriptions.services.lifecycle import lock_subscription
from subscriptions.services.transitions import Actor, record_transition
from tiktoktoe.kernel.periods import Period, local_date, local_midnight
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)


@transaction.atomic
def switch_plan(
    *,
    subscription: Subscription,
    plan_version: PlanVersion,
    quantity: int,
    effective_at: datetime,
    actor: Actor,
    at: datetime,
    reason: str = "",
    boundary: datetime | None = None,
    period: Period | None = None,
    anchor_on: date | None = None,
    trial_ends_at: datetime | None = None,
) -> Subscription:
    """Put a subscription on other prices from the local midnight at or before an instant.

    The day of the change belongs to the new plan. The billing period stays as it is, unless
    another one is given.

    Args:
        subscription: What changes.
        plan_version: The new prices.
        quantity: The new quantity.
        effective_at: When it is asked for.
        actor: By whom.
        at: Now.
        reason: Why.
        boundary: Instead of the local midnight, the instant from which it counts.
        period: The period that it is in from then on.
        anchor_on: The day from which its periods are counted from then on.
        trial_ends_at: When its trial ends from then on, if it is in one whose usage is billed.

    Raises:
        SubscriptionEnded: If it has ended.
        PlanVersionNotOnSale: If the new prices are not on sale, or in another currency.
    """
    locked = lock_subscription(subscription)
    ensure_live(locked)
    ensure_sellable(plan_version, locked, effective_at)
    today = local_midnight(local_date(effective_at, locked.time_zone), locked.time_zone)
    day_start = today if boundary is None else boundary
    old_version_id, old_quantity = locked.plan_version_id, locked.quantity
    if (old_version_id, old_quantity) == (plan_version.pk, quantity):
        return locked
    _change_phase(locked, plan_version, quantity, day_start)
    if locked.is_trialing and trial_ends_at is not None:
        locked.trial_ends_at = trial_ends_at
        locked.usage_from = period.start if period else locked.usage_from
    _put_on(locked, plan_version, quantity, period=period, anchor_on=anchor_on)
    record_transition(
        subscription=locked,
        from_state=locked.state,
        event="plan_changed",
        effective_at=day_start,
        actor=actor,
        at=at,
        reason=reason,
        details={
            "from_plan_version": old_version_id,
            "from_quantity": old_quantity,
            "to_plan_version": plan_version.pk,
            "to_quantity": quantity,
        },
    )
    logger.info("plan changed", extra={"subscription": locked.reference})
    return locked


def _put_on(
    locked: Subscription,
    plan_version: PlanVersion,
    quantity: int,
    *,
    period: Period | None,
    anchor_on: date | None,
) -> None:
    locked.plan_version = plan_version
    locked.quantity = quantity
    locked.anchor_on = anchor_on or locked.anchor_on
    if period is not None:
        locked.current_period_start, locked.current_period_end = period.start, period.end
        locked.next_billing_at = period.end
    locked.save(
        update_fields=[
            "plan_version",
            "quantity",
            "anchor_on",
            "current_period_start",
            "current_period_end",
            "next_billing_at",
            "trial_ends_at",
            "usage_from",
        ]
    )


@transaction.atomic
def schedule_cancellation(
    *,
    subscription: Subscription,
    actor: Actor,
    at: datetime,
    reason: str = "",
    cancel_at: datetime | None = None,
    unused_time: UnusedTime | None = None,
) -> Subscription:
    """Let a subscription run to the end of its current period, or to an instant, and no further.

    Raises:
        SubscriptionEnded: If it has ended already.
        SubscriptionInvalid: If the instant is not to come.
        TransitionNotAllowed: If it is paused.
    """
    locked = lock_subscription(subscription)
    ensure_live(locked)
    ensure_not_paused(locked)
    if cancel_at is not None and cancel_at <= at:
        raise SubscriptionInvalid("that day is over", field="cancel_on", remedy="cancel it now")
    if locked.cancel_at is not None:
        return locked
    locked.cancel_at = cancel_at or locked.current_period_end
    locked.cancel_unused_time = unused_time or ""
    locked.next_billing_at = min(locked.current_period_end, locked.cancel_at)
    locked.save(update_fields=["cancel_at", "cancel_unused_time", "next_billing_at"])
    record_transition(
        subscription=locked,
        from_state=locked.state,
        event="cancellation_scheduled",
        effective_at=at,
        actor=actor,
        at=at,
        reason=reason,
        details={"cancel_at": locked.cancel_at.isoformat()},
    )
    return locked


@transaction.atomic
def withdraw_cancellation(
    *, subscription: Subscription, actor: Actor, at: datetime
) -> Subscription:
    """Let a subscription whose end was scheduled go on after all.

    Raises:
        SubscriptionEnded: If it has ended already.
    """
    locked = lock_subscription(subscription)
    ensure_live(locked)
    if locked.cancel_at is None:
        return locked
    locked.cancel_at = None
    locked.cancel_unused_time = ""
    if locked.next_billing_at is not None:
        locked.next_billing_at = locked.current_period_end
    locked.save(update_fields=["cancel_at", "cancel_unused_time", "next_billing_at"])
    record_transition(
        subscription=locked,
        from_state=locked.state,
        event="cancellation_withdrawn",
        effective_at=at,
        actor=actor,
        at=at,
    )
    return locked


def ensure_not_paused(subscription: Subscription) -> None:
    """Refuse to change what is paused.

    Raises:
        TransitionNotAllowed: If it is.
    """
    if subscription.state == Subscription.State.PAUSED:
        raise TransitionNotAllowed(f"{subscription} is paused; resume it first")


def ensure_live(subscription: Subscription) -> None:
    """Refuse to change what has ended.

    Raises:
        SubscriptionEnded: If it has.
    """
    if subscription.ended_at is not None:
        day = local_date(subscription.ended_at, subscription.time_zone)
        raise SubscriptionEnded(f"{subscription} ended on {day}")


def ensure_sellable(
    version: PlanVersion, subscription: Subscription, effective_at: datetime
) -> None:
    """Refuse prices that a subscription cannot go to at an instant.

    Raises:
        PlanVersionNotOnSale: If they are not on sale then, or in another currency, or an add-on's.
    """
    ensure_no_add_on(version)
    ensure_on_sale(version, subscription, effective_at)


def ensure_no_add_on(version: PlanVersion) -> None:
    """Refuse an add-on where a plan is wanted.

    Raises:
        PlanVersionNotOnSale: If it is one.
    """
    if version.plan.is_add_on:
        raise PlanVersionNotOnSale(f"{version.plan} is sold beside a plan, never alone")


def ensure_on_sale(
    version: PlanVersion, subscription: Subscription, effective_at: datetime
) -> None:
    """Refuse prices that a subscription cannot have at an instant.

    Raises:
        PlanVersionNotOnSale: If they are not on sale then, or in another currency.
    """
    if version.published_at is None or version.effective_from > effective_at:
        raise PlanVersionNotOnSale(f"{version} is not on sale yet")
    if version.currency != subscription.currency:
        raise PlanVersionNotOnSale(
            f"{version} is priced in {version.currency}, "
            f"the subscription is in {subscription.currency}"
        )


@standing
def _open_phase(subscription: int) -> "QuerySet[SubscriptionPhase]":
    phases = SubscriptionPhase.objects.filter(subscription=subscription, ends_at__isnull=True)
    return phases.order_by("starts_at")[:1]


def _change_phase(
    subscription: Subscription, version: PlanVersion, quantity: int, day_start: datetime
) -> None:
    """Close the open phase and open the next; a second change on a day replaces the first.

    What is paused has none: its next phase begins when it goes on.
    """
    current = _open_phase.first(subscription=subscription.pk)
    if current is None:
        return
    if current.starts_at >= day_start:
        current.plan_version = version
        current.quantity = quantity
        current.save(update_fields=["plan_version", "quantity"])
        return
    current.ends_at = day_start
    current.save(update_fields=["ends_at"])
    SubscriptionPhase.objects.create(
        subscription=subscription, plan_version=version, quantity=quantity, starts_at=day_start
    )

"""A subscription's plan, quantity and end are changed by people; money follows in billing."""

import logging
from datetime import datetime

from django.db import transaction

from subscriptions.errors import PlanVersionNotOnSale, SubscriptionEnded
from subscriptions.models import PlanVersion, Subscription, SubscriptionPhase
from subscriptions.services.lifecycle import lock_subscription
from subscriptions.services.transitions import Actor, record_transition
from tiktoktoe.kernel.periods import local_date, local_midnight

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
) -> Subscription:
    """Put a subscription on other prices from the local midnight at or before an instant.

    The day of the change belongs to the new plan. The billing period stays as it is.

    Raises:
        SubscriptionEnded: If it has ended.
        PlanVersionNotOnSale: If the new prices are not on sale, or in another currency.
    """
    locked = lock_subscription(subscription)
    _ensure_live(locked)
    ensure_sellable(plan_version, locked, effective_at)
    day_start = local_midnight(local_date(effective_at, locked.time_zone), locked.time_zone)
    old_version_id, old_quantity = locked.plan_version_id, locked.quantity
    if (old_version_id, old_quantity) == (plan_version.pk, quantity):
        return locked
    _change_phase(locked, plan_version, quantity, day_start)
    locked.plan_version = plan_version
    locked.quantity = quantity
    locked.save(update_fields=["plan_version", "quantity"])
    record_transition(
        subscription=locked,
        from_state=locked.state,
        event="plan_changed",
        effective_at=day_start,
        actor=actor,
        at=at,
        details={
            "from_plan_version": old_version_id,
            "from_quantity": old_quantity,
            "to_plan_version": plan_version.pk,
            "to_quantity": quantity,
        },
    )
    logger.info("plan changed", extra={"subscription": locked.reference})
    return locked


@transaction.atomic
def schedule_cancellation(
    *, subscription: Subscription, actor: Actor, at: datetime, reason: str = ""
) -> Subscription:
    """Let a subscription run to the end of its current period and no further.

    Raises:
        SubscriptionEnded: If it has ended already.
    """
    locked = lock_subscription(subscription)
    _ensure_live(locked)
    if locked.cancel_at is not None:
        return locked
    locked.cancel_at = locked.current_period_end
    locked.save(update_fields=["cancel_at"])
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
    _ensure_live(locked)
    if locked.cancel_at is None:
        return locked
    locked.cancel_at = None
    locked.save(update_fields=["cancel_at"])
    record_transition(
        subscription=locked,
        from_state=locked.state,
        event="cancellation_withdrawn",
        effective_at=at,
        actor=actor,
        at=at,
    )
    return locked


def _ensure_live(subscription: Subscription) -> None:
    if subscription.ended_at is not None:
        raise SubscriptionEnded(f"{subscription} ended on {subscription.ended_at:%Y-%m-%d}")


def ensure_sellable(
    version: PlanVersion, subscription: Subscription, effective_at: datetime
) -> None:
    """Refuse prices that a subscription cannot go to at an instant.

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


def _change_phase(
    subscription: Subscription, version: PlanVersion, quantity: int, day_start: datetime
) -> None:
    """Close the open phase and open the next; a second change on a day replaces the first."""
    current = SubscriptionPhase.objects.get(subscription=subscription, ends_at__isnull=True)
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

"""A subscription moves from state to state; each move is a row."""

import logging
from datetime import datetime

from django.db import transaction

from subscriptions.domain.lifecycle import ensure_allowed
from subscriptions.models import Subscription, SubscriptionPhase
from subscriptions.services.transitions import SCHEDULE, Actor, record_transition

logger = logging.getLogger(__name__)


@transaction.atomic
def convert_trial(*, subscription: Subscription, at: datetime) -> Subscription:
    """End a trial: the subscription becomes active. A trial converted already stays so."""
    locked = lock_subscription(subscription)
    if locked.state != Subscription.State.TRIALING:
        return locked
    effective_at = locked.trial_ends_at or at
    return _move(locked, "active", "trial_converted", effective_at=effective_at, at=at)


@transaction.atomic
def mark_past_due(*, subscription: Subscription, reason: str, at: datetime) -> Subscription:
    """Note that an invoice could not be collected; a subscription not active stays as it is."""
    locked = lock_subscription(subscription)
    if locked.state != Subscription.State.ACTIVE:
        return locked
    return _move(locked, "past_due", "payment_failed", effective_at=at, at=at, reason=reason)


@transaction.atomic
def mark_recovered(*, subscription: Subscription, at: datetime) -> Subscription:
    """Note that everything owed has been paid after all; only a past-due one moves."""
    locked = lock_subscription(subscription)
    if locked.state != Subscription.State.PAST_DUE:
        return locked
    return _move(locked, "active", "payment_recovered", effective_at=at, at=at)


@transaction.atomic
def end_subscription(
    *,
    subscription: Subscription,
    effective_at: datetime,
    at: datetime,
    actor: Actor = SCHEDULE,
    reason: str = "",
) -> Subscription:
    """End a subscription at an instant; ending it again changes nothing.

    Who calls this has billed, or will bill, what is left: `next_billing_at` is untouched.
    """
    locked = lock_subscription(subscription)
    if locked.state == Subscription.State.CANCELED:
        return locked
    locked.ended_at = effective_at
    SubscriptionPhase.objects.filter(
        subscription=locked, ends_at__isnull=True, starts_at__lt=effective_at
    ).update(ends_at=effective_at)
    return _move(
        locked,
        "canceled",
        "canceled",
        effective_at=effective_at,
        at=at,
        actor=actor,
        reason=reason,
    )


def lock_subscription(subscription: Subscription) -> Subscription:
    """The subscription as the database has it now, locked until the transaction ends."""
    return Subscription.objects.select_for_update(of=("self",)).get(pk=subscription.pk)


def _move(
    subscription: Subscription,
    to_state: str,
    event: str,
    *,
    effective_at: datetime,
    at: datetime,
    actor: Actor = SCHEDULE,
    reason: str = "",
) -> Subscription:
    from_state = subscription.state
    ensure_allowed(from_state, to_state)
    subscription.state = to_state
    subscription.save(update_fields=["state", "ended_at"])
    record_transition(
        subscription=subscription,
        from_state=from_state,
        event=event,
        effective_at=effective_at,
        actor=actor,
        at=at,
        reason=reason,
    )
    logger.info(
        "subscription moved",
        extra={"subscription": subscription.reference, "from": from_state, "to": to_state},
    )
    return subscription

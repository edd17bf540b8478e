"""A subscription moves from state to state; each move is a row."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from subscriptions.domain.lifecycle import ensure_allowed
from subscriptions.errors import SubscriptionChanged
from subscriptions.models import Subscription, SubscriptionPhase, SubscriptionTransition
from subscriptions.services.add_ons import end_add_ons
from subscriptions.services.transitions import SCHEDULE, Actor, record_transition
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)


@transaction.atomic
def convert_trial(*, subscription: Subscription, at: datetime) -> Subscription:
    """End a trial: the subscription becomes active. A trial converted already stays so."""
    locked = lock_subscription(subscription)
    if locked.state != Subscription.State.TRIALING:
        return locked
    effective_at = locked.trial_ends_at or at
    return move(locked, "active", "trial_converted", effective_at=effective_at, at=at)


@transaction.atomic
def mark_past_due(*, subscription: Subscription, reason: str, at: datetime) -> Subscription:
    """Note that an invoice could not be collected; a subscription not active stays as it is."""
    locked = lock_subscription(subscription)
    if locked.state != Subscription.State.ACTIVE:
        return locked
    return move(locked, "past_due", "payment_failed", effective_at=at, at=at, reason=reason)


@transaction.atomic
def mark_recovered(*, subscription: Subscription, at: datetime) -> Subscription:
    """Note that everything owed has been paid after all; only a past-due one moves."""
    locked = lock_subscription(subscription)
    if locked.state != Subscription.State.PAST_DUE:
        return locked
    return move(locked, "active", "payment_recovered", effective_at=at, at=at)


@transaction.atomic
def end_subscription(
    *,
    subscription: Subscription,
    effective_at: datetime,
    at: datetime,
    actor: Actor = SCHEDULE,
    reason: str = "",
    served_until: datetime | None = None,
) -> Subscription:
    """End a subscription at an instant; ending it again changes nothing.

    Who calls this has billed, or will bill, what is left: `next_billing_at` is untouched.
    `served_until` is up to when it is billed, if that is another instant.
    """
    locked = lock_subscription(subscription)
    if locked.state == Subscription.State.CANCELED:
        return locked
    locked.ended_at = effective_at
    locked.paused_from = None
    close_phase(locked, served_until or effective_at, at=effective_at)
    end_add_ons(subscription=locked, at=effective_at)
    return move(
        locked,
        "canceled",
        "canceled",
        effective_at=effective_at,
        at=at,
        actor=actor,
        reason=reason,
    )


def load_subscription(pk: int) -> Subscription:
    """A subscription as the database has it now, with its customer and plan."""
    return _loaded.get(pk=pk)


@standing
def _loaded(pk: int) -> "QuerySet[Subscription]":
    loaded = Subscription.objects.select_related("customer", "plan_version__plan")
    return loaded.filter(pk=pk).order_by()


def lock_subscription(subscription: Subscription) -> Subscription:
    """The subscription as the database has it now, locked until the transaction ends."""
    return _locked.get(pk=subscription.pk)


@standing
def _locked(pk: int) -> "QuerySet[Subscription]":
    return Subscription.objects.select_for_update(of=("self",)).filter(pk=pk).order_by()


def hold_until_paid(subscription: Subscription) -> None:
    """Let a new subscription wait for its first payment; until then it renews nothing."""
    subscription.state = Subscription.State.INCOMPLETE
    subscription.next_billing_at = None
    subscription.save(update_fields=["state", "next_billing_at"])


@transaction.atomic
def activate_subscription(*, subscription: Subscription, at: datetime) -> Subscription:
    """Begin what waited for its first payment; anything else stays as it is."""
    locked = lock_subscription(subscription)
    if locked.state != Subscription.State.INCOMPLETE:
        return locked
    locked.next_billing_at = locked.current_period_end
    locked.save(update_fields=["next_billing_at"])
    return move(locked, "active", "activated", effective_at=at, at=at)


@transaction.atomic
def expire_subscription(*, subscription: Subscription, reason: str, at: datetime) -> Subscription:
    """Give up what waited for its first payment in vain; anything else stays as it is."""
    locked = lock_subscription(subscription)
    if locked.state != Subscription.State.INCOMPLETE:
        return locked
    locked.ended_at = at
    close_phase(locked, at, at=at)
    end_add_ons(subscription=locked, at=at)
    return move(locked, "expired", "expired", effective_at=at, at=at, reason=reason)


def close_phase(subscription: Subscription, until: datetime, *, at: datetime) -> None:
    """End the open phase where the subscription is no longer served.

    One that has not served any day by the policy ends now, so that it is known at all.
    """
    phase = SubscriptionPhase.objects.filter(subscription=subscription, ends_at__isnull=True)
    for open_phase in phase:
        begun = open_phase.starts_at
        ends_at = until if until > begun else max(at, begun + timedelta(seconds=1))
        open_phase.ends_at = ends_at
        open_phase.save(update_fields=["ends_at"])


def change_token(subscription: Subscription) -> str:
    """Names how a subscription is now; another act, or another period, changes it."""
    last = _last_moves.first(subscription=subscription.pk)
    return f"{last or 0}-{subscription.current_period_start:%Y%m%d%H%M%S}"


@standing
def _last_moves(subscription: int) -> "QuerySet[SubscriptionTransition, int]":
    moves = SubscriptionTransition.objects.filter(subscription=subscription)
    return moves.order_by("-pk").values_list("pk", flat=True)[:1]


def ensure_unchanged(locked: Subscription, expected: str | None) -> None:
    """Refuse to act on what somebody saw before somebody else acted.

    Raises:
        SubscriptionChanged: If it is not as the token says.
    """
    if expected and change_token(locked) != expected:
        raise SubscriptionChanged(f"{locked} was changed in the meantime; look at it again")


def move(
    subscription: Subscription,
    to_state: str,
    event: str,
    *,
    effective_at: datetime,
    at: datetime,
    actor: Actor = SCHEDULE,
    reason: str = "",
    details: Mapping[str, object] | None = None,
) -> Subscription:
    """Put a locked subscription into another state, and write down that it was."""
    from_state = subscription.state
    ensure_allowed(from_state, to_state)
    subscription.state = to_state
    subscription.save(update_fields=["state", "ended_at", "paused_from"])
    record_transition(
        subscription=subscription,
        from_state=from_state,
        event=event,
        effective_at=effective_at,
        actor=actor,
        at=at,
        reason=reason,
        details=details,
    )
    logger.info(
        "subscription moved",
        extra={"subscription": subscription.reference, "from": from_state, "to": to_state},
    )
    return subscription

"""A subscription is paused, and resumed; money follows in billing."""

from datetime import date, datetime, timedelta

from django.db import transaction

from subscriptions.errors import SubscriptionInvalid, TransitionNotAllowed
from subscriptions.models import Subscription, SubscriptionPhase
from subscriptions.services.changes import ensure_live, ensure_not_paused
from subscriptions.services.lifecycle import close_phase, ensure_unchanged, lock_subscription, move
from subscriptions.services.transitions import SCHEDULE, Actor, record_transition
from tiktoktoe.kernel.periods import Period, local_date, local_midnight


def ensure_pausable(
    subscription: Subscription, *, resume_at: datetime | None, paused_from: datetime
) -> None:
    """Refuse to pause what cannot be.

    Raises:
        SubscriptionEnded: If it has ended.
        TransitionNotAllowed: If it is paused, in a trial, not begun, or about to end.
        SubscriptionInvalid: If it would resume before it is paused.
    """
    ensure_live(subscription)
    ensure_not_paused(subscription)
    if subscription.state not in {Subscription.State.ACTIVE, Subscription.State.PAST_DUE}:
        raise TransitionNotAllowed(
            f"{subscription} is {subscription.state}; only what is billed can be paused"
        )
    if subscription.cancel_at is not None:
        raise TransitionNotAllowed("its end is scheduled; withdraw the cancellation first")
    if resume_at is not None and resume_at <= paused_from:
        raise SubscriptionInvalid(
            "it would resume before it is paused", field="resume_on", remedy="a later day"
        )


@transaction.atomic
def pause_subscription(
    *,
    subscription: Subscription,
    paused_from: datetime,
    actor: Actor,
    at: datetime,
    effective_at: datetime | None = None,
    resume_at: datetime | None = None,
    reason: str = "",
) -> Subscription:
    """Stop a subscription: from `paused_from` on it is not billed, until it is resumed.

    Raises what `ensure_pausable` does.
    """
    locked = lock_subscription(subscription)
    ensure_pausable(locked, resume_at=resume_at, paused_from=paused_from)
    close_phase(locked, paused_from, at=effective_at or at)
    locked.paused_from = paused_from
    locked.pause_at, locked.resume_at = None, resume_at
    locked.next_billing_at = resume_at
    locked.save(update_fields=["pause_at", "resume_at", "next_billing_at"])
    return move(
        locked,
        "paused",
        "paused",
        effective_at=effective_at or at,
        at=at,
        actor=actor,
        reason=reason,
        details={
            "paused_from": paused_from.isoformat(),
            "resume_at": resume_at.isoformat() if resume_at else "",
        },
    )


@transaction.atomic
def schedule_pause(
    *,
    subscription: Subscription,
    actor: Actor,
    at: datetime,
    resume_at: datetime | None = None,
    reason: str = "",
) -> Subscription:
    """Let a subscription be paused when its current period ends.

    Raises what `ensure_pausable` does.
    """
    locked = lock_subscription(subscription)
    pause_at = locked.current_period_end
    ensure_pausable(locked, resume_at=resume_at, paused_from=pause_at)
    locked.pause_at, locked.resume_at = pause_at, resume_at
    locked.save(update_fields=["pause_at", "resume_at"])
    record_transition(
        subscription=locked,
        from_state=locked.state,
        event="pause_scheduled",
        effective_at=at,
        actor=actor,
        at=at,
        reason=reason,
        details={
            "pause_at": pause_at.isoformat(),
            "resume_at": resume_at.isoformat() if resume_at else "",
        },
    )
    return locked


@transaction.atomic
def withdraw_pause(*, subscription: Subscription, actor: Actor, at: datetime) -> Subscription:
    """Let a subscription that was to be paused go on; one that is paused stays so.

    Raises:
        SubscriptionEnded: If it has ended.
    """
    locked = lock_subscription(subscription)
    ensure_live(locked)
    if locked.pause_at is None:
        return locked
    locked.pause_at = locked.resume_at = None
    locked.save(update_fields=["pause_at", "resume_at"])
    record_transition(
        subscription=locked,
        from_state=locked.state,
        event="pause_withdrawn",
        effective_at=at,
        actor=actor,
        at=at,
    )
    return locked


def ensure_paused(subscription: Subscription) -> None:
    """Refuse to resume what is not paused.

    Raises:
        SubscriptionEnded: If it has ended.
        TransitionNotAllowed: If it is not paused.
    """
    ensure_live(subscription)
    if subscription.state != Subscription.State.PAUSED:
        raise TransitionNotAllowed(f"{subscription} is {subscription.state}, not paused")


@transaction.atomic
def schedule_resumption(
    *,
    subscription: Subscription,
    resume_on: date | None,
    actor: Actor,
    at: datetime,
    reason: str = "",
    expected: str | None = None,
) -> Subscription:
    """Let what is paused go on by itself when a day begins; None: once somebody resumes it.

    Raises:
        SubscriptionEnded: If it has ended.
        TransitionNotAllowed: If it is not paused.
        SubscriptionInvalid: If that day has begun, or it is not paused by then.
        SubscriptionChanged: If it is not as `expected`, the token of a preview, says.
    """
    locked = lock_subscription(subscription)
    ensure_unchanged(locked, expected)
    ensure_paused(locked)
    resume_at = local_midnight(resume_on, locked.time_zone) if resume_on else None
    assert locked.paused_from is not None
    if resume_at is not None and resume_at <= max(at, locked.paused_from):
        raise SubscriptionInvalid(
            f"{resume_on} has begun, or it is not paused by then",
            field="on",
            remedy="a later day, or resume it now",
        )
    if resume_at == locked.resume_at:
        return locked
    locked.resume_at = locked.next_billing_at = resume_at
    locked.save(update_fields=["resume_at", "next_billing_at"])
    record_transition(
        subscription=locked,
        from_state=locked.state,
        event="resumption_scheduled" if resume_at else "resumption_withdrawn",
        effective_at=at,
        actor=actor,
        at=at,
        reason=reason,
        details={"resume_at": resume_at.isoformat() if resume_at else ""},
    )
    return locked


@transaction.atomic
def resume_subscription(
    *,
    subscription: Subscription,
    period: Period,
    anchor_on: date,
    at: datetime,
    effective_at: datetime | None = None,
    actor: Actor = SCHEDULE,
    reason: str = "",
) -> Subscription:
    """Let a paused subscription go on, in a period that starts when it is billed again.

    `anchor_on` is the day that its periods are counted from, the one before or another.

    Raises what `ensure_paused` does.
    """
    locked = lock_subscription(subscription)
    ensure_paused(locked)
    _open_phase(locked, period.start)
    locked.usage_from = _usage_from(locked, period.start)
    locked.paused_from = locked.resume_at = None
    locked.current_period_start, locked.current_period_end = period.start, period.end
    locked.next_billing_at, locked.anchor_on = period.end, anchor_on
    locked.save(
        update_fields=[
            "anchor_on",
            "usage_from",
            "resume_at",
            "current_period_start",
            "current_period_end",
            "next_billing_at",
        ]
    )
    return move(
        locked,
        "active",
        "resumed",
        effective_at=effective_at or at,
        at=at,
        actor=actor,
        reason=reason,
        details={"billed_from": period.start.isoformat()},
    )


def _usage_from(subscription: Subscription, resumed_at: datetime) -> datetime | None:
    """From when its usage counts: what goes on within the day that a pause cut has billed it."""
    paused_from, zone = subscription.paused_from, subscription.time_zone
    assert paused_from is not None
    day = local_date(paused_from, zone)
    is_cut = local_midnight(day, zone) < paused_from
    if is_cut and local_date(resumed_at, zone) == day:
        return local_midnight(day + timedelta(days=1), zone)
    return subscription.usage_from


def _open_phase(subscription: Subscription, starts_at: datetime) -> None:
    """A new phase on its prices; one on the same that would have no gap before it goes on."""
    last = SubscriptionPhase.objects.filter(subscription=subscription).latest("starts_at")
    prices = (subscription.plan_version_id, subscription.quantity)
    is_same = (last.plan_version_id, last.quantity) == prices
    has_gap = last.ends_at is None or last.ends_at < starts_at
    if not has_gap and (is_same or last.starts_at >= starts_at):
        last.plan_version_id, last.quantity = prices
        last.ends_at = None
        last.save(update_fields=["plan_version", "quantity", "ends_at"])
        return
    if not has_gap:
        last.ends_at = starts_at
        last.save(update_fields=["ends_at"])
    SubscriptionPhase.objects.create(
        subscription=subscription,
        plan_version_id=subscription.plan_version_id,
        quantity=subscription.quantity,
        starts_at=starts_at,
    )

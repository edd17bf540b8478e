"""A change of plan, quantity or add-on, or a pause, is asked for a day to come, and taken back."""

import logging
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from billing.errors import PlanChangeNotNow
from billing.models import DatedChange
from billing.services.changes.wanted import Wanted, dated_change, taken
from subscriptions.models import Subscription
from subscriptions.services.lifecycle import ensure_unchanged, lock_subscription
from subscriptions.services.meters import hold_meters
from subscriptions.services.transitions import Actor, record_transition
from tiktoktoe.kernel.periods import local_midnight
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)
EVENTS = {
    DatedChange.Kind.PLAN: "plan_change",
    DatedChange.Kind.ADD_ON: "add_on",
    DatedChange.Kind.PAUSE: "pause",
}


@transaction.atomic
def schedule_dated_change(
    *,
    subscription: Subscription,
    wanted: Wanted,
    actor: Actor,
    at: datetime,
    reason: str = "",
    expected: str | None = None,
) -> DatedChange:
    """Let something happen to a subscription when a day begins.

    Raises what `dated_change` does, and:
        SubscriptionChanged: If it is not as `expected`, the token of a preview, says.
    """
    hold_meters(subscription.customer_id)
    locked = lock_subscription(subscription)
    ensure_unchanged(locked, expected)
    change = dated_change(subscription=locked, wanted=wanted, actor=actor, at=at, reason=reason)
    try:
        with transaction.atomic():
            change.save()
    except IntegrityError:
        raise taken(wanted.on) from None
    _record(change, "scheduled", actor, at)
    logger.info("change of a day scheduled", extra={"subscription": locked.reference})
    return change


@transaction.atomic
def withdraw_dated_change(*, change: DatedChange, actor: Actor, at: datetime) -> DatedChange:
    """Take back what is to come; from the beginning of its day on somebody may be doing it."""
    change.subscription = lock_subscription(change.subscription)
    waiting = DatedChange.objects.scheduled().filter(pk=change.pk, due_at__gt=at)
    if waiting.update(state=DatedChange.State.WITHDRAWN, done_at=at):
        _record(change, "withdrawn", actor, at)
    change.refresh_from_db(fields=["state", "done_at", "why"])
    return change


def _record(change: DatedChange, what: str, actor: Actor, at: datetime) -> None:
    """The same rows as of a change that waits for the period's end: the same is told of both."""
    subscription = change.subscription
    record_transition(
        subscription=subscription,
        from_state=subscription.state,
        event=f"{EVENTS[DatedChange.Kind(change.kind)]}_{what}",
        effective_at=at,
        actor=actor,
        at=at,
        reason=change.reason if what == "scheduled" else "",
        details={**_details(change), "dated_change": change.pk},
    )


def _details(change: DatedChange) -> dict[str, object]:
    subscription, then = change.subscription, change.due_at.isoformat()
    if change.kind == DatedChange.Kind.PAUSE:
        day = change.resume_on
        resume_at = local_midnight(day, subscription.time_zone).isoformat() if day else ""
        return {"pause_at": then, "resume_at": resume_at}
    details: dict[str, object] = {
        "to_plan_version": change.plan_version_id or subscription.plan_version_id,
        "to_quantity": change.quantity,
        "change_at": then,
    }
    if change.kind == DatedChange.Kind.ADD_ON and change.plan_version is not None:
        details["add_on"] = change.plan_version.plan.code
    return details


@standing
def _of_plan_before(subscription: int, until: datetime, at: datetime) -> "QuerySet[DatedChange]":
    days = DatedChange.objects.scheduled().filter(subscription=subscription, due_at__lt=until)
    of_plan = days.filter(kind=DatedChange.Kind.PLAN).exclude(due_at=at)
    return of_plan.order_by("due_at", "pk")[:1]


def ensure_none_before(subscription: Subscription, until: datetime, at: datetime) -> None:
    """Refuse a change for the period's end that one of a day before it would take the place of.

    One of this very instant is the one that is being made.

    Raises:
        PlanChangeNotNow: If another plan or quantity is scheduled for a day before.
    """
    change = _of_plan_before.first(subscription=subscription.pk, until=until, at=at)
    if change is not None:
        raise PlanChangeNotNow(f"a change is scheduled for {change.on}; withdraw it first")

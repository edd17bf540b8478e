"""A change of plan or quantity, or a pause, is asked for now for a day to come, and taken back."""

import logging
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from billing.errors import DatedChangeInvalid, PlanChangeInvalid, PlanChangeNotNow
from billing.models import DatedChange, PlanChange
from billing.queries.planned_prices import planned_versions
from subscriptions.domain.lifecycle import BILLED_STATES
from subscriptions.domain.proration_policy import UnusedTime
from subscriptions.models import PlanVersion, Subscription
from subscriptions.services.changes import ensure_live, ensure_sellable
from subscriptions.services.lifecycle import ensure_unchanged, lock_subscription
from subscriptions.services.meters import clashing_meter, hold_meters
from subscriptions.services.transitions import Actor, record_transition
from tiktoktoe.kernel.periods import local_midnight

logger = logging.getLogger(__name__)
AHEAD_MAX = timedelta(days=800)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to happen on a day: another plan or quantity, or a pause (`quantity` is None)."""

    on: date
    plan_version: PlanVersion | None = None
    quantity: int | None = None
    resume_on: date | None = None
    prorates: bool | None = None
    unused: UnusedTime | None = None

    @property
    def is_pause(self) -> bool:
        """Whether it is a pause."""
        return self.quantity is None


def dated_change(
    *, subscription: Subscription, wanted: Wanted, actor: Actor, at: datetime, reason: str = ""
) -> DatedChange:
    """What would be scheduled, not saved; refused where it could not be done on its day.

    Raises:
        SubscriptionEnded: If it has ended.
        DatedChangeInvalid: If the day is not to come or too far off, or something else is
            scheduled for it, or it would change nothing.
        PlanChangeInvalid: If the quantity is below 1, or the plan bills a meter that another
            live subscription of the customer bills, or is to bill.
        PlanChangeNotNow: If its end or a pause is scheduled, or it does not run.
        PlanVersionNotOnSale: If the prices are not on sale on that day.
    """
    ensure_live(subscription)
    due_at = local_midnight(wanted.on, subscription.time_zone)
    if not at < due_at <= at + AHEAD_MAX:
        raise DatedChangeInvalid(
            f"{wanted.on} is not to come, or too far off",
            field="on",
            remedy="a later day, or at once; at most 800 days ahead",
        )
    _ensure_runs(subscription, due_at)
    _ensure_free(subscription, wanted, due_at)
    version = None if wanted.is_pause else _version(subscription, wanted, due_at)
    return DatedChange(
        subscription=subscription,
        kind=DatedChange.Kind.PAUSE if wanted.is_pause else DatedChange.Kind.PLAN,
        plan_version=version,
        quantity=wanted.quantity,
        resume_on=wanted.resume_on,
        on=wanted.on,
        due_at=due_at,
        prorates=None if wanted.is_pause else wanted.prorates,
        unused_time=wanted.unused or "",
        reason=reason,
        requested_at=at,
        try_at=due_at,
        source=actor.source,
        actor=actor.user,
    )


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
        raise _taken(wanted.on) from None
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
    if change.kind == DatedChange.Kind.PAUSE:
        day = change.resume_on
        resume_at = local_midnight(day, subscription.time_zone).isoformat() if day else ""
        details: dict[str, object] = {
            "pause_at": change.due_at.isoformat(),
            "resume_at": resume_at,
        }
    else:
        details = {
            "to_plan_version": change.plan_version_id or subscription.plan_version_id,
            "to_quantity": change.quantity,
            "change_at": change.due_at.isoformat(),
        }
    event = "pause" if change.kind == DatedChange.Kind.PAUSE else "plan_change"
    record_transition(
        subscription=subscription,
        from_state=subscription.state,
        event=f"{event}_{what}",
        effective_at=at,
        actor=actor,
        at=at,
        reason=change.reason if what == "scheduled" else "",
        details={**details, "dated_change": change.pk},
    )


def ensure_none_before(subscription: Subscription, until: datetime) -> None:
    """Refuse a change for the period's end that one of a day before it would take the place of.

    Raises:
        PlanChangeNotNow: If another plan or quantity is scheduled for a day before.
    """
    days = DatedChange.objects.scheduled().filter(subscription=subscription, due_at__lt=until)
    change = days.filter(kind=DatedChange.Kind.PLAN).first()
    if change is not None:
        raise PlanChangeNotNow(f"a change is scheduled for {change.on}; withdraw it first")


def _taken(on: date) -> DatedChangeInvalid:
    return DatedChangeInvalid(
        f"something else is scheduled for {on}",
        field="on",
        remedy="another day, or withdraw that first",
    )


def _ensure_runs(subscription: Subscription, due_at: datetime) -> None:
    """Refuse a day on which it would not run, as far as is known."""
    resume_at = subscription.resume_at
    goes_on = resume_at is not None and resume_at < due_at
    if subscription.cancel_at is not None:
        raise PlanChangeNotNow(
            f"its end is scheduled for {subscription.cancel_at:%Y-%m-%d};"
            " withdraw the cancellation first"
        )
    if subscription.state == Subscription.State.PAUSED and not goes_on:
        raise PlanChangeNotNow("it is paused on that day; choose a day after it goes on")
    if subscription.pause_at is not None and not goes_on:
        raise PlanChangeNotNow("a pause is scheduled; withdraw it first")
    if subscription.state not in {*BILLED_STATES, Subscription.State.PAUSED}:
        raise PlanChangeNotNow(f"the subscription is {subscription.state}")


def _ensure_free(subscription: Subscription, wanted: Wanted, due_at: datetime) -> None:
    """Refuse a day for which something is scheduled, or in a pause that is."""
    others = DatedChange.objects.scheduled().filter(subscription=subscription)
    if others.filter(on=wanted.on).exists():
        raise _taken(wanted.on)
    waiting = PlanChange.objects.filter(subscription=subscription, state="scheduled").first()
    is_overtaken = waiting is not None and waiting.effective_at > due_at and not wanted.is_pause
    if is_overtaken or (waiting is not None and waiting.effective_at == due_at):
        raise DatedChangeInvalid(
            "a change is scheduled for the end of the period",
            field="on",
            remedy="a day after it, or withdraw that first",
        )
    until = Q(resume_on=None) | Q(resume_on__gte=wanted.on)
    paused = others.filter(until, kind=DatedChange.Kind.PAUSE, on__lt=wanted.on).first()
    if paused is not None:
        raise DatedChangeInvalid(
            f"it is to be paused from {paused.on} on",
            field="on",
            remedy="a day after it goes on, or withdraw the pause first",
        )
    if wanted.is_pause:
        _ensure_nothing_meanwhile(others.filter(on__gt=wanted.on), wanted)


def _ensure_nothing_meanwhile(later: QuerySet[DatedChange], wanted: Wanted) -> None:
    if wanted.resume_on is not None and wanted.resume_on <= wanted.on:
        raise DatedChangeInvalid(
            "it would resume before it is paused", field="resume_on", remedy="a later day"
        )
    until = Q() if wanted.resume_on is None else Q(on__lte=wanted.resume_on)
    change = later.filter(until).first()
    if change is not None:
        raise DatedChangeInvalid(
            f"something is scheduled for {change.on}, in the pause",
            field="resume_on",
            remedy="let it go on before that day, or withdraw that first",
        )


def _version(subscription: Subscription, wanted: Wanted, due_at: datetime) -> PlanVersion | None:
    """The prices that it is to go to; None: those that it is on by then."""
    assert wanted.quantity is not None
    if wanted.quantity < 1:
        raise PlanChangeInvalid(
            f"{wanted.quantity} is too few", field="quantity", remedy="at least 1"
        )
    version_id, quantity = _by_then(subscription, due_at)
    version = wanted.plan_version
    if version is None or version.pk == version_id:
        if wanted.quantity == quantity:
            raise PlanChangeInvalid("it is on this plan and quantity by then", field="plan_version")
        return None
    ensure_sellable(version, subscription, due_at)
    clash = clashing_meter(
        version,
        customer_id=subscription.customer_id,
        at=due_at,
        planned=planned_versions(subscription.customer_id, changing=subscription),
        changing=subscription,
    )
    if clash is not None:
        raise PlanChangeInvalid(
            f"another live subscription, or an add-on, {clash.bills_it}",
            field="plan_version",
            remedy="take that back first" if clash.is_to_come else "",
        )
    return version


def _by_then(subscription: Subscription, due_at: datetime) -> tuple[int, int]:
    """Prices and quantity that it is on by a day, by what is scheduled before it."""
    version, quantity = subscription.plan_version_id, subscription.quantity
    before: list[tuple[datetime, int | None, int | None]] = [
        *PlanChange.objects.filter(
            subscription=subscription, state="scheduled", effective_at__lt=due_at
        ).values_list("effective_at", "plan_version_id", "quantity"),
        *DatedChange.objects.scheduled()
        .filter(subscription=subscription, kind=DatedChange.Kind.PLAN, due_at__lt=due_at)
        .values_list("due_at", "plan_version_id", "quantity"),
    ]
    for _, to_version, to_quantity in sorted(before, key=lambda row: row[0]):
        version, quantity = to_version or version, to_quantity or quantity
    return version, quantity

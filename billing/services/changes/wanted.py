"""What is wanted for a day to come, and whether it can be, as far as is known."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q, QuerySet

from billing.errors import DatedChangeInvalid, PlanChangeInvalid, PlanChangeNotNow
from billing.models import DatedChange, PlanChange
from billing.services.changes.add_on_checks import check_interval, check_meters
from billing.services.changes.plan_change_checks import ensure_meters_free
from subscriptions.domain.lifecycle import BILLED_STATES
from subscriptions.domain.proration_policy import UnusedTime
from subscriptions.errors import AddOnInvalid
from subscriptions.models import PlanVersion, Subscription
from subscriptions.services.add_ons import current_add_on
from subscriptions.services.changes import ensure_live, ensure_on_sale, ensure_sellable
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.periods import local_date, local_midnight
from tiktoktoe.standing import standing

AHEAD_MAX = timedelta(days=800)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to happen on a day: another plan or quantity, or so many of an add-on, or a pause.

    Of a pause `quantity` is None; of an add-on `plan_version` is its prices.
    """

    on: date
    plan_version: PlanVersion | None = None
    quantity: int | None = None
    is_add_on: bool = False
    resume_on: date | None = None
    prorates: bool | None = None
    unused: UnusedTime | None = None

    @property
    def kind(self) -> DatedChange.Kind:
        """What it is that happens."""
        if self.quantity is None:
            return DatedChange.Kind.PAUSE
        return DatedChange.Kind.ADD_ON if self.is_add_on else DatedChange.Kind.PLAN


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
        AddOnInvalid: If so many of an add-on cannot be had then.
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
    version = None
    if wanted.kind == DatedChange.Kind.PLAN:
        version = _version(subscription, wanted, due_at)
    elif wanted.kind == DatedChange.Kind.ADD_ON:
        version = wanted.plan_version
        _check_add_on(subscription, wanted, due_at)
    return DatedChange(
        subscription=subscription,
        kind=wanted.kind,
        plan_version=version,
        quantity=wanted.quantity,
        resume_on=wanted.resume_on,
        on=wanted.on,
        due_at=due_at,
        prorates=None if wanted.quantity is None else wanted.prorates,
        unused_time=wanted.unused or "",
        reason=reason,
        requested_at=at,
        try_at=due_at,
        source=actor.source,
        actor=actor.user,
    )


def taken(on: date) -> DatedChangeInvalid:
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
        day = local_date(subscription.cancel_at, subscription.time_zone)
        raise PlanChangeNotNow(f"its end is scheduled for {day}; withdraw the cancellation first")
    if subscription.state == Subscription.State.PAUSED and not goes_on:
        raise PlanChangeNotNow("it is paused on that day; choose a day after it goes on")
    if subscription.pause_at is not None and not goes_on:
        raise PlanChangeNotNow("a pause is scheduled; withdraw it first")
    if subscription.state not in {*BILLED_STATES, Subscription.State.PAUSED}:
        raise PlanChangeNotNow(f"the subscription is {subscription.state}")


@standing
def _of_day(subscription: int, on: date) -> "QuerySet[DatedChange, int]":
    others = DatedChange.objects.scheduled().filter(subscription=subscription, on=on)
    return others.order_by().values_list("pk", flat=True)[:1]


@standing
def _waiting_change(subscription: int) -> "QuerySet[PlanChange]":
    changes = PlanChange.objects.filter(subscription=subscription, state="scheduled")
    return changes.order_by("-requested_at", "-pk")[:1]


@standing
def _paused_over(subscription: int, on: date) -> "QuerySet[DatedChange]":
    until = Q(resume_on__isnull=True) | Q(resume_on__gte=on)
    others = DatedChange.objects.scheduled().filter(subscription=subscription)
    pauses = others.filter(until, kind=DatedChange.Kind.PAUSE, on__lt=on)
    return pauses.order_by("due_at", "pk")[:1]


def _ensure_free(subscription: Subscription, wanted: Wanted, due_at: datetime) -> None:
    """Refuse a day for which something is scheduled, or in a pause that is."""
    others = DatedChange.objects.scheduled().filter(subscription=subscription)
    if _of_day.rows(subscription=subscription.pk, on=wanted.on):
        raise taken(wanted.on)
    waiting = _waiting_change.first(subscription=subscription.pk)
    takes_place = waiting is not None and wanted.kind == DatedChange.Kind.PLAN
    is_overtaken = takes_place and waiting is not None and waiting.effective_at > due_at
    is_at_once = wanted.kind != DatedChange.Kind.ADD_ON
    if is_overtaken or (waiting is not None and is_at_once and waiting.effective_at == due_at):
        raise DatedChangeInvalid(
            "a change is scheduled for the end of the period",
            field="on",
            remedy="a day after it, or withdraw that first",
        )
    paused = _paused_over.first(subscription=subscription.pk, on=wanted.on)
    if paused is not None:
        raise DatedChangeInvalid(
            f"it is to be paused from {paused.on} on",
            field="on",
            remedy="a day after it goes on, or withdraw the pause first",
        )
    if wanted.kind == DatedChange.Kind.PAUSE:
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
    ensure_meters_free(subscription, version, at=due_at)
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


def _check_add_on(subscription: Subscription, wanted: Wanted, due_at: datetime) -> None:
    """Refuse so many of an add-on that it cannot have on a day, as far as is known."""
    version, quantity = wanted.plan_version, wanted.quantity
    assert version is not None
    assert quantity is not None
    if not version.plan.is_add_on:
        raise AddOnInvalid(f"{version.plan} is no add-on", field="plan_version")
    if quantity < 0:
        raise AddOnInvalid(f"{quantity} is too few", field="quantity", remedy="0 takes it off")
    version_id, held = _held_by_then(subscription, version, due_at)
    if not quantity and not held:
        raise AddOnInvalid("it is not there by then", field="quantity")
    if (version.pk, quantity) == (version_id, held):
        raise AddOnInvalid("it has as many by then", field="quantity")
    if quantity:
        ensure_on_sale(version, subscription, due_at)
        check_interval(subscription, version)
        check_meters(subscription, version, due_at)


def _held_by_then(
    subscription: Subscription, version: PlanVersion, due_at: datetime
) -> tuple[int | None, int]:
    """Prices and number of an add-on that it has by a day, by what is scheduled before it."""
    of_add_on = Q(kind=DatedChange.Kind.ADD_ON, plan_version__plan=version.plan_id)
    days = DatedChange.objects.scheduled().filter(of_add_on, subscription=subscription)
    last = days.filter(due_at__lt=due_at).order_by("due_at").last()
    if last is not None:
        return last.plan_version_id, last.quantity or 0
    held = current_add_on(subscription, version, due_at)
    return (held.plan_version_id, held.quantity) if held else (None, 0)

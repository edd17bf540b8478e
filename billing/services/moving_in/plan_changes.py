"""Changes of plan or quantity that were scheduled in the other engine."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from billing.errors import PlanChangeInvalid
from billing.models import DatedChange, PlanChange
from billing.services.changes.dated_changes import schedule_dated_change
from billing.services.changes.plan_changes import change_plan
from billing.services.changes.wanted import Wanted
from billing.services.moving_in.arrivals import REASON, Arrival, subscription_named
from subscriptions.domain.proration_policy import Timing
from subscriptions.models import PlanVersion, Subscription
from subscriptions.services.lifecycle import lock_subscription
from subscriptions.services.meters import hold_meters
from subscriptions.services.policies import ChangeOverride
from tiktoktoe.kernel.periods import local_midnight


def take_plan_change(given: Mapping[str, Any], by: Arrival) -> bool:
    """It waits for the end of the running period, or for its day; False if it does already."""
    asked = subscription_named(given["subscription"])
    hold_meters(asked.customer_id)
    locked = lock_subscription(asked)
    version = _version(locked, given, by.at)
    quantity = given["quantity"] or locked.quantity
    on = _day(locked, given["on"])
    if _is_there(locked, version, quantity, on):
        return False
    if on is not None:
        wanted = Wanted(on=on, plan_version=version, quantity=quantity)
        schedule_dated_change(
            subscription=locked, wanted=wanted, actor=by.actor, reason=REASON, at=by.at
        )
        return True
    _ensure_waits(locked)
    change_plan(
        subscription=locked,
        plan_version=version,
        quantity=quantity,
        actor=by.actor,
        override=ChangeOverride(timing=Timing.PERIOD_END),
        reason=REASON,
        at=by.at,
    )
    return True


def _day(subscription: Subscription, on: date | None) -> date | None:
    """A day that is not the first of the next period."""
    if on is None or local_midnight(on, subscription.time_zone) == subscription.current_period_end:
        return None
    return on


def _version(subscription: Subscription, given: Mapping[str, Any], at: datetime) -> PlanVersion:
    """The prices that it is to go to: those it is on, for another quantity alone."""
    on_sale = PlanVersion.objects.published().filter(
        plan__code=given["plan"], currency=subscription.currency, effective_from__lte=at
    )
    if given["version"] is not None:
        on_sale = on_sale.filter(number=given["version"])
    elif subscription.plan_version.plan.code == given["plan"]:
        return subscription.plan_version
    version = on_sale.select_related("plan").order_by("-number").first()
    if version is None:
        field = "plan" if given["version"] is None else "version"
        raise PlanChangeInvalid(f"nothing of it is on sale in {subscription.currency}", field=field)
    return version


def _is_there(
    subscription: Subscription, version: PlanVersion, quantity: int, on: date | None
) -> bool:
    if on is not None:
        days = DatedChange.objects.scheduled().filter(subscription=subscription, on=on)
        kept = None if version.pk == subscription.plan_version_id else version.pk
        return days.filter(plan_version=kept, quantity=quantity).exists()
    return PlanChange.objects.filter(
        subscription=subscription, state="scheduled", plan_version=version, quantity=quantity
    ).exists()


def _ensure_waits(subscription: Subscription) -> None:
    """Refuse what would take another's place, or count at once."""
    if subscription.state == Subscription.State.TRIALING:
        raise PlanChangeInvalid(
            "in a trial a change counts at once",
            field="subscription",
            remedy="move it in on the plan that it goes to",
        )
    if PlanChange.objects.filter(subscription=subscription, state="scheduled").exists():
        raise PlanChangeInvalid(
            "another change is scheduled for it",
            field="subscription",
            remedy="take that back first",
        )

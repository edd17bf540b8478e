"""Whether a subscription can go to another plan or quantity at all."""

from datetime import datetime

from billing.errors import PlanChangeInvalid, PlanChangeNotNow
from billing.queries.planned_prices import planned_versions
from subscriptions.domain.lifecycle import BILLED_STATES
from subscriptions.models import PlanVersion, Subscription
from subscriptions.services.changes import ensure_sellable
from subscriptions.services.meters import clashing_meter
from subscriptions.services.restrictions import ensure_changeable


def check_change(
    subscription: Subscription,
    plan_version: PlanVersion,
    quantity: int,
    *,
    asked_at: datetime,
    at: datetime,
) -> None:
    """Refuse what changes nothing, or cannot be now; `asked_at` is the instant that it is of.

    Raises what `preview_plan_change` does.
    """
    if quantity < 1:
        raise PlanChangeInvalid(f"{quantity} is too few", field="quantity", remedy="at least 1")
    if (subscription.plan_version_id, subscription.quantity) == (plan_version.pk, quantity):
        raise PlanChangeInvalid("it is on this plan and quantity already", field="plan_version")
    if subscription.state not in BILLED_STATES:
        raise PlanChangeNotNow(f"the subscription is {subscription.state}")
    ensure_changeable(subscription, at)
    if subscription.cancel_at is not None:
        raise PlanChangeNotNow("its end is scheduled; withdraw the cancellation first")
    if subscription.pause_at is not None:
        raise PlanChangeNotNow("a pause is scheduled; withdraw it first")
    if not subscription.current_period.contains(at):
        raise PlanChangeNotNow("its period is over and not billed yet; try again shortly")
    ensure_sellable(plan_version, subscription, asked_at)
    if subscription.plan_version.plan.billing_interval != plan_version.plan.billing_interval:
        _ensure_no_add_ons(subscription, at)
    ensure_meters_free(subscription, plan_version, at=asked_at)


def ensure_meters_free(subscription: Subscription, version: PlanVersion, *, at: datetime) -> None:
    """Refuse prices with a meter that something else of the customer bills, or is to bill.

    Raises:
        PlanChangeInvalid: If there is one.
    """
    clash = clashing_meter(
        version,
        customer_id=subscription.customer_id,
        at=at,
        planned=planned_versions,
        changing=subscription,
    )
    if clash is not None:
        raise PlanChangeInvalid(
            f"another live subscription, or an add-on, {clash.bills_it}",
            field="plan_version",
            remedy="take that back first" if clash.is_to_come else "",
        )


def _ensure_no_add_ons(subscription: Subscription, at: datetime) -> None:
    """An add-on is priced by the interval of the plan that it is sold beside."""
    kept = subscription.add_ons.at(at).select_related("plan").first()
    if kept is not None:
        raise PlanChangeInvalid(
            f"{kept.plan} is billed in other intervals",
            field="plan_version",
            remedy="remove the add-on first",
        )

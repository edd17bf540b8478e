"""Whether a subscription can have so many of an add-on at all."""

from datetime import datetime

from django.db.models import Q, QuerySet

from billing.models import DatedChange, PlanChange
from billing.queries.planned_prices import planned_versions
from subscriptions.domain.lifecycle import BILLED_STATES
from subscriptions.errors import AddOnInvalid, TransitionNotAllowed
from subscriptions.models import PlanVersion, Price, Subscription
from subscriptions.services.changes import ensure_on_sale
from subscriptions.services.meters import clashing_meter
from tiktoktoe.kernel.periods import local_date
from tiktoktoe.standing import standing


def check_add_on(
    subscription: Subscription,
    version: PlanVersion,
    quantity: int,
    before: tuple[int, int],
    *,
    asked_at: datetime,
    at: datetime,
) -> None:
    """Refuse so many of an add-on that cannot be had; `asked_at` is the instant that it is of.

    Raises what `preview_add_on` does.
    """
    if not version.plan.is_add_on:
        raise AddOnInvalid(f"{version.plan} is no add-on", field="plan_version")
    if quantity < 0:
        raise AddOnInvalid(f"{quantity} is too few", field="quantity", remedy="0 takes it off")
    if not before[1] and not quantity:
        raise AddOnInvalid("it is not there", field="quantity")
    has_plans = subscription.add_ons.filter(plan=version.plan_id, starts_at__gt=at).exists()
    ends = subscription.add_ons.filter(plan=version.plan_id, ends_at__gt=at).exists()
    if before == (version.pk, quantity) and not (has_plans or ends):
        raise AddOnInvalid("it has as many already", field="quantity")
    if subscription.state not in BILLED_STATES:
        raise TransitionNotAllowed(f"the subscription is {subscription.state}")
    if not subscription.current_period.contains(at):
        raise TransitionNotAllowed("its period is over and not billed yet; try again shortly")
    if quantity:
        ensure_on_sale(version, subscription, asked_at)
        check_interval(subscription, version)
        check_meters(subscription, version, asked_at)


def check_end(subscription: Subscription, effective_at: datetime) -> None:
    """What would take effect when all has ended never does."""
    if subscription.cancel_at is not None and effective_at >= subscription.cancel_at:
        day = local_date(subscription.cancel_at, subscription.time_zone)
        raise AddOnInvalid(
            f"the subscription ends on {day}, its add-ons with it",
            field="quantity",
            remedy="nothing is to be done, or withdraw the end first",
        )


def check_interval(subscription: Subscription, version: PlanVersion) -> None:
    """What recurs is billed with the plan, so in its intervals, also after a scheduled change.

    So is usage: what is included, tiers and minimums are of one period.
    """
    recurs = version.prices.exclude(kind=Price.Kind.SETUP).exists()
    plans = [subscription.plan_version.plan]
    plans += [coming.plan for coming in _scheduled_versions(subscription)]
    if recurs and any(p.billing_interval != version.plan.billing_interval for p in plans):
        raise AddOnInvalid(
            "it is billed in other intervals than the plan",
            field="plan_version",
            remedy="choose one of the plan's interval",
        )


def check_meters(subscription: Subscription, version: PlanVersion, at: datetime) -> None:
    """Usage is billed once: not by an add-on and a plan, now or after a scheduled change.

    Raises:
        AddOnInvalid: If a meter of the add-on is billed already, or will be.
    """
    clash = clashing_meter(
        version,
        customer_id=subscription.customer_id,
        at=at,
        planned=planned_versions,
        changing=subscription,
    )
    if clash is None:
        return
    if clash.is_to_come:
        raise AddOnInvalid(
            f"{clash.meter} will be billed by a plan, to which a change is scheduled",
            field="plan_version",
            remedy="take that change back first",
        )
    raise AddOnInvalid(
        f"{clash.meter} is billed already, by a plan or another add-on",
        field="plan_version",
        remedy="a meter is billed by one of a customer's plans and add-ons",
    )


def _scheduled_versions(subscription: Subscription) -> list[PlanVersion]:
    """The prices of the plans that it is to go to, with the next period or on a day."""
    return _scheduled_for.rows(subscription=subscription.pk)


@standing
def _scheduled_for(subscription: int) -> "QuerySet[PlanVersion]":
    changes = PlanChange.objects.filter(subscription=subscription, state="scheduled")
    days = DatedChange.objects.scheduled().filter(
        subscription=subscription, kind=DatedChange.Kind.PLAN
    )
    scheduled = Q(pk__in=changes.values("plan_version")) | Q(pk__in=days.values("plan_version"))
    return PlanVersion.objects.filter(scheduled).select_related("plan")

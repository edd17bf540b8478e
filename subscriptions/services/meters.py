"""Who bills a meter: one plan, or one add-on, of a customer's live subscriptions.

A usage event names customer and meter, so nothing else could say whose it is.
"""

from datetime import datetime, timedelta

from django.db.models import Max, Q

from subscriptions.models import (
    Meter,
    PlanVersion,
    Price,
    Subscription,
    SubscriptionAddOn,
    UsageClosing,
)
from tiktoktoe.kernel.periods import local_date, local_midnight


def clashing_meter(
    version: PlanVersion, *, customer_id: int, at: datetime, changing: Subscription | None = None
) -> Meter | None:
    """A meter of a version that is billed for a customer already; None if all are free.

    Args:
        version: What the customer is to have.
        customer_id: Who.
        at: Now.
        changing: The subscription whose plan, or add-on of this plan, it is to replace.
    """
    live = Subscription.objects.live().filter(customer=customer_id)
    there = Q(ends_at__isnull=True) | Q(ends_at__gt=at)
    add_ons = SubscriptionAddOn.objects.filter(there, subscription__in=live)
    plans = live
    if changing is not None and version.plan.is_add_on:
        add_ons = add_ons.exclude(subscription=changing, plan=version.plan_id)
    elif changing is not None:
        plans = live.exclude(pk=changing.pk)
    billed = Price.objects.filter(
        Q(plan_version__in=plans.values("plan_version"))
        | Q(plan_version__in=add_ons.values("plan_version")),
        meter__isnull=False,
    )
    taken = Meter.objects.filter(prices__plan_version=version, pk__in=billed.values("meter"))
    return taken.first()


def usage_begins(
    version: PlanVersion, *, customer_id: int, start: datetime, time_zone: str
) -> datetime | None:
    """The first day whose usage nobody has billed, if that is after a start.

    Something that ended today has billed today's usage; that day is not billed again.
    """
    closings = UsageClosing.objects.filter(
        customer=customer_id, meter__prices__plan_version=version
    ).aggregate(newest=Max("closed_through"))
    newest: datetime | None = closings["newest"]
    if newest is None or newest <= start:
        return None
    day = local_date(newest, time_zone)
    midnight = local_midnight(day, time_zone)
    is_cut = midnight < newest
    return local_midnight(day + timedelta(days=1), time_zone) if is_cut else midnight

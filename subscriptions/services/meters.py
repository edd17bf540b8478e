"""Who bills a meter: one plan, or one add-on, of a customer's live subscriptions.

A usage event names customer and meter, so nothing else could say whose it is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from subscriptions.models import (
    Customer,
    Meter,
    PlanVersion,
    Price,
    Subscription,
    SubscriptionAddOn,
    UsageClosing,
)
from tiktoktoe.kernel.periods import local_date, local_midnight
from tiktoktoe.kernel.rehearsal import is_rehearsal
from tiktoktoe.standing import StandingQuery, standing

NONE = 0  # no row has this key


@dataclass(frozen=True, slots=True)
class MeterClash:
    """A meter that something else bills for a customer, now or once it goes to other prices."""

    meter: Meter
    is_to_come: bool

    @property
    def bills_it(self) -> str:
        """What the other one does, in words."""
        if self.is_to_come:
            return f"will bill {self.meter}, by a change that is scheduled"
        return f"bills {self.meter} already"


def hold_meters(customer_id: int) -> None:
    """Let nobody else give a customer what bills a meter before this transaction ends.

    Before its subscriptions are locked, as at a sign-up. A rehearsal holds nobody up.
    """
    if not is_rehearsal():
        Customer.objects.select_for_update(no_key=True).get(pk=customer_id)


# Finds, downstream, the prices that a customer's subscriptions are scheduled to go to: of a
# `customer`, without the plan of one subscription, `plan_of`, and the `add_on` of `add_on_of`.
Planned = Callable[..., "QuerySet[PlanVersion]"]


def clashing_meter(
    version: PlanVersion,
    *,
    customer_id: int,
    at: datetime,
    planned: Planned | None = None,
    changing: Subscription | None = None,
) -> MeterClash | None:
    """A meter of a version that is billed for a customer by others; None if all are free.

    In one query, since it is asked at every sign-up and change.

    Args:
        version: What the customer is to have.
        customer_id: Who.
        at: Now.
        planned: Finds the prices that the customer's subscriptions are scheduled to go to.
        changing: The subscription whose plan, or add-on of this plan, it is to replace.
    """
    replaced = NONE if changing is None else changing.pk
    is_add_on = version.plan.is_add_on
    found = _clashing(planned).first(
        version=version.pk,
        customer=customer_id,
        at=at,
        plan_of=NONE if is_add_on else replaced,
        add_on_of=replaced if is_add_on else NONE,
        add_on=version.plan_id,
    )
    return MeterClash(found, is_to_come=not found.is_billed) if found is not None else None


@cache
def _clashing(planned: Planned | None) -> StandingQuery[..., Meter, Any]:
    @standing
    def clashing(
        *, version: int, customer: int, at: datetime, plan_of: int, add_on_of: int, add_on: int
    ) -> "QuerySet[Meter]":
        live = Subscription.objects.live().filter(customer=customer)
        there = Q(ends_at__isnull=True) | Q(ends_at__gt=at)
        beside = SubscriptionAddOn.objects.filter(there, subscription__in=live)
        add_ons = beside.exclude(subscription=add_on_of, plan=add_on)
        plans = live.exclude(pk=plan_of)
        metered = Price.objects.filter(meter=OuterRef("pk"))
        is_billed = Exists(
            metered.filter(
                Q(plan_version__in=plans.values("plan_version"))
                | Q(plan_version__in=add_ons.values("plan_version"))
            )
        )
        meters = Meter.objects.filter(prices__plan_version=version).annotate(is_billed=is_billed)
        taken = Q(is_billed=True)
        if planned is not None:
            coming = planned(customer=customer, plan_of=plan_of, add_on_of=add_on_of, add_on=add_on)
            taken |= Q(Exists(metered.filter(plan_version__in=coming.values("pk"))))
        return meters.filter(taken).order_by("-is_billed", "pk")[:1]

    return clashing


def usage_begins(
    version: PlanVersion, *, customer_id: int, start: datetime, time_zone: str
) -> datetime | None:
    """The first day whose usage nobody has billed, if that is after a start.

    Something that ended today has billed today's usage; that day is not billed again.
    """
    newest = _closed_through.first(customer=customer_id, version=version.pk)
    if newest is None or newest <= start:
        return None
    day = local_date(newest, time_zone)
    midnight = local_midnight(day, time_zone)
    is_cut = midnight < newest
    return local_midnight(day + timedelta(days=1), time_zone) if is_cut else midnight


@standing
def _closed_through(customer: int, version: int) -> "QuerySet[UsageClosing, datetime]":
    closings = UsageClosing.objects.filter(customer=customer, meter__prices__plan_version=version)
    newest = closings.order_by("-closed_through")
    return newest.values_list("closed_through", flat=True)[:1]

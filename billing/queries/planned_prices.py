"""The prices that a customer's subscriptions are scheduled to go to."""

from collections.abc import Collection

from django.db.models import Q, QuerySet

from billing.models import DatedChange, PlanChange, PriceMoveRow
from subscriptions.domain.lifecycle import LIVE_STATES
from subscriptions.models import PlanVersion, Subscription


def planned_versions(
    customer_id: int,
    *,
    changing: Subscription | None = None,
    add_on: PlanVersion | None = None,
) -> "QuerySet[PlanVersion]":
    """Those of changes, also of a day, and of price moves that wait, of what has not ended.

    `changing`: the subscription whose plan, or whose `add_on`, is being changed, so that what
    is scheduled for that does not count.
    """
    whose = Q(subscription__customer=customer_id, subscription__state__in=sorted(LIVE_STATES))
    of_plan, of_day = whose, whose
    if changing is not None and add_on is not None:
        of_day &= ~Q(subscription=changing.pk, plan_version__plan=add_on.plan_id)
    elif changing is not None:
        of_plan &= ~Q(subscription=changing.pk)
        of_day &= ~Q(subscription=changing.pk, kind=DatedChange.Kind.PLAN)
    changes, days, moves = _scheduled(of_plan, of_day)
    return PlanVersion.objects.filter(
        Q(pk__in=changes.values("plan_version"))
        | Q(pk__in=days.values("plan_version"))
        | Q(pk__in=moves.values("move__to_version"))
    )


def planned_by_customer(customer_ids: Collection[int]) -> list[tuple[int, int]]:
    """Of many customers: each with such prices, by their ids; three queries."""
    whose = Q(subscription__customer__in=customer_ids, subscription__state__in=sorted(LIVE_STATES))
    changes, days, moves = _scheduled(whose, whose)
    priced = days.filter(plan_version__isnull=False)
    return [
        *changes.values_list("subscription__customer", "plan_version"),
        *priced.values_list("subscription__customer", "plan_version"),
        *moves.values_list("subscription__customer", "move__to_version"),
    ]


def _scheduled(
    of_plan: Q, of_day: Q
) -> tuple["QuerySet[PlanChange]", "QuerySet[DatedChange]", "QuerySet[PriceMoveRow]"]:
    """Changes of plan, changes of a day and rows of price moves that wait."""
    return (
        PlanChange.objects.filter(of_plan, state=PlanChange.State.SCHEDULED),
        DatedChange.objects.scheduled().filter(of_day).exclude(quantity=0),
        PriceMoveRow.objects.to_come().filter(of_plan),
    )

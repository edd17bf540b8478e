"""The prices that a customer's subscriptions are scheduled to go to."""

from collections.abc import Collection

from django.db.models import Q, QuerySet

from billing.models import DatedChange, PlanChange, PriceMoveRow
from subscriptions.domain.lifecycle import LIVE_STATES
from subscriptions.models import PlanVersion
from subscriptions.services.meters import NONE


def planned_versions(
    *, customer: int, plan_of: int = NONE, add_on_of: int = NONE, add_on: int = NONE
) -> "QuerySet[PlanVersion]":
    """Those of changes, also of a day, and of price moves that wait, of what has not ended.

    What is scheduled for the plan of the subscription `plan_of` does not count, nor for the
    add-on of the plan `add_on` of the subscription `add_on_of`: that is being changed.
    """
    whose = Q(subscription__customer=customer, subscription__state__in=sorted(LIVE_STATES))
    of_plan = whose & ~Q(subscription=plan_of)
    of_day = whose & ~Q(subscription=plan_of, kind=DatedChange.Kind.PLAN)
    of_day &= ~Q(subscription=add_on_of, plan_version__plan=add_on)
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

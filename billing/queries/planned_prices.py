"""The prices that a customer's subscriptions are scheduled to go to."""

from collections.abc import Collection

from django.db.models import Q, QuerySet

from billing.models import DatedChange, PlanChange, PriceMoveRow
from subscriptions.domain.lifecycle import LIVE_STATES
from subscriptions.models import PlanVersion, Subscription


def planned_versions(
    customer_id: int, *, changing: Subscription | None = None
) -> "QuerySet[PlanVersion]":
    """Those of changes of plan, also of a day, and of price moves that wait, of what has not ended.

    `changing`: the subscription whose plan is being changed, so that its own do not count.
    """
    whose = Q(subscription__customer=customer_id, subscription__state__in=sorted(LIVE_STATES))
    if changing is not None:
        whose &= ~Q(subscription=changing.pk)
    changes, days, moves = _scheduled(whose)
    return PlanVersion.objects.filter(
        Q(pk__in=changes.values("plan_version"))
        | Q(pk__in=days.values("plan_version"))
        | Q(pk__in=moves.values("move__to_version"))
    )


def planned_by_customer(customer_ids: Collection[int]) -> list[tuple[int, int]]:
    """Of many customers: each with such prices, by their ids; three queries."""
    whose = Q(subscription__customer__in=customer_ids, subscription__state__in=sorted(LIVE_STATES))
    changes, days, moves = _scheduled(whose)
    priced = days.filter(plan_version__isnull=False)
    return [
        *changes.values_list("subscription__customer", "plan_version"),
        *priced.values_list("subscription__customer", "plan_version"),
        *moves.values_list("subscription__customer", "move__to_version"),
    ]


def _scheduled(
    whose: Q,
) -> tuple["QuerySet[PlanChange]", "QuerySet[DatedChange]", "QuerySet[PriceMoveRow]"]:
    """Changes of plan, changes of a day and rows of price moves that wait."""
    return (
        PlanChange.objects.filter(whose, state=PlanChange.State.SCHEDULED),
        DatedChange.objects.scheduled().filter(whose),
        PriceMoveRow.objects.to_come().filter(whose),
    )

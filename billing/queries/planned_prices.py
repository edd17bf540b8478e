"""The prices that a customer's subscriptions are scheduled to go to."""

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
    changes = PlanChange.objects.filter(whose, state=PlanChange.State.SCHEDULED)
    days = DatedChange.objects.scheduled().filter(whose)
    moves = PriceMoveRow.objects.to_come().filter(whose)
    return PlanVersion.objects.filter(
        Q(pk__in=changes.values("plan_version"))
        | Q(pk__in=days.values("plan_version"))
        | Q(pk__in=moves.values("move__to_version"))
    )

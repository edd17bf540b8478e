"""Subscriptions in the middle of a period: found and locked, so that their usage can be billed."""

from collections.abc import Callable, Sequence
from datetime import datetime

from django.conf import settings

from billing.services.invoices.draft_parts import Boundary
from subscriptions.domain.lifecycle import BILLED_STATES
from subscriptions.models import Subscription
from subscriptions.models.subscriptions import SubscriptionQuerySet
from tiktoktoe.kernel.periods import Period


def in_open_period(at: datetime) -> SubscriptionQuerySet:
    """Subscriptions that are billed, not in a trial, and whose period is not over."""
    return Subscription.objects.filter(
        state__in=sorted(BILLED_STATES - {Subscription.State.TRIALING}),
        current_period_start__lte=at,
        current_period_end__gt=at,
        next_billing_at__gt=at,
    )


def in_chunks(watched: SubscriptionQuerySet, bill: Callable[[Sequence[int]], int]) -> int:
    """Bill subscriptions chunk by chunk, each by its own transaction; gives how many invoices."""
    made, last, size = 0, 0, settings.BILLING_CHUNK_SIZE
    while True:
        rows = watched.filter(pk__gt=last).order_by("pk")
        ids = list(rows.values_list("pk", flat=True)[:size])
        if ids:
            made, last = made + bill(ids), ids[-1]
        if len(ids) < size:
            return made


def locked_boundaries(watched: SubscriptionQuerySet, at: datetime) -> list[Boundary]:
    """Each with its whole open period; those that somebody else holds are left for later."""
    locked = (
        watched.select_for_update(of=("self",), skip_locked=True)
        .select_related("customer", "plan_version__plan")
        .order_by("pk")
    )
    return [
        Boundary(s, at, Period(s.current_period_start, s.current_period_end), None) for s in locked
    ]

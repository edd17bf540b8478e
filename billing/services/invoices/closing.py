"""A period is closed before its end: what is owed up to an instant is worked out at once."""

from datetime import datetime

from django.db.models import Q

from billing.services.invoices.add_on_lines import AddOnBook
from billing.services.invoices.draft_parts import Boundary, DraftLine
from billing.services.invoices.period_lines import draft_lines
from subscriptions.models import Price, Subscription
from subscriptions.services.usage import Closing, close_usage
from tiktoktoe.kernel.periods import Period


def early_boundary(subscription: Subscription, at: datetime, *, is_last: bool) -> Boundary:
    """The boundary at which a running period ends before its time."""
    start = subscription.current_period_start
    closed = Period(start, at) if at > start else None
    row = subscription.billing_periods
    return Boundary(subscription, at, closed, None, row, is_last=is_last)


def closing_lines(boundary: Boundary, known: AddOnBook | None = None) -> list[DraftLine]:
    """Fees in arrears and usage of a period that is closed early; of prices `known` already."""
    (lines,) = draft_lines([boundary], known=known)
    return lines


def close_usage_until(subscription: Subscription, through: datetime) -> None:
    """Close the usage of a subscription's meters up to an instant, before it is counted.

    In a transaction of its own: what arrives later counts after the instant, whatever comes
    of the act that asked for it.
    """
    served = Q(plan_version__in=subscription.phases.values("plan_version")) | Q(
        plan_version__in=subscription.add_ons.values("plan_version")
    )
    meters = Price.objects.filter(served, meter__isnull=False)
    ids = set(meters.values_list("meter_id", flat=True))
    close_usage(closings=[Closing(subscription.customer_id, pk, through) for pk in ids if pk])

"""A period is closed before its end: what is owed up to an instant is worked out at once."""

from datetime import datetime

from django.db.models import Q, QuerySet

from billing.services.invoices.add_on_lines import AddOnBook
from billing.services.invoices.draft_parts import Boundary, DraftLine
from billing.services.invoices.period_lines import draft_lines
from subscriptions.models import Price, Subscription, SubscriptionAddOn, SubscriptionPhase
from subscriptions.services.usage import Closing, close_usage
from tiktoktoe.kernel.periods import Period
from tiktoktoe.standing import standing


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
    meters = set(_meters_of.rows(subscription=subscription.pk))
    close_usage(closings=[Closing(subscription.customer_id, pk, through) for pk in meters])


@standing
def _meters_of(subscription: int) -> "QuerySet[Price, int]":
    phases = SubscriptionPhase.objects.filter(subscription=subscription)
    add_ons = SubscriptionAddOn.objects.filter(subscription=subscription)
    served = Q(plan_version__in=phases.values("plan_version")) | Q(
        plan_version__in=add_ons.values("plan_version")
    )
    metered = Price.objects.filter(served, meter__isnull=False).order_by()
    return metered.values_list("meter_id", flat=True)

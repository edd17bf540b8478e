"""What is scheduled for days of a subscription."""

from billing.models import DatedChange
from billing.models.dated_changes import DatedChangeQuerySet
from subscriptions.models import Subscription


def days_of(subscription: Subscription) -> DatedChangeQuerySet:
    """Each with its prices, in the order of the days."""
    waiting = DatedChange.objects.scheduled().filter(subscription=subscription)
    return waiting.select_related("plan_version__plan").order_by("due_at")

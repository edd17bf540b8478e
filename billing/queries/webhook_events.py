"""How the inbox of gateways' events stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, DurationField, ExpressionWrapper, F, Max, Min, Q

from billing.models import WebhookEvent

_LAG = ExpressionWrapper(F("received_at") - F("happened_at"), output_field=DurationField())


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxHealth:
    """How many events are in which state, and how late it is.

    Attributes:
        oldest_wait: How long the oldest event has been waiting to be worked off.
        lag: The longest time between a happening and its arrival, of the last day's events.
        missed: How many of them never arrived: we had to ask for them.
    """

    counts: Mapping[str, int]
    oldest_wait: timedelta | None
    lag: timedelta | None
    missed: int


def inbox_health(*, at: datetime) -> InboxHealth:
    """The state of the inbox at an instant."""
    rows = WebhookEvent.objects.order_by().values_list("state").annotate(count=Count("pk"))
    waiting = WebhookEvent.objects.filter(state=WebhookEvent.State.WAITING)
    oldest = waiting.aggregate(first=Min("received_at"))["first"]
    recent = WebhookEvent.objects.filter(received_at__gt=at - timedelta(days=1), is_signed=True)
    told = recent.exclude(happened_at=None).aggregate(
        lag=Max(_LAG), missed=Count("pk", filter=Q(is_polled=True, copies=1))
    )
    lag = told["lag"]
    return InboxHealth(
        counts=dict(rows),
        oldest_wait=at - oldest if oldest else None,
        lag=max(lag, timedelta(0)) if lag is not None else None,
        missed=told["missed"],
    )

"""Price moves as people see them: who was told when, and what is to come for a subscription."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from billing.models import Announcement, PriceMoveRow
from subscriptions.models import Subscription

UPCOMING = "price.change_upcoming"


def told_at(rows: Iterable[PriceMoveRow]) -> list[tuple[PriceMoveRow, datetime | None]]:
    """Each row with when its subscriber heard of its day, if they have."""
    found = list(rows)
    keys = [row.told_as for row in found if row.effective_at is not None]
    told = Announcement.objects.filter(kind=UPCOMING, object_key__in=keys)
    known = dict(told.values_list("object_key", "announced_at"))
    return [(row, known.get(row.told_as) if row.effective_at else None) for row in found]


def price_change_ahead(subscription: Subscription, at: datetime) -> PriceMoveRow | None:
    """The move to other prices that a subscriber was told of and that has not happened."""
    waiting = PriceMoveRow.objects.filter(
        Q(state="waiting") | Q(state="moved", change__state="scheduled"),
        subscription=subscription,
        move__from_version=subscription.plan_version_id,
        tell_at__lte=at,
        effective_at__gt=at,
    )
    rows = waiting.exclude(move__state="undone").select_related("move__to_version__plan")
    return rows.order_by("effective_at").first()

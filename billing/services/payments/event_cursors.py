"""How far a gateway's events have been asked for, and going on from there."""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from django.db.models.functions import Greatest

from billing.models import EventCursor, WebhookEvent
from tiktoktoe.kernel.errors import GatewayError

logger = logging.getLogger(__name__)
E = TypeVar("E")

OVERLAP = timedelta(hours=1)  # an event may be seen in a list later than it was made


def take_in_since_last_seen(
    *,
    gateway: str,
    pages: Callable[[datetime], Iterable[Sequence[E]]],
    take_in: Callable[[Sequence[E]], int],
    made_at: Callable[[E], datetime | None],
    at: datetime,
) -> int:
    """Ask a gateway for the events since the last one seen; gives how many were new to us.

    Two at once, or one that is killed half-way, do no harm: the place is moved on only once
    everything before it is in.

    Args:
        pages: The events since a moment, in any order.
        take_in: Keeps what is new of a page, and says how many that were.
    """
    cursor, _ = EventCursor.objects.get_or_create(
        gateway=gateway, defaults={"seen_until": _from_the_start(gateway, at)}
    )
    newest, found = cursor.seen_until, 0
    try:
        for page in pages(cursor.seen_until - OVERLAP):
            made = [moment for event in page if (moment := made_at(event)) is not None]
            newest = max([newest, *made])
            found += take_in(page)
    except GatewayError as error:
        logger.warning(
            "events could not be asked for", extra={"gateway": gateway, "reason": str(error)}
        )
        return found
    here = EventCursor.objects.filter(pk=cursor.pk)
    here.update(seen_until=Greatest("seen_until", newest), asked_at=at)
    if found:
        logger.warning("events had not arrived", extra={"gateway": gateway, "count": found})
    return found


def _from_the_start(gateway: str, at: datetime) -> datetime:
    """Where to begin: at the newest event that came in, else now."""
    come = WebhookEvent.objects.filter(gateway=gateway, happened_at__lte=at)
    newest = come.order_by("-happened_at").values_list("happened_at", flat=True).first()
    return newest or at

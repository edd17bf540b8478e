"""Stripe's events in our inbox: those that come in by dj-stripe's door, and those that never did.

An outage of our endpoint that outlasts Stripe's retries loses nothing: what was not told is
asked for, from the last event that was seen. Each event lies in the inbox once, by its id.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models.functions import Greatest

from billing.gateways.registry import DEFAULT_GATEWAY, gateway_names
from billing.gateways.stripe_events import EVENTS, events_since, mirror_event
from billing.models import EventCursor, WebhookEvent
from billing.services.payments.webhook_inbox import keep_hint
from tiktoktoe.kernel.errors import GatewayError

logger = logging.getLogger(__name__)

OVERLAP = timedelta(hours=1)  # an event may be seen in a list later than it was made


def keep_event(
    *, event_id: str, name: str, named: Mapping[str, Any], happened_at: datetime, at: datetime
) -> WebhookEvent | None:
    """Keep an event of Stripe's; None if it was kept before.

    Args:
        named: The object that it is about.
    """
    metadata = named.get("metadata") or {}
    return keep_hint(
        gateway=DEFAULT_GATEWAY,
        event_id=event_id,
        name=name,
        reference=str(named["id"]),
        our_reference=str(metadata.get("our_reference") or ""),
        happened_at=happened_at,
        at=at,
    )


def find_missed_events(*, at: datetime) -> int:
    """Ask Stripe for the events since the last one seen, and take in those that never came.

    Two at once, or one that is killed half-way, do no harm: the place is moved on only once
    everything before it is in. Gives how many were new.
    """
    if DEFAULT_GATEWAY not in gateway_names():
        return 0
    cursor, _ = EventCursor.objects.get_or_create(
        gateway=DEFAULT_GATEWAY, defaults={"seen_until": _from_the_start(at)}
    )
    newest, found = cursor.seen_until, 0
    try:
        for page in events_since(cursor.seen_until - OVERLAP):
            newest = max([newest, *(_made_at(event) for event in page)])
            found += _take_in(page, at)
    except GatewayError as error:
        logger.warning("events could not be asked for", extra={"reason": str(error)})
        return found
    here = EventCursor.objects.filter(pk=cursor.pk)
    here.update(seen_until=Greatest("seen_until", newest), asked_at=at)
    if found:
        logger.warning("events had not arrived", extra={"count": found})
    return found


def _take_in(page: Sequence[Mapping[str, Any]], at: datetime) -> int:
    heard = {str(event["id"]): event for event in page if event["type"] in EVENTS}
    inbox = WebhookEvent.objects.filter(gateway=DEFAULT_GATEWAY, is_signed=True)
    known = set(inbox.filter(event_id__in=heard).values_list("event_id", flat=True))
    missing = {name: event for name, event in heard.items() if name not in known}
    for event in missing.values():
        _take_in_one(event, at)
    inbox.filter(event_id__in=missing).update(is_polled=True)
    return len(missing)


def _take_in_one(event: Mapping[str, Any], at: datetime) -> None:
    """Let the mirror have an event, which passes it on to us; if it stumbles, we keep it still."""
    name = str(event["id"])
    try:
        mirror_event(event)
    except Exception:  # the mirror is for looking at
        logger.exception("event not mirrored", extra={"event": name})
    if not WebhookEvent.objects.filter(gateway=DEFAULT_GATEWAY, event_id=name).exists():
        keep_event(
            event_id=name,
            name=str(event["type"]),
            named=event["data"]["object"],
            happened_at=_made_at(event),
            at=at,
        )


def _made_at(event: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(int(event["created"]), UTC)


def _from_the_start(at: datetime) -> datetime:
    """Where to begin: at the newest event that came in, else now."""
    come = WebhookEvent.objects.filter(gateway=DEFAULT_GATEWAY, happened_at__lte=at)
    newest = come.order_by("-happened_at").values_list("happened_at", flat=True).first()
    return newest or at

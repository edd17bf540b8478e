"""Stripe's events in our inbox: those that come in by dj-stripe's door, and those that never did.

An outage of our endpoint that outlasts Stripe's retries loses nothing: what was not told is
asked for, from the last event that was seen. Each event lies in the inbox once, by its id.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from billing.gateways.registry import DEFAULT_GATEWAY, gateway_names
from billing.gateways.stripe_events import EVENTS, events_since, mirror_event
from billing.models import WebhookEvent
from billing.services.payments.event_cursors import take_in_since_last_seen
from billing.services.payments.webhook_inbox import keep_hint

logger = logging.getLogger(__name__)


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

    Gives how many were new.
    """
    if DEFAULT_GATEWAY not in gateway_names():
        return 0
    return take_in_since_last_seen(
        gateway=DEFAULT_GATEWAY,
        pages=events_since,
        take_in=lambda page: _take_in(page, at),
        made_at=_made_at,
        at=at,
    )


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

"""Gateways' events that never arrived, asked for where a gateway tells of them again.

Stripe's pass through its mirror; those of a gateway that has a list of its own are kept as if
they had come in at our door; where only settlements tell, the next report is looked for. Each
event lies in the inbox once, by its id, however it came.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from billing.errors import WebhookUnreadable
from billing.gateways.base import GatewayEvent, ListsEvents, TellsMovesLater
from billing.gateways.registry import gateway_named, gateway_names
from billing.models import WebhookEvent
from billing.services.payments import stripe_events
from billing.services.payments.event_cursors import OVERLAP, take_in_since_last_seen
from billing.services.payments.event_rows import keep_row
from billing.services.payments.webhook_inbox import keep_refused
from tiktoktoe.kernel.errors import GatewayError

logger = logging.getLogger(__name__)
REPORTS_MAX = 100  # in one pass


def find_missed(*, at: datetime) -> int:
    """Ask every gateway that tells of its events again; gives how many had never arrived."""
    found = stripe_events.find_missed_events(at=at)
    for gateway in (gateway_named(name) for name in gateway_names()):
        if isinstance(gateway, ListsEvents):
            found += _find(gateway, at)
        if isinstance(gateway, TellsMovesLater):
            found += _find_reports(gateway, at)
    return found


def _find(gateway: ListsEvents, at: datetime) -> int:
    """Up to an hour from now, since a gateway's clock need not be ours."""

    def take_in(page: Sequence[bytes]) -> int:
        return _take_in(gateway, page, at)

    def made_at(content: bytes) -> datetime | None:
        event = _read(gateway, content)
        return event.happened_at if event else None

    return take_in_since_last_seen(
        gateway=gateway.name,
        pages=lambda since: gateway.events_between(since, max(since, at) + OVERLAP),
        take_in=take_in,
        made_at=made_at,
        at=at,
    )


def _find_reports(gateway: TellsMovesLater, at: datetime) -> int:
    """Reports are numbered: after the last one that was told, is there another?"""
    told = WebhookEvent.objects.filter(gateway=gateway.name, about="report", is_signed=True)
    names = told.values_list("reference", flat=True)
    last, found = max(names, key=lambda name: (len(name), name), default=""), 0
    try:
        while last and found < REPORTS_MAX and (event := gateway.next_report(last)) is not None:
            keep_row(gateway.name, event, "", at, is_polled=True)
            last, found = event.reference, found + 1
    except GatewayError as error:
        logger.warning(
            "reports could not be asked for", extra={"gateway": gateway.name, "reason": str(error)}
        )
    return found


def _take_in(gateway: ListsEvents, page: Sequence[bytes], at: datetime) -> int:
    read = {content: _read(gateway, content) for content in page}
    for content in (content for content, event in read.items() if event is None):
        keep_refused(gateway=gateway.name, body=content, reason="no event of a list", at=at)
    heard = {event.event_id: (event, content) for content, event in read.items() if event}
    inbox = WebhookEvent.objects.filter(gateway=gateway.name, is_signed=True)
    known = set(inbox.filter(event_id__in=heard).values_list("event_id", flat=True))
    kept = [
        keep_row(gateway.name, event, content.decode(), at, is_polled=True)
        for name, (event, content) in heard.items()
        if name not in known
    ]
    return sum(one is not None for one in kept)


def _read(gateway: ListsEvents, content: bytes) -> GatewayEvent | None:
    try:
        return gateway.read_event(content)
    except WebhookUnreadable:
        return None

"""What a settlement report proves to have moved, although nobody had told us.

Of a gateway that can be asked about nothing, a lost notification would leave a capture or refund
on its way for ever, and a chargeback unheard of. The report names each movement as its
notification does, so that one that comes after all is the same event, and counts once.
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from billing.gateways.base import GatewayEvent, TellsMovesLater
from billing.gateways.registry import gateway_named
from billing.models import PaymentAttempt, PaymentOperation, Refund, WebhookEvent
from billing.services.payments.event_rows import keep_row

logger = logging.getLogger(__name__)
CHUNK = 500


def keep_unheard_moves(*, gateway: str, report: str, at: datetime) -> list[WebhookEvent]:
    """Keep what a report says of what is ours and was never told; gives that.

    Raises:
        GatewayUnavailable: If the report does not come.
        GatewayRefused: If it cannot be read.
    """
    source = gateway_named(gateway)
    if not isinstance(source, TellsMovesLater):
        return []
    moves, found = source.read_moves(report), list[WebhookEvent]()
    for start in range(0, len(moves), CHUNK):
        unheard = _ours(_unheard(gateway, moves[start : start + CHUNK]))
        kept = [keep_row(gateway, event, "", at, is_polled=True) for event in unheard]
        found += [row for row in kept if row is not None]
    if found:
        count = len(found)
        logger.warning("moves had not been told", extra={"gateway": gateway, "count": count})
    return found


def _unheard(gateway: str, moves: Sequence[GatewayEvent]) -> list[GatewayEvent]:
    inbox = WebhookEvent.objects.filter(gateway=gateway, is_signed=True)
    names = [event.event_id for event in moves]
    known = set(inbox.filter(event_id__in=names).values_list("event_id", flat=True))
    return [event for event in moves if event.event_id not in known]


def _ours(events: Iterable[GatewayEvent]) -> list[GatewayEvent]:
    """Those that bear a name that we have given; one payment may have several."""
    named = [(name, event) for event in events if (name := _uuid(event.our_reference)) is not None]
    names, known = {name for name, _ in named}, set[UUID]()
    for model in (PaymentAttempt, PaymentOperation, Refund):
        known |= set(model.objects.filter(pk__in=names).values_list("pk", flat=True))
    return [event for name, event in named if name in known]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

"""The inbox of gateways' events: kept first, each once, and then looked into by a worker."""

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F

from billing.errors import DisputedWhileHeld, WebhookForged, WebhookUnreadable
from billing.gateways.base import GatewayEvent
from billing.gateways.registry import gateway_that_hears
from billing.models import WebhookEvent
from billing.services.payments.event_rows import keep_row
from billing.services.payments.reported import HINT, handle_event
from tiktoktoe.kernel.errors import Conflict

logger = logging.getLogger(__name__)

BODY_MAX_BYTES = 256 * 1024
KEPT_OF_REFUSED = 2_000
REFUSED_MAX_PER_HOUR = 100  # of a gateway: whoever knocks on and on fills no table
TRIES_MAX = 10
FIRST_PAUSE = timedelta(seconds=10)
HELD_PAUSE = timedelta(hours=1)  # between looks at what waits for a hold to end


def take_in(
    *, gateway: str, headers: Mapping[str, str], body: bytes, at: datetime
) -> list[WebhookEvent]:
    """Keep the events of a request that the gateway has signed; those that are new are given.

    Raises:
        GatewayRefused: If no such gateway's events come in here.
        WebhookForged: If it is not signed; this is kept too, apart.
        WebhookUnreadable: If it is no request of the gateway's; this too.
    """
    hears = gateway_that_hears(gateway)
    try:
        events = hears.parse_webhook(headers, body)
    except (WebhookForged, WebhookUnreadable) as refusal:
        keep_refused(gateway=gateway, body=body, reason=str(refusal), at=at)
        raise
    payload = body.decode()
    return [new for event in events if (new := keep_row(gateway, event, payload, at)) is not None]


def keep_hint(
    *,
    gateway: str,
    event_id: str,
    name: str,
    reference: str,
    our_reference: str,
    happened_at: datetime | None,
    at: datetime,
) -> WebhookEvent | None:
    """Keep an event of a gateway whose own door has proven it: it only tells where to look.

    What it said is kept behind that door. None if it was kept before.
    """
    event = GatewayEvent(
        event_id=event_id,
        name=name,
        about=HINT,
        reference=reference,
        our_reference=our_reference,
        happened_at=happened_at,
    )
    return keep_row(gateway, event, "", at)


def refuse_too_large(*, gateway: str, at: datetime) -> None:
    """Note that somebody has sent more than an event is, without reading it.

    Raises:
        GatewayRefused: If no such gateway's events come in here: of it nothing is kept.
    """
    gateway_that_hears(gateway)
    keep_refused(gateway=gateway, body=b"", reason="the request is too large", at=at)


def keep_refused(*, gateway: str, body: bytes, reason: str, at: datetime) -> None:
    """Note a request that was refused: once for each content, and never without end."""
    digest = hashlib.sha256(body).hexdigest()
    refused = WebhookEvent.objects.filter(gateway=gateway, is_signed=False)
    if refused.filter(event_id=digest).update(copies=F("copies") + 1):
        return
    logger.warning("webhook refused", extra={"gateway": gateway, "reason": reason})
    if refused.filter(received_at__gt=at - timedelta(hours=1)).count() >= REFUSED_MAX_PER_HOUR:
        return
    text = body[:KEPT_OF_REFUSED].decode(errors="replace").replace("\x00", "\ufffd")
    try:
        with transaction.atomic():
            WebhookEvent.objects.create(
                gateway=gateway,
                event_id=digest,
                is_signed=False,
                payload=text,
                state=WebhookEvent.State.REFUSED,
                result=reason[:300],
                received_at=at,
            )
    except IntegrityError:
        refused.filter(event_id=digest).update(copies=F("copies") + 1)


def work_off(*, event: WebhookEvent, at: datetime) -> WebhookEvent:
    """Look into an event, once per call; one that fails waits for another try, or a person."""
    claimed = WebhookEvent.objects.filter(pk=event.pk, state=WebhookEvent.State.WAITING)
    # Whoever dies in between only delays it.
    if not claimed.update(tries=F("tries") + 1, next_try_at=at + timedelta(minutes=5)):
        return WebhookEvent.objects.get(pk=event.pk)
    known = WebhookEvent.objects.get(pk=event.pk)
    try:
        result = handle_event(event=known, at=at)
    except (
        DisputedWhileHeld
    ) as problem:  # nothing is wrong: every hold ends, and it is taken in then
        _wait_for_hold(known, problem, at)
        return known
    except Exception as problem:
        logger.exception("webhook event not handled", extra={"event": known.pk})
        _put_off(known, type(problem).__name__, at)
        return known
    known.state, known.result = WebhookEvent.State.DONE, result[:300]
    known.next_try_at, known.done_at = None, at
    known.save(update_fields=["state", "result", "next_try_at", "done_at"])
    return known


def work_off_waiting(*, at: datetime, limit: int = 200) -> int:
    """Look into the events whose time has come; gives how many."""
    waiting = WebhookEvent.objects.filter(next_try_at__lte=at).order_by("next_try_at", "pk")
    events = list(waiting[:limit])
    for event in events:
        work_off(event=event, at=at)
    return len(events)


def replay_event(*, event: WebhookEvent, at: datetime) -> WebhookEvent:
    """Let an event be looked into again, whatever became of it.

    Raises:
        Conflict: If it was refused: it is not known to be the gateway's.
    """
    signed = WebhookEvent.objects.filter(pk=event.pk, is_signed=True)
    if not signed.update(state=WebhookEvent.State.WAITING, next_try_at=at, tries=0):
        raise Conflict("a request that was refused cannot be replayed")
    return work_off(event=event, at=at)


def _wait_for_hold(event: WebhookEvent, problem: DisputedWhileHeld, at: datetime) -> None:
    """Not a failure, however often: the tries do not count."""
    event.result, event.tries = type(problem).__name__, 0
    event.next_try_at = at + HELD_PAUSE
    event.save(update_fields=["result", "tries", "next_try_at"])


def _put_off(event: WebhookEvent, problem: str, at: datetime) -> None:
    event.result = problem[:300]
    if event.tries >= TRIES_MAX:
        event.state, event.next_try_at = WebhookEvent.State.FAILED, None
    else:
        event.next_try_at = at + FIRST_PAUSE * 2 ** (event.tries - 1)
    event.save(update_fields=["state", "result", "next_try_at"])

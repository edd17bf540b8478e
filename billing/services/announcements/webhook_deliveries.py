"""Events for endpoints: written with their announcement, sent later, again, and replayed.

Written exactly once for each endpoint (a unique constraint); delivered at least once.
"""

import json
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from time import perf_counter
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, QuerySet

from billing.domain.announcements import tidy
from billing.domain.webhook_signing import (
    DISABLED_AFTER,
    SIGNATURE_HEADER,
    next_wait,
    signature,
)
from billing.gateways.webhook_post import AddressRefused, Answer, NoAnswer, post_webhook
from billing.models import Announcement, WebhookDelivery, WebhookEndpoint, WebhookTry
from billing.services.announcements.webhook_endpoints import (
    disable_endpoint,
    secret_of,
    tell_disabled,
)
from subscriptions.models import CustomerClock
from subscriptions.services.customer_clocks import key_of
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.standing import StandingQuery, standing

logger = logging.getLogger(__name__)

VERSION = "2026-01"
BATCH = 20
LEASE = timedelta(minutes=5)
State = WebhookDelivery.State


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one request."""

    status: int | None = None
    milliseconds: int = 0
    answer: str = ""
    error: str = ""

    @property
    def is_delivered(self) -> bool:
        """Whether the endpoint took it: any answer from 200 to 299."""
        return self.status is not None and 200 <= self.status < 300


def write_deliveries(announcements: Sequence[Announcement], *, at: datetime) -> int:
    """Write a delivery for each endpoint that wants an event, in the caller's transaction."""
    if not announcements:
        return 0
    endpoints = list(WebhookEndpoint.objects.exclude(state=WebhookEndpoint.State.REMOVED))
    wanted = [
        WebhookDelivery(
            id=uuid7(), endpoint=endpoint, announcement=a, next_try_at=at, created_at=at
        )
        for a in announcements
        for endpoint in endpoints
        if not endpoint.kinds or a.kind in endpoint.kinds
    ]
    WebhookDelivery.objects.bulk_create(wanted)
    return len(wanted)


def deliver_due(*, at: datetime, workers: int = 1, clock: CustomerClock | None = None) -> int:
    """Send what is due; several senders may run at once. Gives how many requests were made.

    Of customers with a test clock only what happened to those of `clock`.
    """
    made = 0
    while claimed := claim_deliveries(at=at, clock=clock):
        if workers == 1:
            for delivery in claimed:
                deliver(delivery, at=at)
        else:
            shares = [share for n in range(workers) if (share := claimed[n::workers])]
            with ThreadPoolExecutor(max_workers=len(shares)) as pool:
                list(pool.map(lambda share: _deliver_share(share, at), shares))
        made += len(claimed)
    return made


@transaction.atomic(durable=True)
def claim_deliveries(
    *, at: datetime, clock: CustomerClock | None = None, limit: int = BATCH
) -> list[WebhookDelivery]:
    """Take deliveries that are due, of active endpoints, out of the reach of other senders."""
    ids = _first_due(limit).rows(at=at, clock=key_of(clock))
    if not ids:
        return []
    WebhookDelivery.objects.filter(pk__in=ids).update(
        state=State.SENDING, tries_done=F("tries_done") + 1, next_try_at=at + LEASE
    )
    rows = WebhookDelivery.objects.filter(pk__in=ids)
    return list(rows.select_related("announcement__customer", "endpoint").order_by("pk"))


@cache
def _first_due(limit: int) -> StandingQuery[..., WebhookDelivery, UUID]:
    def first_due(at: datetime, clock: int | None) -> "QuerySet[WebhookDelivery, UUID]":
        due = WebhookDelivery.objects.filter(
            next_try_at__lte=at,
            endpoint__state=WebhookEndpoint.State.ACTIVE,
            announcement__customer__clock=clock,
        )
        locked = due.select_for_update(skip_locked=True, of=("self",))
        return locked.order_by("next_try_at", "pk").values_list("pk", flat=True)[:limit]

    return standing(first_due)


def deliver(delivery: WebhookDelivery, *, at: datetime) -> Outcome:
    """Send a claimed delivery and settle it."""
    outcome = _send(delivery, at)
    disabled_for = _settle(delivery, outcome, at)
    if disabled_for:
        tell_disabled(delivery.endpoint, reason=disabled_for)
    return outcome


def event_body(announcement: Announcement) -> dict[str, Any]:
    """An event as systems get it; docs/webhooks.md describes it, `version` says which shape."""
    return {
        "id": f"evt_{announcement.pk}",
        "version": VERSION,
        "kind": announcement.kind,
        "sequence": announcement.pk,
        "happened_at": announcement.happened_at.astimezone(UTC).isoformat(timespec="seconds"),
        "customer": announcement.customer.external_id,
        "data": tidy(announcement.facts),
    }


@transaction.atomic
def replay_delivery(*, delivery: WebhookDelivery, at: datetime) -> WebhookDelivery:
    """Send an event to its endpoint again, whatever became of it before."""
    locked = WebhookDelivery.objects.select_for_update(of=("self",)).get(pk=delivery.pk)
    if locked.state in {State.QUEUED, State.SENDING}:
        return locked
    locked.state, locked.tries_done, locked.next_try_at = State.QUEUED, 0, at
    locked.save(update_fields=["state", "tries_done", "next_try_at"])
    return locked


@transaction.atomic
def replay_failed(*, endpoint: WebhookEndpoint, at: datetime) -> int:
    """Send an endpoint everything again that was given up; gives how many events."""
    failed = WebhookDelivery.objects.filter(endpoint=endpoint, state=State.FAILED)
    return failed.update(state=State.QUEUED, tries_done=0, next_try_at=at)


def _deliver_share(share: Sequence[WebhookDelivery], at: datetime) -> None:
    """In a thread, which has a database connection of its own."""
    try:
        for delivery in share:
            deliver(delivery, at=at)
    finally:
        connection.close()


def _send(delivery: WebhookDelivery, at: datetime) -> Outcome:
    body = json.dumps(event_body(delivery.announcement), separators=(",", ":")).encode()
    secret = secret_of(delivery.endpoint)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"TikTokToe-Webhooks/{VERSION}",
        "TikTokToe-Event": f"evt_{delivery.announcement_id}",
        SIGNATURE_HEADER: signature(secret=secret, timestamp=int(at.timestamp()), body=body),
    }
    started = perf_counter()
    answer: Answer | None = None
    error = ""
    try:
        answer = post_webhook(
            url=delivery.endpoint.url,
            body=body,
            headers=headers,
            deadline_seconds=settings.WEBHOOK_TIMEOUT_SECONDS,
            allows_private=settings.WEBHOOKS_ALLOW_PRIVATE,
        )
    except (AddressRefused, NoAnswer) as problem:
        error = str(problem)[:200]
    milliseconds = int((perf_counter() - started) * 1000)
    if answer is None:
        return Outcome(milliseconds=milliseconds, error=error)
    return Outcome(status=answer.status, milliseconds=milliseconds, answer=answer.body[:500])


@transaction.atomic(durable=True)
def _settle(delivery: WebhookDelivery, outcome: Outcome, at: datetime) -> str:
    """Write the try down, and what follows from it, unless another sender took it since.

    Gives the reason if the endpoint was disabled for it.
    """
    WebhookTry.objects.create(
        delivery=delivery,
        at=at,
        status=outcome.status,
        milliseconds=outcome.milliseconds,
        answer=outcome.answer,
        error=outcome.error,
    )
    mine = WebhookDelivery.objects.filter(
        pk=delivery.pk, state=State.SENDING, tries_done=delivery.tries_done
    )
    endpoint = WebhookEndpoint.objects.filter(pk=delivery.endpoint_id)
    if outcome.is_delivered:
        mine.update(state=State.DELIVERED, next_try_at=None, delivered_at=at)
        endpoint.filter(failing_since__isnull=False).update(failing_since=None)
        return ""
    endpoint.filter(failing_since__isnull=True).update(failing_since=at)
    wait = next_wait(tries=delivery.tries_done, delivery=str(delivery.pk))
    if wait is not None:
        mine.update(state=State.QUEUED, next_try_at=at + wait)
        return ""
    mine.update(state=State.FAILED, next_try_at=None)
    active = endpoint.filter(state=WebhookEndpoint.State.ACTIVE)
    since = active.values_list("failing_since", flat=True).first()
    if since is None or at - since < DISABLED_AFTER:
        return ""
    reason = f"nothing has arrived since {since:%Y-%m-%d %H:%M} UTC"
    disable_endpoint(endpoint=delivery.endpoint, reason=reason)
    return reason

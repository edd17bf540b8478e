"""What dj-stripe keeps of events by itself: erased after a time, but for its proof.

The objects that it mirrors are Stripe's of today, and follow what is erased there.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from djstripe.models import Event, WebhookEventTrigger

REDACTED = "redacted"


def redact_mirrored_events(*, before: datetime, limit: int) -> int:
    """Leave of old events what they were about, and a hash of what they said; gives how many."""
    old = Event.objects.filter(created__lt=before).exclude(data__has_key=REDACTED)
    events = list(old.order_by("created")[:limit])
    for event in events:
        event.data = _proof_of(event.data)
    Event.objects.bulk_update(events, ["data"], batch_size=500)
    return len(events)


def redact_triggers(*, before: datetime, limit: int) -> int:
    """Erase old requests with their headers and addresses; gives how many."""
    old = WebhookEventTrigger.objects.filter(created__lt=before).exclude(body__startswith="sha256:")
    requests = list(old.order_by("created")[:limit])
    for request in requests:
        request.body = f"sha256:{hashlib.sha256(request.body.encode()).hexdigest()}"
        request.headers, request.remote_ip, request.traceback = {}, "0.0.0.0", ""  # noqa: S104
    fields = ["body", "headers", "remote_ip", "traceback"]
    WebhookEventTrigger.objects.bulk_update(requests, fields, batch_size=500)
    return len(requests)


def _proof_of(data: Mapping[str, Any]) -> dict[str, Any]:
    said = json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)
    named = data.get("object") or {}
    return {
        REDACTED: hashlib.sha256(said.encode()).hexdigest(),
        "object": {"id": named.get("id"), "object": named.get("object")},
    }

"""Bodies of gateways' events: kept as they came for a while, then erased but for their proof.

What stays is the event's names, what it proved, what was done about it, and a SHA-256 of its
body, against which a copy from elsewhere can be held.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings

from billing.gateways.stripe_redaction import redact_mirrored_events, redact_triggers
from billing.models import WebhookEvent

logger = logging.getLogger(__name__)

CHUNK = 2_000


def redact_old_bodies(*, at: datetime, limit: int = CHUNK) -> int:
    """Erase bodies whose time is over, our own and dj-stripe's; gives how many.

    An event that still waits to be looked into keeps its body until it was.
    """
    before = at - timedelta(days=settings.WEBHOOK_BODIES_KEPT_DAYS)
    old = WebhookEvent.objects.filter(received_at__lt=before, redacted_at=None)
    due = old.exclude(payload="").exclude(state=WebhookEvent.State.WAITING).order_by("received_at")
    ids = list(due.values_list("pk", flat=True)[:limit])
    erased = WebhookEvent.objects.filter(pk__in=ids).update(payload="", redacted_at=at)
    erased += redact_mirrored_events(before=before, limit=limit)
    erased += redact_triggers(before=before, limit=limit)
    if erased:
        logger.info("bodies of events erased", extra={"count": erased})
    return erased

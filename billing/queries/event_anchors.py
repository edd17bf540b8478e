"""Recounting the anchors of payments' events."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection

from billing.domain.event_anchors import is_sealed
from billing.models import EventAnchor

_NEXT = """
    SELECT count(*), max(id),
           encode(sha256(convert_to(string_agg(id || ':' || hash, ',' ORDER BY id), 'UTF8')), 'hex')
    FROM (
        SELECT id, hash FROM billing_paymentevent
        WHERE id > %(after)s AND recorded_at <= %(before)s
            -- Of two written at once the later number may have the earlier instant: none skipped.
            AND id < coalesce((SELECT min(id) FROM billing_paymentevent
                               WHERE id > %(after)s AND recorded_at > %(before)s), id + 1)
        ORDER BY id LIMIT %(limit)s
    ) AS counted
"""
_AGAIN = """
    SELECT anchor.number, count(written.id), coalesce(encode(sha256(convert_to(
               string_agg(written.id || ':' || written.hash, ',' ORDER BY written.id), 'UTF8'
           )), 'hex'), '')
    FROM billing_eventanchor anchor
    LEFT JOIN billing_paymentevent written
        ON written.id > anchor.after_event AND written.id <= anchor.until_event
    GROUP BY anchor.number
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Events that stand in one line, and what they come to."""

    events: int
    until_event: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokenAnchor:
    """An anchor that does not hold, and why."""

    number: int
    reason: str


def span_after(event_id: int, *, before: datetime, limit: int) -> Span | None:
    """The next events that were recorded before an instant; None if there are none."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, {"after": event_id, "before": before, "limit": limit})
        events, until, digest = cursor.fetchone()
    return Span(events=events, until_event=until, digest=digest) if events else None


def newest_anchor() -> EventAnchor | None:
    """The anchor that stands for everything before it."""
    return EventAnchor.objects.order_by("-number").first()


def secrets() -> list[str]:
    """The installation's secret, and those it had before."""
    return [settings.SECRET_KEY, *getattr(settings, "SECRET_KEY_FALLBACKS", [])]


def broken_anchors() -> list[BrokenAnchor]:
    """The anchors that do not hold, the oldest first: every event of each is counted again."""
    with connection.cursor() as cursor:
        cursor.execute(_AGAIN)
        counted = {number: (events, digest) for number, events, digest in cursor.fetchall()}
    keys, broken, after, seal = secrets(), [], 0, ""
    for number, anchor in enumerate(EventAnchor.objects.order_by("number"), start=1):
        reason = ""
        if (anchor.number, anchor.after_event, anchor.previous_seal) != (number, after, seal):
            reason = "an anchor before it is missing, or was put in"
        elif not is_sealed(anchor.terms, anchor.seal, secrets=keys):
            reason = "its seal was not made with our secret"
        elif counted[anchor.number] != (anchor.events, anchor.digest):
            reason = "its events are not those that were sealed"
        if reason:
            broken.append(BrokenAnchor(number=anchor.number, reason=reason))
        after, seal = anchor.until_event, anchor.seal
    return broken

"""Systems that may send usage: their keys are made, checked and revoked."""

import hashlib
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from subscriptions.errors import EventInvalid
from subscriptions.models import EventSource

logger = logging.getLogger(__name__)
KEY_PREFIX = "ttt_"
SHOWN_LENGTH = 12


@dataclass(frozen=True)
class NewSource:
    """A source and its key, which is shown this once and kept nowhere."""

    source: EventSource
    key: str


@transaction.atomic
def create_event_source(*, name: str, at: datetime) -> NewSource:
    """Let a system send usage.

    Raises:
        EventInvalid: If the name is taken.
    """
    if EventSource.objects.filter(name=name).exists():
        raise EventInvalid(f"{name!r} is taken", field="name", remedy="choose another")
    key = KEY_PREFIX + secrets.token_urlsafe(32)
    source = EventSource.objects.create(
        name=name, key_prefix=key[:SHOWN_LENGTH], key_hash=hash_key(key), created_at=at
    )
    logger.info("event source created", extra={"source": source.pk})
    return NewSource(source, key)


@transaction.atomic
def revoke_event_source(*, source: EventSource, at: datetime) -> EventSource:
    """Take a system's right to send usage away; what it sent stays."""
    EventSource.objects.filter(pk=source.pk, revoked_at__isnull=True).update(revoked_at=at)
    source.refresh_from_db()
    return source


def source_of_key(key: str) -> EventSource | None:
    """The source that a key belongs to; None of an unknown or revoked one.

    The look-up is by the key's hash, so that its timing tells nothing of the key.
    """
    return EventSource.objects.filter(key_hash=hash_key(key), revoked_at__isnull=True).first()


def hash_key(key: str) -> bytes:
    """What is kept of a key. Keys have 256 random bits, so that a plain hash is enough."""
    return hashlib.sha256(key.encode()).digest()

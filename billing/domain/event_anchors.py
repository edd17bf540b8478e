"""Anchors of payments' events: so many events, one digest, sealed with a key that is not in them.

Each anchor seals the one before, so that the newest seal stands for everything up to it.
"""

import hashlib
import hmac
from dataclasses import dataclass

CHUNK = 100_000  # events of one anchor at most


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorTerms:
    """What an anchor says: the events after one and up to another, and what they come to."""

    number: int
    after_event: int
    until_event: int
    events: int
    digest: str
    previous_seal: str


def seal_of(terms: AnchorTerms, *, secret: str) -> str:
    """The seal that only whoever has the secret can make."""
    key = hashlib.sha256(f"anchors of payment events:{secret}".encode()).digest()
    said = "|".join(
        (
            str(terms.number),
            str(terms.after_event),
            str(terms.until_event),
            str(terms.events),
            terms.digest,
            terms.previous_seal,
        )
    )
    return hmac.new(key, said.encode(), hashlib.sha256).hexdigest()


def is_sealed(terms: AnchorTerms, seal: str, *, secrets: list[str]) -> bool:
    """Whether a seal is ours, by the secret of today or an earlier one."""
    return any(hmac.compare_digest(seal_of(terms, secret=secret), seal) for secret in secrets)

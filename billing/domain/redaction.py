"""What may be kept of a request or an answer: no card numbers, no keys, no tokens."""

import re

_UUID = r"(?P<uuid>\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)"
_CARD_NUMBER = re.compile(rf"{_UUID}|(?<!\d)\d(?:[ -]?\d){{11,18}}(?!\d)", re.IGNORECASE)
_SECRET = re.compile(r"\b(?:sk|rk|pk|whsec)_[A-Za-z0-9_]{6,}")
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_KEPT = 4
_LONGEST = 500


def redacted(text: str) -> str:
    """A text of the gateway without what looks like a card number, a key or an e-mail address."""
    # Groups of a UUID may be digits alone: our own keys must stay readable.
    without_cards = _CARD_NUMBER.sub(lambda found: found["uuid"] or "[number]", text)
    return _ADDRESS.sub("[address]", _SECRET.sub("[key]", without_cards))[:_LONGEST]


def masked(token: str) -> str:
    """A token or reference that must not be usable: its last four characters."""
    return f"…{token[-_KEPT:]}" if len(token) > 2 * _KEPT else "…"

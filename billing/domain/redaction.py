"""What may be kept of a request or an answer: no card numbers, no keys, no tokens."""

import re

_CARD_NUMBER = re.compile(r"(?<!\d)\d(?:[ -]?\d){11,18}(?!\d)")
_SECRET = re.compile(r"\b(?:sk|rk|pk|whsec)_[A-Za-z0-9_]{6,}")
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_KEPT = 4
_LONGEST = 500


def redacted(text: str) -> str:
    """A text of the gateway without what looks like a card number, a key or an e-mail address."""
    without_cards = _CARD_NUMBER.sub("[number]", text)
    return _ADDRESS.sub("[address]", _SECRET.sub("[key]", without_cards))[:_LONGEST]


def masked(token: str) -> str:
    """A token or reference that must not be usable: its last four characters."""
    return f"…{token[-_KEPT:]}" if len(token) > 2 * _KEPT else "…"

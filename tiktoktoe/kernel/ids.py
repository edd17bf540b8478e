"""Identities: time-ordered UUIDs for rows, short references for people."""

import secrets
from threading import Lock
from uuid import UUID

from tiktoktoe.kernel import clock

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: no i, l, o, u to misread or misspell
REFERENCE_LENGTH = 12

_RANDOM_BITS = 62
_STEP_BITS = 32
_lock = Lock()
_last: list[tuple[int, int]] = [(0, 0)]


def uuid7() -> UUID:
    """A UUID that sorts by the time it was made, so that an index grows at its end.

    Source: RFC 9562, 5.7 with method 3 (microseconds in rand_a). Ids made in one process in
    the same microsecond also sort in order: each takes a random step up from the last.
    """
    at = clock.now()
    microseconds = int(at.timestamp()) * 1_000_000 + at.microsecond
    with _lock:
        last_at, last_random = _last[0]
        if microseconds == last_at and last_random < (1 << _RANDOM_BITS) - (1 << _STEP_BITS) - 1:
            tail = last_random + 1 + secrets.randbits(_STEP_BITS)
        else:
            tail = secrets.randbits(_RANDOM_BITS - 1)
        _last[0] = (microseconds, tail)
    milliseconds, rest = divmod(microseconds, 1000)
    value = milliseconds << 80 | 0x7 << 76 | (rest * 4096 // 1000) << 64 | 0b10 << 62 | tail
    return UUID(int=value)


def short_id(prefix: str) -> str:
    """A reference to say and to write: "sub_7k2m9x4q1r8t", 60 random bits after the prefix."""
    letters = "".join(secrets.choice(ALPHABET) for _ in range(REFERENCE_LENGTH))
    return f"{prefix}_{letters}"

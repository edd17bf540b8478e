"""Chance that can be repeated: the same seed draws the same, on every machine."""

from fractions import Fraction
from hashlib import sha256

_BITS = 64


def draw(seed: str, purpose: str) -> Fraction:
    """A number in [0, 1), spread evenly over seeds; purposes draw apart from each other."""
    digest = sha256(f"{purpose}:{seed}".encode()).digest()
    return Fraction(int.from_bytes(digest[: _BITS // 8], "big"), 2**_BITS)


def pick(seed: str, purpose: str, size: int) -> int:
    """One of so many, evenly."""
    return int(draw(seed, purpose) * size)


def arm_of(seed: str, purpose: str = "arm") -> int:
    """One of a hundred arms: a payment keeps its own over all its retries."""
    return pick(seed, purpose, 100)

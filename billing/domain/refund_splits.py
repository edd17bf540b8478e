"""Which captures of a hold a refund is taken from."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from tiktoktoe.kernel.money import Money, zero

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Share(Generic[K]):
    """So much of one capture."""

    capture: K
    amount: Money


def split_refund(amount: Money, left: Sequence[tuple[K, Money]]) -> list[Share[K]]:
    """A refund in as few parts as there can be, each within what is left of its capture.

    One capture that has enough gives all of it, the smallest such; else the largest give first.

    Args:
        left: The captures, the oldest first, with what was not given back of each.

    Raises:
        ValueError: If all of them together have less.
    """
    enough = [row for row in left if row[1] >= amount]
    if enough:
        return [Share(min(enough, key=lambda row: row[1])[0], amount)]
    shares, missing = [], amount
    for capture, rest in sorted(left, key=lambda row: row[1], reverse=True):
        part = min(rest, missing)
        if part.amount > 0:
            shares.append(Share(capture, part))
            missing -= part
    if missing > zero(amount.currency.code):
        raise ValueError(f"{missing} more than the captures have left")
    return shares

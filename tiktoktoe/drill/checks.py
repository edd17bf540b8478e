"""A number that must be nothing."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """A number that must be nothing, and an example where it is not."""

    name: str
    found: int
    example: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is as it must be."""
        return self.found == 0


def check(name: str, found: Iterable[object]) -> Check:
    """How many were found, and the first of them."""
    rows = list(found)
    return Check(name, len(rows), str(rows[0]) if rows else "")

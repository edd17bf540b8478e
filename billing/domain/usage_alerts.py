"""Which shares of what is included usage has reached."""

from collections.abc import Collection
from decimal import Decimal

SHARES = (50, 80, 100)  # percent of the included units


def shares_reached(*, used: Decimal, included: Decimal, known: Collection[int]) -> list[int]:
    """The shares that usage has reached and that were not raised yet, the lowest first."""
    if included <= 0:
        return []
    return [share for share in SHARES if used * 100 >= included * share and share not in known]

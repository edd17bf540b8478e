"""Included units for part of a period: they shrink with it, prices do not."""

from decimal import Decimal
from fractions import Fraction

from tiktoktoe.kernel.rates import round_down

INCLUDED_PLACES = 6


def included_share(units: Decimal, share: Fraction) -> Decimal:
    """A share of what is included, rounded down; all of it for a whole period."""
    return units if share == 1 else round_down(Fraction(units) * share, INCLUDED_PLACES)

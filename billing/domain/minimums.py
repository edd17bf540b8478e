"""What is left of a minimum when a share of the period counts and something was charged for it."""

from decimal import Decimal
from fractions import Fraction

from tiktoktoe.kernel.money import Money, quantize_amount, zero


def exact_left(minimum: Decimal, share: Fraction, charged: Money) -> Fraction:
    """The rest, exact; below zero when more than the minimum was charged."""
    return Fraction(minimum) * share - Fraction(charged.amount)


def left_of_minimum(minimum: Decimal, share: Fraction, charged: Money) -> Money:
    """The rest, rounded once; nothing when at least the minimum was charged.

    Source: Lago's true-up fee; LAGO-MIN-39.
    """
    currency = charged.currency.code
    rest = quantize_amount(exact_left(minimum, share, charged), currency)
    return max(rest, zero(currency))

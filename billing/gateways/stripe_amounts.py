"""Amounts as Stripe writes them."""

from decimal import Decimal

from tiktoktoe.kernel.money import Money, from_minor, minor_unit, quantize_amount, to_minor

# Source: docs.stripe.com/currencies: written with two decimals, though they have none.
_TWO_DECIMALS_ANYWAY = frozenset({"ISK", "UGX"})


def to_stripe(money: Money) -> int:
    """The whole number that Stripe wants for an amount.

    Raises:
        InvariantViolation: If the amount is not payable.
    """
    minor = to_minor(money)
    return minor * 100 if money.currency.code in _TWO_DECIMALS_ANYWAY else minor


def from_stripe(amount: int, currency: str) -> Money:
    """The amount that a whole number of Stripe's means; the currency in small letters."""
    code = currency.upper()
    if code in _TWO_DECIMALS_ANYWAY:
        return quantize_amount(Decimal(amount) / 100, code)
    return from_minor(amount, code)


def is_chargeable(money: Money) -> bool:
    """Whether Stripe can take it: of three decimals, the last has to be zero."""
    return minor_unit(money.currency) < 3 or to_minor(money) % 10 == 0

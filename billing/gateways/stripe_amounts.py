"""Amounts as Stripe writes them."""

from decimal import Decimal

from billing.gateways.amounts import told_amount
from tiktoktoe.kernel.errors import InvariantViolation
from tiktoktoe.kernel.money import Money, minor_unit, to_minor

# Source: docs.stripe.com/currencies: kronur and shillings are written with two decimals, though
# they have none, and ariary with none, though ISO 4217 gives it two.
_DECIMALS = {"ISK": 2, "MGA": 0, "UGX": 2}


def to_stripe(money: Money) -> int:
    """The whole number that Stripe wants for an amount.

    Raises:
        InvariantViolation: If the amount is not payable, or cannot be written so.
    """
    number = Decimal(to_minor(money)).scaleb(_shift(money.currency.code))
    if number != int(number):
        raise InvariantViolation(f"Stripe cannot write {money.amount} {money.currency}")
    return int(number)


def from_stripe(amount: int, currency: str) -> Money:
    """The amount that a whole number of Stripe's means; the currency in small letters.

    Raises:
        ValueError: If nobody can pay it.
    """
    code = currency.upper()
    places = minor_unit(code) + _shift(code)
    return told_amount(Decimal(amount).scaleb(-places), code)


def is_chargeable(money: Money) -> bool:
    """Whether Stripe can take it: of three decimals the last has to be zero, of ariary both."""
    minor, shift = to_minor(money), _shift(money.currency.code)
    if shift < 0:
        return bool(minor % 10**-shift == 0)
    return minor_unit(money.currency) < 3 or minor % 10 == 0


def _shift(code: str) -> int:
    """How many decimals Stripe writes more than a payable amount has."""
    return _DECIMALS.get(code, minor_unit(code)) - minor_unit(code)

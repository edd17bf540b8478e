"""Amounts as gateways and banks tell them: exact, or not believed."""

from decimal import Decimal, InvalidOperation

from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.money import Money, minor_unit, quantize_amount


def told_amount(value: Decimal, currency: str) -> Money:
    """The money that somebody else's number means.

    Nothing is rounded: 98.996 euros are not 99.00, and whoever says so has written the amount in
    other units than its currency has.

    Raises:
        ValueError: If nobody can pay it: parts of a minor unit, no number, no currency.
    """
    try:
        money = quantize_amount(value.quantize(_unit(currency)), currency)
    except (InvalidInput, InvalidOperation) as error:
        raise ValueError(f"{value} {currency} is no amount") from error
    if money.amount != value:
        raise ValueError(f"{value} {currency} is no amount that can be paid")
    return money


def _unit(currency: str) -> Decimal:
    return Decimal(1).scaleb(-minor_unit(currency))

"""Amounts of money: exact, each in one currency, rounded in one place.

An amount may have any number of decimals while it is being worked out. It becomes payable,
a whole number of the currency's minor unit, only in `quantize`: halves go away from zero.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache

from moneyed import CURRENCIES, Currency, CurrencyDoesNotExist, Money, get_currency

from tiktoktoe.kernel.errors import InvalidInput, InvariantViolation
from tiktoktoe.kernel.rates import Exact, round_half_away

__all__ = [
    "Currency",
    "CurrencyMismatch",
    "Money",
    "allocate",
    "currencies_with_decimals",
    "currency_of",
    "from_minor",
    "minor_unit",
    "quantize",
    "quantize_amount",
    "round_to_total",
    "to_minor",
    "total",
    "zero",
]


class CurrencyMismatch(InvariantViolation):
    """Amounts of different currencies were about to be added or compared."""


def currency_of(code: str | Currency) -> Currency:
    """The currency of an ISO 4217 code.

    Raises:
        InvalidInput: If there is no such currency.
    """
    if isinstance(code, Currency):
        return code
    try:
        return get_currency(code)
    except CurrencyDoesNotExist:
        raise InvalidInput(
            f"{code!r} is no currency", field="currency", remedy="use an ISO 4217 code like EUR"
        ) from None


@cache
def minor_unit(currency: str | Currency) -> int:
    """How many decimals a payable amount has: EUR 2, JPY 0, KWD 3.

    Source: ISO 4217, as kept by py-moneyed. CLDR's precision is for display and differs: it
    shows no decimals for some currencies that have them, such as IQD (3) and RSD (2).
    """
    return len(str(currency_of(currency).sub_unit)) - 1


@cache
def currencies_with_decimals(places: int) -> tuple[str, ...]:
    """The codes of all currencies whose payable amounts have so many decimals."""
    return tuple(sorted(code for code in CURRENCIES if minor_unit(code) == places))


def quantize(money: Money) -> Money:
    """The payable amount nearest to an exact one; halves go away from zero."""
    return quantize_amount(money.amount, money.currency)


def quantize_amount(amount: Exact, currency: str | Currency) -> Money:
    """The payable Money nearest to an exact number; halves go away from zero."""
    return Money(round_half_away(amount, minor_unit(currency)), currency_of(currency))


def to_minor(money: Money) -> int:
    """The amount in minor units: cents, yen, fils.

    Raises:
        InvariantViolation: If it is not payable; round it first, where a rule says so.
    """
    minor = _in_minor_units(money)
    if minor.denominator != 1:
        raise InvariantViolation(f"{money.amount} {money.currency} is not a payable amount")
    return minor.numerator


def from_minor(amount_minor: int, currency: str | Currency) -> Money:
    """Money of so many minor units."""
    return quantize_amount(Fraction(amount_minor, 10 ** minor_unit(currency)), currency)


def zero(currency: str | Currency) -> Money:
    """Nothing, in a currency, with that currency's decimals."""
    return quantize_amount(0, currency)


def total(amounts: Iterable[Money], currency: str | Currency) -> Money:
    """The sum of amounts that are all in one currency; of none, zero.

    Raises:
        CurrencyMismatch: If one of them is in another currency.
    """
    code = currency_of(currency)
    result = zero(code)
    for money in amounts:
        if money.currency != code:
            raise CurrencyMismatch(f"{money.currency} among amounts in {code}")
        result += Money(money.amount, code)
    return result


def allocate(money: Money, weights: Sequence[Exact]) -> tuple[Money, ...]:
    """Divide a payable amount in proportion to weights, to the minor unit, without loss.

    The shares add up to the amount exactly; see `round_to_total` for who gets the odd unit.

    Raises:
        InvariantViolation: If a weight is negative, all are zero, or the amount not payable.
    """
    exact = [Fraction(weight) for weight in weights]
    whole = sum(exact)
    if whole == 0 or min(exact) < 0:
        raise InvariantViolation("weights must not be negative, and not all zero")
    return round_to_total([Fraction(money.amount) * weight / whole for weight in exact], money)


def round_to_total(parts: Sequence[Exact], whole: Money) -> tuple[Money, ...]:
    """Round exact parts to payable amounts that add up to a given payable whole.

    Each is cut towards zero; the units still missing go one each to the parts that lost most
    by it, the earlier one first among equals. So no part is a whole unit away from exact.

    Raises:
        InvariantViolation: If the parts are too far from the whole for that.
    """
    scale = Fraction(10) ** minor_unit(whole.currency)
    exact = [Fraction(part) * scale for part in parts]
    units = [int(part) for part in exact]
    missing = to_minor(whole) - sum(units)
    step = 1 if missing > 0 else -1
    by_loss = sorted(range(len(units)), key=lambda i: (step * (units[i] - exact[i]), i))
    if abs(missing) > len(units):
        raise InvariantViolation("the parts do not add up to the whole")
    for i in by_loss[: abs(missing)]:
        units[i] += step
    return tuple(from_minor(unit, whole.currency) for unit in units)


def _in_minor_units(money: Money) -> Fraction:
    return Fraction(money.amount) * Fraction(10) ** minor_unit(money.currency)

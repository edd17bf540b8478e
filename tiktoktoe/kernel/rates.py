"""Exact numbers: percentages and basis points, how they are rounded, how they are written."""

from collections.abc import Iterable
from decimal import (
    Context,
    Decimal,
    DecimalException,
    Inexact,
    Overflow,
    localcontext,
)
from fractions import Fraction
from math import ceil

from tiktoktoe.kernel.errors import InvalidInput

Exact = int | Decimal | Fraction
TIMES = "\N{MULTIPLICATION SIGN}"

# Products of a quantity (28 digits), a price (22) and a percentage need 60 digits; a result
# that would not fit is an error rather than a silently rounded amount.
EXACT_CONTEXT = Context(prec=200, traps=[*Context().traps, Inexact, Overflow])


def percent(value: Decimal | int | str) -> Fraction:
    """A percentage as the number it multiplies by: 19 gives 19/100."""
    return Fraction(decimal_of(value)) / 100


def basis_points(value: Decimal | int | str) -> Fraction:
    """Hundredths of a percent as the number they multiply by: 290 gives 29/1000."""
    return Fraction(decimal_of(value)) / 10_000


def decimal_of(value: Decimal | int | str, *, field: str = "") -> Decimal:
    """A finite Decimal of what was written.

    Raises:
        InvalidInput: If it is no number, infinite, or a binary float, which is not exact.
    """
    if isinstance(value, (float, bool)):
        raise InvalidInput(f"{value!r} is not an exact number", field=field, remedy="write '1.5'")
    try:
        number = Decimal(value)
    except DecimalException:
        raise InvalidInput(f"{value!r} is no number", field=field, remedy="write '1.5'") from None
    if not number.is_finite():
        raise InvalidInput(f"{value!r} is not finite", field=field)
    return number


def ratio(part: Exact, whole: Exact) -> Fraction | None:
    """A part of a whole; None of nothing, because a rate of nothing is unknown, not 0."""
    return Fraction(part) / Fraction(whole) if whole != 0 else None


def round_half_away(value: Exact, places: int) -> Decimal:
    """The nearest number with so many decimals; halves go away from zero."""
    numerator, denominator = (abs(Fraction(value)) * 10**places).as_integer_ratio()
    whole = (2 * numerator + denominator) // (2 * denominator)
    return _shifted(-whole if value < 0 else whole, places)


def round_down(value: Exact, places: int) -> Decimal:
    """The nearest number towards zero with so many decimals."""
    whole = int(abs(Fraction(value)) * 10**places)
    return _shifted(-whole if value < 0 else whole, places)


def blocks_of(quantity: Decimal, size: Decimal) -> Decimal:
    """How many blocks of a size a quantity needs; a started one counts whole."""
    return Decimal(ceil(Fraction(quantity) / Fraction(size)))


def exact_sum(terms: Iterable[Decimal]) -> Decimal:
    """The exact sum, whatever the current decimal context; of none, 0."""
    with localcontext(EXACT_CONTEXT):
        return sum(terms, start=Decimal(0))


def exact_text(value: Exact) -> str:
    """The number as people write it, without loss: "0.0002", "1000", or "27/31"."""
    if not isinstance(value, Decimal):
        return str(value)
    if value == 0:
        return "0"
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _shifted(whole: int, places: int) -> Decimal:
    with localcontext(EXACT_CONTEXT):
        return Decimal(whole).scaleb(-places)

"""Amounts, quantities and shares as people read them; nothing is rounded that is not shown."""

from copy import copy
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol

from babel import Locale
from babel.numbers import NumberPattern, format_decimal, get_currency_symbol
from django import template
from django.utils.translation import get_language, to_locale

from tiktoktoe.kernel.money import from_minor, minor_unit
from tiktoktoe.kernel.rates import basis_points, round_half_away

register = template.Library()

ABSENT = "—"
MINUS = "\u2212"
NO_BREAK_SPACE = "\u00a0"
MAX_DECIMALS = 10


class Amount(Protocol):
    """Money of moneyed or djmoney."""

    @property
    def amount(self) -> Decimal:
        """So much."""

    @property
    def currency(self) -> Any:
        """Of this."""


def page_locale() -> Locale:
    """The locale of the language this page is in."""
    return Locale.parse(to_locale(get_language() or "en"))


@register.filter
def money(value: Amount | Decimal | str | None, currency: str = "") -> str:
    """An amount with its currency: `{{ total|money }}`, or `{{ number|money:"EUR" }}`.

    It has the decimals of the currency, and all it needs when it is not a payable amount.
    A number may be an exact string, as JSON keeps it.
    """
    if value is None or value == "":
        return ABSENT
    if isinstance(value, Decimal | int | str):
        return _amount_text(Decimal(value), currency, minor_unit(currency))
    code = str(value.currency)
    return _amount_text(value.amount, code, minor_unit(code))


@register.filter
def unit_price(value: Amount | Decimal | str | None, currency: str = "") -> str:
    """The price of one unit, with up to ten decimals and no closing zeros beyond the cent."""
    return money(value, currency)


@register.filter
def minor_money(amount_minor: int | None, currency: str) -> str:
    """An amount given in minor units: `{{ 12345|minor_money:"EUR" }}` is €123.45."""
    if amount_minor is None:
        return ABSENT
    return money(from_minor(amount_minor, currency))


@register.filter
def signed_money(value: Amount | None) -> str:
    """An amount that shows its sign also when it is positive."""
    text = money(value)
    return f"+{text}" if value is not None and value.amount > 0 else text


@register.filter
def quantity(value: Decimal | int | None) -> str:
    """A quantity, grouped, with as many decimals as it has: 1,234.5."""
    if value is None:
        return ABSENT
    number = Decimal(value)
    pattern = _with_decimals(page_locale().decimal_formats[None], 0, _decimals(number))
    return str(pattern.apply(number, page_locale())).replace("-", MINUS)


@register.filter
def percent(ratio: Fraction | Decimal | None, decimals: int = 1) -> str:
    """A share as a percentage with so many decimals, that a column is read down: 19.0 %."""
    if ratio is None:
        return ABSENT
    shown = round_half_away(Fraction(ratio) * 100, decimals)
    pattern = _with_decimals(page_locale().decimal_formats[None], decimals, decimals)
    return _as_percentage(str(pattern.apply(shown, page_locale())))


@register.filter
def bps(value: Decimal | None) -> str:
    """Basis points as a percentage, with the decimals that it needs: 150 is shown as 1.5 %."""
    if value is None:
        return ABSENT
    shown = round_half_away(Fraction(basis_points(value)) * 100, 4).normalize()
    return _as_percentage(format_decimal(shown, locale=page_locale(), decimal_quantization=False))


def _as_percentage(text: str) -> str:
    return f"{text.replace('-', MINUS)}{NO_BREAK_SPACE}%"


def _amount_text(amount: Decimal, currency: str, digits: int) -> str:
    locale = page_locale()
    most = max(digits, _decimals(amount))
    pattern = _with_decimals(locale.currency_formats["standard"], digits, most)
    text = str(pattern.apply(amount, locale, currency=currency, currency_digits=False))
    symbol = get_currency_symbol(currency, locale)
    if symbol[-1].isalpha():  # CLDR sets letters apart from the digits; babel does not
        text = text.replace(symbol, f"{symbol}{NO_BREAK_SPACE}").replace(
            NO_BREAK_SPACE * 2, NO_BREAK_SPACE
        )
    return text.replace("-", MINUS)


def _with_decimals(pattern: NumberPattern, least: int, most: int) -> NumberPattern:
    adjusted = copy(pattern)
    adjusted.frac_prec = (least, most)
    return adjusted


def _decimals(number: Decimal) -> int:
    exponent = number.normalize().as_tuple().exponent
    return min(max(-exponent, 0), MAX_DECIMALS) if isinstance(exponent, int) else 0

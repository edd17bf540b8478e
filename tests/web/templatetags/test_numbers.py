"""Amounts and quantities as people read them."""

from decimal import Decimal
from fractions import Fraction

import pytest
from djmoney.money import Money as ModelMoney
from hypothesis import given
from hypothesis import strategies as st

from tiktoktoe.kernel.money import Money
from tiktoktoe.web.templatetags.numbers import (
    bps,
    minor_money,
    money,
    percent,
    quantity,
    signed_money,
    unit_price,
)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("4596.10", "USD", "$4,596.10"),
        ("4596.1000", "USD", "$4,596.10"),
        ("0", "EUR", "€0.00"),
        ("-23.10", "USD", "\u2212$23.10"),
        ("120000.0000", "JPY", "¥120,000"),
        ("12.3450", "KWD", "KWD\u00a012.345"),
        ("-5", "CHF", "\u2212CHF\u00a05.00"),
        ("0.00500", "USD", "$0.005"),
        ("12345678901234567890.12", "USD", "$12,345,678,901,234,567,890.12"),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency_and_none_is_lost(
    amount: str, currency: str, text: str
) -> None:
    assert money(Money(amount, currency)) == text
    assert money(ModelMoney(amount, currency)) == text
    assert money(Decimal(amount), currency) == text


def test_an_amount_that_is_not_there_is_a_dash() -> None:
    assert money(None) == "—"
    assert minor_money(None, "EUR") == "—"
    assert quantity(None) == "—"
    assert percent(None) == "—"


def test_minor_units_become_an_amount() -> None:
    assert minor_money(12345, "EUR") == "€123.45"
    assert minor_money(-12345, "JPY") == "\u2212¥12,345"


def test_a_unit_price_shows_up_to_ten_decimals() -> None:
    assert unit_price(Money("0.0000025000", "EUR")) == "€0.0000025"
    assert unit_price(Money("0.0000000001", "EUR")) == "€0.0000000001"
    assert unit_price(Money("99", "USD")) == "$99.00"


def test_a_signed_amount_shows_its_plus() -> None:
    assert signed_money(Money("5", "USD")) == "+$5.00"
    assert signed_money(Money("0", "USD")) == "$0.00"
    assert signed_money(Money("-5", "USD")) == "\u2212$5.00"


@pytest.mark.parametrize(
    ("number", "text"),
    [("1234.500", "1,234.5"), ("78410", "78,410"), ("1E+3", "1,000"), ("-2.25", "\u22122.25")],
)
def test_a_quantity_has_the_decimals_it_needs(number: str, text: str) -> None:
    assert quantity(Decimal(number)) == text


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (Fraction(19, 100), "19.0\u00a0%"),
        (Decimal("0.0725"), "7.3\u00a0%"),
        (Fraction(1, 3), "33.3\u00a0%"),
        (Fraction(-1, 200), "\u22120.5\u00a0%"),
        (Fraction(10), "1,000.0\u00a0%"),
    ],
)
def test_a_share_is_shown_as_a_percentage(ratio: Fraction | Decimal, text: str) -> None:
    assert percent(ratio) == text


@given(st.decimals(min_value=-(10**14), max_value=10**14, places=2))
def test_the_text_of_an_amount_gives_the_amount_back(amount: Decimal) -> None:
    text = money(Money(amount, "USD"))

    assert Decimal(text.replace("\u2212", "-").replace("$", "").replace(",", "")) == amount


@pytest.mark.parametrize(
    ("value", "text"), [("150", "1.5\u00a0%"), ("8000.00", "80\u00a0%"), ("2.5", "0.025\u00a0%")]
)
def test_basis_points_are_read_as_a_percentage(value: str, text: str) -> None:
    assert bps(Decimal(value)) == text

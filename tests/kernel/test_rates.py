"""Numbers stay exact until they are rounded, and are written without loss."""

from decimal import Decimal, Inexact, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tests.strategies  # noqa: F401 -- loads the profile
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.rates import (
    EXACT_CONTEXT,
    basis_points,
    blocks_of,
    decimal_of,
    exact_sum,
    exact_text,
    percent,
    ratio,
    round_half_away,
)


def test_percent_and_basis_points_are_exact() -> None:
    assert percent("7.7") == Fraction(77, 1000)
    assert basis_points(290) == Fraction(29, 1000)


@pytest.mark.parametrize("written", ["", "ten", "NaN", "Infinity", "1,5"])
def test_decimal_of_refuses_what_is_no_number(written: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decimal_of(written, field="quantity")

    assert refused.value.field == "quantity"


def test_decimal_of_refuses_a_binary_float() -> None:
    with pytest.raises(InvalidInput, match="not an exact number"):
        decimal_of(0.1)  # type: ignore[arg-type]


def test_ratio_of_nothing_is_unknown_not_zero() -> None:
    assert ratio(5, 0) is None
    assert ratio(0, 5) == 0


def test_a_sum_keeps_digits_that_the_default_context_drops() -> None:
    long = Decimal("1234567890123456789.0123456789")

    assert exact_sum([long, Decimal("1E-15")]) == Decimal("1234567890123456789.012345678900001")


def test_the_exact_context_refuses_to_round() -> None:
    with localcontext(EXACT_CONTEXT), pytest.raises(Inexact):
        Decimal(1) / Decimal(3)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1E+3"), "1000"),
        (Decimal("0.00020"), "0.0002"),
        (Decimal("-0.00"), "0"),
        (Decimal("100"), "100"),
        (Fraction(27, 31), "27/31"),
        (5, "5"),
    ],
)
def test_exact_text_writes_numbers_as_people_do(value: Decimal | Fraction, text: str) -> None:
    assert exact_text(value) == text


def test_a_started_block_counts_whole() -> None:
    assert blocks_of(Decimal(121), Decimal(10)) == 13
    assert blocks_of(Decimal(120), Decimal(10)) == 12
    assert blocks_of(Decimal(0), Decimal(10)) == 0


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6))
def test_exact_text_can_be_read_back(value: Decimal) -> None:
    assert Decimal(exact_text(value)) == value


@given(st.fractions(), st.integers(0, 6))
def test_rounding_is_symmetrical_and_never_more_than_half_off(value: Fraction, places: int) -> None:
    rounded = round_half_away(value, places)

    assert round_half_away(-value, places) == -rounded
    assert abs(Fraction(rounded) - value) * 2 <= Fraction(1, 10**places)

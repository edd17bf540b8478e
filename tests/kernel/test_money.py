"""Money is rounded in one place, half away from zero, and never lost when it is divided."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import amounts, currencies
from tiktoktoe.kernel.errors import InvalidInput, InvariantViolation
from tiktoktoe.kernel.money import (
    CurrencyMismatch,
    Money,
    allocate,
    from_minor,
    minor_unit,
    quantize,
    quantize_amount,
    round_to_total,
    to_minor,
    total,
    zero,
)

weights = st.lists(st.integers(0, 10**6), min_size=1, max_size=12).filter(any)
shares = st.lists(st.fractions(-1000, 1000, max_denominator=997), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("currency", "decimals"), [("EUR", 2), ("USD", 2), ("JPY", 0), ("KWD", 3), ("IQD", 3)]
)
def test_minor_unit_follows_iso_4217(currency: str, decimals: int) -> None:
    assert minor_unit(currency) == decimals


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("10.005", "EUR", "10.01"),
        ("-10.005", "EUR", "-10.01"),
        ("10.004999", "EUR", "10.00"),
        ("74.985", "USD", "74.99"),
        ("0.5", "JPY", "1"),
        ("2.5", "JPY", "3"),
        ("-2.5", "JPY", "-3"),
        ("1.0005", "KWD", "1.001"),
    ],
)
def test_quantize_rounds_halves_away_from_zero(amount: str, currency: str, rounded: str) -> None:
    assert quantize(Money(Decimal(amount), currency)) == Money(Decimal(rounded), currency)


def test_quantize_shows_the_decimals_of_the_currency() -> None:
    assert str(quantize_amount(3, "EUR").amount) == "3.00"
    assert str(zero("JPY").amount) == "0"


def test_an_unknown_currency_names_the_field() -> None:
    with pytest.raises(InvalidInput) as refused:
        minor_unit("XYZ")

    assert refused.value.field == "currency"


def test_to_minor_refuses_an_amount_that_nobody_can_pay() -> None:
    with pytest.raises(InvariantViolation, match="not a payable amount"):
        to_minor(Money("0.001", "EUR"))


def test_total_refuses_to_add_currencies() -> None:
    with pytest.raises(CurrencyMismatch, match="USD among amounts in EUR"):
        total([Money("1.00", "EUR"), Money("1.00", "USD")], "EUR")


def test_total_of_nothing_is_zero() -> None:
    assert total([], "KWD") == Money("0.000", "KWD")


@pytest.mark.parametrize(
    ("minor", "by", "parts"),
    [
        (100, [1, 1, 1], [34, 33, 33]),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (5, [3, 7], [2, 3]),
        (5, [0, 1], [0, 5]),
        (1, [1, 1, 2], [0, 0, 1]),
    ],
)
def test_allocate_gives_the_odd_cent_to_whom_it_costs_most(
    minor: int, by: list[int], parts: list[int]
) -> None:
    shared = allocate(from_minor(minor, "EUR"), by)

    assert [to_minor(part) for part in shared] == parts


def test_allocate_refuses_weights_of_nothing() -> None:
    with pytest.raises(InvariantViolation, match="not all zero"):
        allocate(Money("1.00", "EUR"), [0, 0])


def test_round_to_total_refuses_parts_that_are_far_off() -> None:
    with pytest.raises(InvariantViolation, match="do not add up"):
        round_to_total([Fraction(1)], Money("5.00", "EUR"))


@given(amounts())
def test_minor_units_go_there_and_back(money: Money) -> None:
    assert from_minor(to_minor(money), money.currency) == money


@given(amounts(), weights)
def test_allocate_never_loses_a_cent_and_is_never_one_off(money: Money, by: list[int]) -> None:
    shared = allocate(money, by)

    assert total(shared, money.currency) == money
    for part, weight in zip(shared, by, strict=True):
        exact = Fraction(to_minor(money) * weight, sum(by))
        assert abs(to_minor(part) - exact) < 1


@given(shares, currencies)
def test_round_to_total_adds_up_to_the_rounded_sum(parts: list[Fraction], currency: str) -> None:
    whole = quantize_amount(sum(parts, Fraction(0)), currency)

    rounded = round_to_total(parts, whole)

    assert total(rounded, currency) == whole
    scale = 10 ** minor_unit(currency)
    for part, exact in zip(rounded, parts, strict=True):
        assert abs(to_minor(part) - exact * scale) < 1

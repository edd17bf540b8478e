from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.gateways.stripe_amounts import from_stripe, is_chargeable, to_stripe
from tiktoktoe.kernel.errors import InvariantViolation
from tiktoktoe.kernel.money import Money


@pytest.mark.parametrize(
    ("amount", "currency", "number"),
    [
        ("12.34", "USD", 1234),
        ("1234", "JPY", 1234),
        ("1.230", "KWD", 1230),
        ("500", "ISK", 50_000),
        ("500", "UGX", 50_000),
        ("5000", "MGA", 5_000),
    ],
)
def test_an_amount_is_written_as_stripe_wants_it(amount: str, currency: str, number: int) -> None:
    assert to_stripe(Money(Decimal(amount), currency)) == number
    assert from_stripe(number, currency.lower()) == Money(Decimal(amount), currency)


def test_a_part_of_a_cent_is_not_sent() -> None:
    with pytest.raises(InvariantViolation):
        to_stripe(Money(Decimal("0.001"), "USD"))


def test_three_decimals_must_end_in_zero() -> None:
    assert is_chargeable(Money(Decimal("1.230"), "KWD"))
    assert not is_chargeable(Money(Decimal("1.234"), "KWD"))
    assert is_chargeable(Money(Decimal("1.23"), "EUR"))


def test_of_ariary_only_whole_ones_are_charged() -> None:
    assert is_chargeable(Money(Decimal("5000"), "MGA"))
    assert not is_chargeable(Money(Decimal("5000.50"), "MGA"))
    with pytest.raises(InvariantViolation):
        to_stripe(Money(Decimal("5000.50"), "MGA"))


@given(
    number=st.integers(min_value=0, max_value=10**12),
    currency=st.sampled_from(["USD", "EUR", "JPY", "KWD", "GBP"]),
)
def test_there_and_back_nothing_is_lost(number: int, currency: str) -> None:
    assert to_stripe(from_stripe(number, currency)) == number

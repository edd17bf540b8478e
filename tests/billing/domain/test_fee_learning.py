"""Fees as measured: exact where they follow a line, and nothing said where they do not."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.fee_learning import FeeSums, MeasuredFee, has_drifted, measure
from tiktoktoe.kernel.money import Money, quantize

AMOUNTS = [Decimal(amount) for amount in range(20, 620, 15)]


def sums_of(pairs: Sequence[tuple[Decimal, Decimal]], expected: Decimal = Decimal(0)) -> FeeSums:
    return FeeSums(
        count=len(pairs),
        amounts=sum((x for x, _ in pairs), Decimal(0)),
        fees=sum((y for _, y in pairs), Decimal(0)),
        expected=expected,
        squares=sum((x * x for x, _ in pairs), Decimal(0)),
        products=sum((x * y for x, y in pairs), Decimal(0)),
        fee_squares=sum((y * y for _, y in pairs), Decimal(0)),
    )


def by_rule(share_bps: str, fixed: str) -> list[tuple[Decimal, Decimal]]:
    """Payments that cost what a rule says, in whole cents."""
    exact = [(x, x * Decimal(share_bps) / 10_000 + Decimal(fixed)) for x in AMOUNTS]
    return [(x, quantize(Money(y, "EUR")).amount) for x, y in exact]


@pytest.mark.parametrize(
    ("share", "fixed"), [("162.0", "0.25"), ("290.0", "0.30"), ("0.0", "0.35"), ("80.0", "0.00")]
)
def test_the_rule_behind_the_fees_is_found(share: str, fixed: str) -> None:
    found = measure(sums_of(by_rule(share, fixed)), fixed_before=Decimal(0), places=2)

    assert found is not None
    assert abs(found.share_bps - Decimal(share)) <= Decimal("0.3")
    assert abs(found.fixed_amount - Decimal(fixed)) <= Decimal("0.01")


def test_of_equal_amounts_the_fixed_fee_stays_as_the_rule_had_it() -> None:
    pairs = [(Decimal(100), Decimal("1.87"))] * 40

    found = measure(sums_of(pairs), fixed_before=Decimal("0.25"), places=2)

    assert found == MeasuredFee(share_bps=Decimal("162.0"), fixed_amount=Decimal("0.25"))


def test_few_payments_say_nothing() -> None:
    assert measure(sums_of(by_rule("162", "0.25")[:29]), fixed_before=Decimal(0), places=2) is None


def test_fees_that_follow_no_line_say_nothing() -> None:
    wild = [(x, Decimal(1 + 8 * (place % 2))) for place, x in enumerate(AMOUNTS)]

    assert measure(sums_of(wild), fixed_before=Decimal(0), places=2) is None


@pytest.mark.parametrize(
    ("expected", "drifted"), [("1.50", True), ("1.57", False), ("1.67", False), ("1.74", True)]
)
def test_beyond_five_basis_points_a_rule_is_wrong(expected: str, *, drifted: bool) -> None:
    pairs = [(Decimal(100), Decimal("1.62"))] * 30

    assert has_drifted(sums_of(pairs, expected=30 * Decimal(expected))) == drifted


def test_rates_are_told_to_a_tenth_of_a_basis_point() -> None:
    sums = sums_of([(Decimal(100), Decimal("1.62"))] * 30, expected=Decimal(45))

    assert (sums.actual_bps, sums.expected_bps, sums.drift_bps) == (
        Decimal("162.0"),
        Decimal("150.0"),
        Decimal("12.0"),
    )


@given(
    share=st.integers(0, 500),
    fixed=st.integers(0, 100),
    amounts=st.lists(st.integers(10, 5_000), min_size=30, max_size=60),
)
def test_what_is_measured_comes_to_what_was_paid(
    share: int, fixed: int, amounts: list[int]
) -> None:
    rate, flat = Decimal(share) / 10_000, Decimal(fixed) / 100
    pairs = [(Decimal(x), Decimal(x) * rate + flat) for x in amounts]
    sums = sums_of(pairs)

    found = measure(sums, fixed_before=flat, places=2)

    if found is not None:
        told = sums.amounts * found.share_bps / 10_000 + sums.count * found.fixed_amount
        assert abs(told - sums.fees) <= sums.count * Decimal("0.005") + Decimal("0.0001")

"""MRR is normalised by the calendar, and every movement adds up from opening to closing."""

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tests.strategies  # noqa: F401 -- loads the profile
from analytics.domain.mrr import (
    Bridge,
    Movement,
    MovementKind,
    annual,
    average_per_customer,
    bridge,
    gross_churn_rate,
    gross_retention,
    monthly,
    monthly_exact,
    movement_kind,
    movements,
    net_churn_rate,
    net_retention,
    quick_ratio,
)
from analytics.errors import MovementsDisagree
from tests.golden import cents
from tiktoktoe.kernel.money import Money, total, zero
from tiktoktoe.kernel.periods import Interval, IntervalUnit

maps = st.dictionaries(st.integers(1, 8), st.integers(0, 10**7).map(cents), max_size=8)


@pytest.mark.parametrize(
    ("price", "unit", "count", "quantity", "mrr"),
    [
        ("100.00", IntervalUnit.MONTH, 1, 1, "100.00"),
        ("100.00", IntervalUnit.MONTH, 3, 1, "33.33"),
        ("600.00", IntervalUnit.YEAR, 1, 50, "2500.00"),
        ("2000.00", IntervalUnit.YEAR, 1, 1, "166.67"),
        ("30.00", IntervalUnit.QUARTER, 1, 1, "10.00"),
        ("30.00", IntervalUnit.HALF_YEAR, 1, 1, "5.00"),
        ("12.00", IntervalUnit.WEEK, 1, 1, "52.00"),
        ("12.00", IntervalUnit.WEEK, 2, 1, "26.00"),
        ("1.20", IntervalUnit.DAY, 1, 1, "36.50"),
    ],
)
def test_a_price_is_worth_so_much_a_month(
    price: str, unit: IntervalUnit, count: int, quantity: int, mrr: str
) -> None:
    assert monthly(Money(price, "USD"), Interval(unit, count), quantity) == Money(mrr, "USD")


def test_stripes_glossary_100_monthly_and_50_yearly_subscribers() -> None:
    by_month = monthly(Money("100.00", "USD"), Interval(IntervalUnit.MONTH), 100)
    by_year = monthly(Money("600.00", "USD"), Interval(IntervalUnit.YEAR), 50)

    assert by_month + by_year == Money("12500.00", "USD")
    assert annual(by_month + by_year) == Money("150000.00", "USD")


def test_the_life_of_one_customer_as_chartmogul_tells_it() -> None:
    gold = monthly(Money("2000.00", "USD"), Interval(IntervalUnit.YEAR))
    silver = monthly(Money("30.00", "USD"), Interval(IntervalUnit.MONTH), 2)
    nothing = zero("USD")
    story = [nothing, gold, gold + silver, gold, nothing, Money("150.00", "USD")]

    kinds, was_ever_paying = [], False
    for before, after in pairwise(story):
        kinds.append(movement_kind(before=before, after=after, was_ever_paying=was_ever_paying))
        was_ever_paying = was_ever_paying or bool(after)

    assert gold == Money("166.67", "USD")
    assert kinds == ["new", "expansion", "contraction", "churn", "reactivation"]


def test_no_change_is_no_movement() -> None:
    assert movements({1: cents(500)}, {1: cents(500)}, ever_paying={1}) == ()


def test_a_customer_who_is_missing_has_no_mrr() -> None:
    moved = movements({1: cents(500)}, {2: cents(700), 3: cents(100)}, ever_paying={1, 3})

    assert moved == (
        Movement(1, MovementKind.CHURN, cents(-500)),
        Movement(2, MovementKind.NEW, cents(700)),
        Movement(3, MovementKind.REACTIVATION, cents(100)),
    )


def _bridge(new: int = 0, expansion: int = 0, contraction: int = 0, churn: int = 0) -> Bridge:
    return bridge(
        opening=cents(10000),
        closing=cents(10000 + new + expansion + contraction + churn),
        by_kind={
            MovementKind.NEW: cents(new),
            MovementKind.EXPANSION: cents(expansion),
            MovementKind.CONTRACTION: cents(contraction),
            MovementKind.CHURN: cents(churn),
        },
    )


def test_chartmoguls_churn_example_is_gross_20_and_net_10_percent() -> None:
    made = _bridge(expansion=1000, contraction=-1000, churn=-1000)

    assert gross_churn_rate(made) == Fraction(1, 5)
    assert net_churn_rate(made) == Fraction(1, 10)


def test_a_bridge_that_does_not_add_up_cannot_be_made() -> None:
    with pytest.raises(MovementsDisagree):
        bridge(opening=cents(100), closing=cents(101), by_kind={})


def test_the_quick_ratio_is_won_over_lost_and_unknown_if_nothing_was_lost() -> None:
    assert quick_ratio(_bridge(new=3000, expansion=1000, churn=-1000)) == 4
    assert quick_ratio(_bridge(new=3000)) is None


def test_rates_of_nothing_are_unknown_not_zero() -> None:
    empty = bridge(opening=cents(0), closing=cents(0), by_kind={})

    assert gross_churn_rate(empty) is None
    assert net_churn_rate(empty) is None
    assert net_retention({}, {1: cents(100)}) is None
    assert gross_retention({}, {1: cents(100)}) is None
    assert average_per_customer(cents(0), 0) is None


def test_the_average_is_rounded_once() -> None:
    assert average_per_customer(cents(1000), 3) == cents(333)


def test_retention_counts_only_the_customers_of_the_opening() -> None:
    opening = {1: cents(1000), 2: cents(1000)}
    closing = {1: cents(3000), 3: cents(9000)}

    assert net_retention(opening, closing) == Fraction(3, 2)
    assert gross_retention(opening, closing) == Fraction(1, 2)


def test_several_prices_are_added_before_rounding() -> None:
    year = Interval(IntervalUnit.YEAR)

    exact = sum((monthly_exact(Decimal("0.06"), year) for _ in range(3)), Fraction(0))

    assert exact == Fraction(3, 200)


@given(maps, maps, st.sets(st.integers(1, 8)))
def test_opening_and_movements_make_closing_to_the_cent(
    opening: dict[int, Money], closing: dict[int, Money], ever_paying: set[int]
) -> None:
    by_kind: dict[MovementKind, Money] = defaultdict(lambda: zero("EUR"))
    for movement in movements(opening, closing, ever_paying=ever_paying):
        by_kind[movement.kind] += movement.amount

    made = bridge(
        opening=total(opening.values(), "EUR"),
        closing=total(closing.values(), "EUR"),
        by_kind=by_kind,
    )

    assert made.churn <= zero("EUR") <= made.new
    assert made.contraction <= zero("EUR") <= made.expansion
    assert zero("EUR") <= made.reactivation


@given(maps, maps)
def test_gross_retention_is_at_most_net_and_at_most_one(
    opening: dict[int, Money], closing: dict[int, Money]
) -> None:
    gross, net = gross_retention(opening, closing), net_retention(opening, closing)

    if gross is None or net is None:
        assert not total(opening.values(), "EUR")
    else:
        assert 0 <= gross <= min(net, Fraction(1))

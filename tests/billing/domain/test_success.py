"""Success rates fade, lean on the gateway's whole record, and count only what is its fault."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.success import SUCCESS, Cell, Observation, SuccessRates, fading, observed

FAILURE = Observation(Decimal(0), Decimal(1))


def _after(*observations: Observation, gateway: str = "alpha", segment: str = "card") -> Cell:
    cell = Cell(gateway=gateway, segment=segment)
    for seen, observation in enumerate(observations, start=1):
        cell = cell.with_observation(observation, seen)
    return cell


def test_a_gateway_that_nobody_knows_is_expected_to_take_nine_of_ten() -> None:
    assert SuccessRates([], {}).of("alpha", "card").rate == Decimal("0.900000")


def test_after_50_payments_of_the_segment_an_outcome_counts_half() -> None:
    assert fading(0) == 1
    assert round(fading(50), 12) == Decimal("0.5")
    assert round(fading(100), 12) == Decimal("0.25")
    assert fading(1_000_000) == 0


def test_a_cell_with_few_payments_leans_on_its_gateways_record() -> None:
    cells = [
        _after(*[SUCCESS] * 50, segment="card/EUR"),
        _after(FAILURE, segment="card/USD"),
    ]

    rates = SuccessRates(cells, {"card/EUR": 50, "card/USD": 1})

    assert rates.of("alpha", "card/USD").rate > Decimal("0.9")
    assert rates.of("alpha", "card/USD").rate < rates.of("alpha", "card/EUR").rate
    assert rates.of("beta", "card/USD").rate == Decimal("0.900000")


def test_an_outage_is_forgotten_while_others_carry_the_segment() -> None:
    outage = _after(*[FAILURE] * 30)

    at_once = SuccessRates([outage], {"card": 30}).of("alpha", "card")
    later = SuccessRates([outage], {"card": 530}).of("alpha", "card")

    assert at_once.rate < Decimal("0.2")
    assert later.rate > Decimal("0.88")


@pytest.mark.parametrize(
    ("state", "decline_class", "success", "failure"),
    [
        ("succeeded", "", "1", "0"),
        ("declined", "technical", "0", "1"),
        ("not_sent", "", "0", "1"),
        ("declined", "soft_generic", "0", "0.5"),
        ("declined", "soft_funds", "0", "0"),
        ("declined", "hard_instrument", "0", "0"),
        ("declined", "fraud", "0", "0"),
        ("declined", "", "0", "0"),
        ("not_sent", "config", "0", "0"),
        ("abandoned", "", "0", "0"),
    ],
)
def test_an_outcome_counts_as_the_taxonomy_says(
    state: str, decline_class: str, success: str, failure: str
) -> None:
    assert observed(state, decline_class) == Observation(Decimal(success), Decimal(failure))


@pytest.mark.parametrize("state", ["dispatched", "unknown", "pending", "requires_action"])
def test_what_is_not_proven_is_not_counted(state: str) -> None:
    assert observed(state, "") is None


@given(st.lists(st.booleans(), max_size=60))
def test_a_rate_is_a_probability_and_one_more_success_never_lowers_it(history: list[bool]) -> None:
    cell = _after(*(SUCCESS if good else FAILURE for good in history))
    seen = len(history) + 1

    better = SuccessRates([cell.with_observation(SUCCESS, seen)], {"card": seen})
    worse = SuccessRates([cell.with_observation(FAILURE, seen)], {"card": seen})

    assert 0 < worse.of("alpha", "card").rate < better.of("alpha", "card").rate < 1

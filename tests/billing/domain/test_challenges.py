"""How many leave when asked to confirm: measured by gateway and place, else assumed."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from billing.domain.challenges import (
    UNKNOWN,
    ChallengeRates,
    ChallengeRecord,
    abandoned_share,
    challenge_segment,
    observed_challenge,
)
from billing.domain.scoring import Economics, Prospect, score
from billing.domain.success import Cell
from tiktoktoe.kernel.money import Money

HOME = challenge_segment(currency="EUR", is_cross_border=False)
ABROAD = challenge_segment(currency="EUR", is_cross_border=True)
ASSUMED = Fraction(12, 100)


def test_without_a_measurement_it_is_what_is_assumed() -> None:
    assert abandoned_share(UNKNOWN, assumed=ASSUMED) == ASSUMED


def test_a_measured_share_counts_the_more_the_more_was_seen() -> None:
    few = ChallengeRecord(
        abandoned=Decimal(1), passed=Decimal(1), all_abandoned=Decimal(1), all_passed=Decimal(1)
    )
    many = ChallengeRecord(
        abandoned=Decimal(500),
        passed=Decimal(500),
        all_abandoned=Decimal(500),
        all_passed=Decimal(500),
    )

    # (5 * 0.12 + 1) / 7 = 8/35 of all; (20 * 8/35 + 1) / 22
    assert abandoned_share(few, assumed=ASSUMED) == Fraction(39, 154)
    assert Fraction(49, 100) < abandoned_share(many, assumed=ASSUMED) < Fraction(1, 2)


def test_a_place_without_any_leans_on_its_gateways_others() -> None:
    cells = [Cell(gateway="a", segment=HOME, successes=Decimal(60), failures=Decimal(40), seen=100)]
    rates = ChallengeRates(cells, {HOME: 100})

    abroad = abandoned_share(rates.of("a", ABROAD), assumed=ASSUMED)
    assert abroad == (5 * ASSUMED + 40) / 105
    assert abandoned_share(rates.of("b", HOME), assumed=ASSUMED) == ASSUMED


def test_what_was_seen_long_ago_fades() -> None:
    cells = [Cell(gateway="a", segment=HOME, successes=Decimal(10), failures=Decimal(10), seen=20)]

    assert ChallengeRates(cells, {HOME: 70}).of("a", HOME).abandoned == Decimal(5)


@pytest.mark.parametrize(
    ("state", "declined", "counts"),
    [
        ("succeeded", "", (1, 0)),
        ("abandoned", "", (0, 1)),
        ("declined", "auth_required", (0, 1)),
        ("declined", "soft_funds", (0, 0)),
        ("not_sent", "", (0, 0)),
    ],
)
def test_what_a_page_says_of_its_challenge(
    state: str, declined: str, counts: tuple[int, int]
) -> None:
    found = observed_challenge(state, declined)

    assert found is not None
    assert (int(found.success), int(found.failure)) == counts
    assert observed_challenge("unknown", "") is None


def test_the_score_takes_off_those_who_leave_where_somebody_is_asked() -> None:
    amount = Money("100.00", "EUR")
    prospect = Prospect(success_rate=Decimal("0.9"), fee=Money("1.00", "EUR"))
    half = ChallengeRecord(
        abandoned=Decimal(10**9),
        passed=Decimal(10**9),
        all_abandoned=Decimal(10**9),
        all_passed=Decimal(10**9),
    )

    calm = score(amount, replace(prospect, challenges=half))
    asked = score(amount, replace(prospect, asks_to_confirm=True))
    measured = score(amount, replace(prospect, asks_to_confirm=True, challenges=half))
    told = score(
        amount, replace(prospect, asks_to_confirm=True), economics=Economics(abandon_bps=Decimal(0))
    )

    assert (calm.abandoned, calm.success_rate) == (Fraction(0), Fraction(9, 10))
    assert (asked.abandoned, asked.success_rate) == (ASSUMED, Fraction(9, 10) * Fraction(88, 100))
    assert abs(measured.abandoned - Fraction(1, 2)) < Fraction(1, 10**6)
    assert told.expected_value == calm.expected_value
    assert measured.expected_value < asked.expected_value < calm.expected_value

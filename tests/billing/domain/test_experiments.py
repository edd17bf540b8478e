"""A trial's arms keep their payments, and only a difference that is hardly chance counts."""

import pytest

from billing.domain.experiments import Arm, Verdict, is_variant, judge_trial


@pytest.mark.parametrize(
    ("control", "variant", "verdict"),
    [
        ((99, 99), (500, 0), Verdict.TOO_EARLY),
        ((1000, 900), (1000, 905), Verdict.NO_DIFFERENCE),
        ((1000, 900), (1000, 940), Verdict.BETTER),
        ((100_000, 90_000), (100_000, 89_000), Verdict.WORSE),
        ((1000, 900), (1000, 860), Verdict.HARMFUL),
        ((100, 90), (100, 86), Verdict.NO_DIFFERENCE),
        ((200, 200), (200, 200), Verdict.NO_DIFFERENCE),
    ],
)
def test_a_difference_counts_only_when_it_is_hardly_chance(
    control: tuple[int, int], variant: tuple[int, int], verdict: Verdict
) -> None:
    arms = (Arm(tried=tried, paid=paid) for tried, paid in (control, variant))

    assert judge_trial(*arms) == verdict


def test_the_bound_is_that_of_the_two_sample_z_test() -> None:
    """1,000 each, 90 % against a little more: 1.96 standard errors of 0.0126 or so."""
    base = Arm(tried=1000, paid=900)

    assert judge_trial(base, Arm(tried=1000, paid=924)) == Verdict.NO_DIFFERENCE  # z = 1.89
    assert judge_trial(base, Arm(tried=1000, paid=925)) == Verdict.BETTER  # z = 1.98


def test_a_payment_keeps_its_arm_and_the_arms_have_their_share() -> None:
    seeds = [f"payment-{number}" for number in range(2_000)]
    drawn = [is_variant(seed, 20) for seed in seeds]

    assert drawn == [is_variant(seed, 20) for seed in seeds]
    assert 340 < sum(drawn) < 460
    assert not any(is_variant(seed, 0) for seed in seeds)

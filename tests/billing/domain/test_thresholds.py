from decimal import Decimal

import pytest

from billing.domain.thresholds import STEPS_MAX, Threshold, levels_reached

D = Decimal
THRESHOLDS = [Threshold(D(100)), Threshold(D(200)), Threshold(D(50), is_repeating=True)]


@pytest.mark.parametrize(
    ("before", "usage", "levels"),
    [
        (0, 99, []),
        (0, 310, [100, 200, 250, 300]),
        (100, 310, [200, 250, 300]),
        (210, 310, [250, 300]),
        (250, 310, [300]),
        (310, 349, []),
        (310, 350, [350]),
    ],
)
def test_what_usage_had_reached_before_is_not_reached_again(
    before: int, usage: int, levels: list[int]
) -> None:
    assert levels_reached(THRESHOLDS, D(usage), before=D(before)) == [D(n) for n in levels]


def test_many_small_steps_at_once_are_cut_off_wherever_they_begin() -> None:
    small = [Threshold(D(1), is_repeating=True)]

    reached = levels_reached(small, D(9000), before=D(5000))

    assert (reached[0], reached[-1], len(reached)) == (D(5001), D(6000), STEPS_MAX)

"""A breaker opens on failures alone, rests longer each time, and closes on one success."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.breakers import Breaker, BreakerState, rest

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _after(breaker: Breaker, *, fails: int, calls: int = 1) -> Breaker:
    for _ in range(fails):
        breaker = breaker.after(is_failure=True, at=NOON, calls=calls, failed_calls=1)
    return breaker


def test_five_failures_in_a_row_open_it_and_four_do_not() -> None:
    assert _after(Breaker(), fails=4).state == BreakerState.CLOSED
    opened = _after(Breaker(), fails=5)
    assert opened.state == BreakerState.OPEN
    assert opened.opens_until == NOON + timedelta(seconds=30)


def test_half_of_ten_calls_in_a_minute_open_it() -> None:
    mixed = Breaker()
    assert mixed.after(is_failure=True, at=NOON, calls=9, failed_calls=9).state == "closed"
    assert mixed.after(is_failure=True, at=NOON, calls=10, failed_calls=4).state == "closed"
    assert mixed.after(is_failure=True, at=NOON, calls=10, failed_calls=5).state == "open"


def test_after_its_rest_one_probe_passes_and_the_others_wait() -> None:
    opened = _after(Breaker(), fails=5)
    later = NOON + timedelta(seconds=30)

    assert opened.blocks(NOON + timedelta(seconds=29))
    assert not opened.blocks(later)
    assert opened.probing(later).blocks(later)


def test_a_probe_that_works_closes_it_and_one_that_fails_rests_twice_as_long() -> None:
    probing = _after(Breaker(), fails=5).probing(NOON)

    works = probing.after(is_failure=False, at=NOON, calls=1, failed_calls=0)
    fails = probing.after(is_failure=True, at=NOON, calls=1, failed_calls=1)

    assert works == Breaker()
    assert (fails.state, fails.opens_until) == ("open", NOON + timedelta(seconds=60))


@pytest.mark.parametrize(("times", "seconds"), [(1, 30), (2, 60), (5, 480), (6, 600), (99, 600)])
def test_it_never_rests_longer_than_ten_minutes(times: int, seconds: int) -> None:
    assert rest(times) == timedelta(seconds=seconds)

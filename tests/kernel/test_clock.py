"""The clock can be moved, nests, and moves only where it should."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tiktoktoe.kernel import clock
from tiktoktoe.kernel.errors import InvalidInput

MAY = datetime(2026, 5, 1, tzinfo=UTC)
NAIVE = datetime(2026, 5, 1)
JUNE = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _real_time_afterwards() -> Iterator[None]:
    yield
    clock.reset()


def test_now_is_aware_and_in_utc() -> None:
    assert clock.now().tzinfo is UTC


def test_moved_to_holds_still_nests_and_puts_back() -> None:
    with clock.moved_to(MAY):
        with clock.moved_to(JUNE):
            assert clock.now() == JUNE
        assert clock.now() == MAY

    assert clock.now() > MAY


def test_moved_to_puts_back_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), clock.moved_to(MAY):
        raise ZeroDivisionError

    assert clock.now() != MAY


def test_moved_to_is_not_noticed_by_another_thread() -> None:
    with clock.moved_to(MAY), ThreadPoolExecutor(1) as pool:
        assert pool.submit(clock.now).result() != MAY


def test_freeze_is_noticed_by_every_thread() -> None:
    clock.freeze(MAY)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(clock.now).result() == MAY


def test_an_offset_runs_on() -> None:
    before = datetime.now(UTC)

    clock.set_offset(timedelta(days=400))

    assert before + timedelta(days=400) <= clock.now() <= before + timedelta(days=401)


def test_moving_to_a_time_without_a_zone_is_refused() -> None:
    with (
        pytest.raises(InvalidInput, match="has no time zone"),
        clock.moved_to(NAIVE),
    ):
        pass


def test_moved_to_gives_the_same_instant_in_utc() -> None:
    with clock.moved_to(datetime(2026, 5, 1, 2, tzinfo=timezone(timedelta(hours=2)))):
        assert clock.now().isoformat() == "2026-05-01T00:00:00+00:00"

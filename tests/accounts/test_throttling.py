"""Limits on tries: a burst, then one so often, whoever tries at the same time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from tests.factories.subscriptions import JAN_1
from tiktoktoe.accounts.models import Throttle
from tiktoktoe.accounts.tasks import forget_tries
from tiktoktoe.accounts.throttling import Limit, TooManyTries, forgive, take_try
from tiktoktoe.kernel import clock

LIMIT = Limit("test", 3, timedelta(seconds=10))
SECOND = timedelta(seconds=1)


def tries(count: int, *, at: object = JAN_1, who: str = "me") -> int:
    """How many of so many tries pass."""
    passed = 0
    for _ in range(count):
        try:
            take_try(LIMIT, who=who, at=at)  # type: ignore[arg-type]
        except TooManyTries:
            continue
        passed += 1
    return passed


@pytest.mark.django_db
def test_a_burst_passes_and_then_one_try_so_often() -> None:
    assert tries(5) == 3
    assert tries(5, at=JAN_1 + 9 * SECOND) == 0
    assert tries(5, at=JAN_1 + 10 * SECOND) == 1
    assert tries(5, at=JAN_1 + 1000 * SECOND) == 3


@pytest.mark.django_db
def test_a_refusal_says_when_the_next_try_is_free_and_uses_none_up() -> None:
    tries(3)

    for _ in range(2):
        with pytest.raises(TooManyTries) as refusal:
            take_try(LIMIT, who="me", at=JAN_1 + 4 * SECOND)
        assert refusal.value.wait_seconds == 6


@pytest.mark.django_db
def test_one_persons_tries_are_not_anothers_and_are_given_back() -> None:
    tries(3)

    assert tries(1, who="you") == 1
    forgive(LIMIT, who="me")
    assert tries(5) == 3


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_pass_only_as_often_as_the_limit_says() -> None:
    def attempt(_: int) -> int:
        try:
            return tries(1)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(20))) == 3


@pytest.mark.django_db
def test_what_limits_nobody_any_more_is_forgotten() -> None:
    tries(1, who="a")
    tries(3, who="b")

    with clock.moved_to(JAN_1 + 15 * SECOND):
        assert forget_tries() == 1

    assert Throttle.objects.count() == 1

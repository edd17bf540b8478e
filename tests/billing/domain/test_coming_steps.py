"""What a subscription will be on by a day, of all that is scheduled for it."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.coming_steps import Standing, Step, standing

OLD, NEW = 1, 2


def day(number: int) -> datetime:
    return datetime(2026, 3, number, tzinfo=UTC)


def by(number: int, *steps: Step) -> Standing:
    return standing(version_id=OLD, quantity=5, steps=steps, until=day(number))


def test_nothing_scheduled_leaves_it_as_it_is() -> None:
    assert by(10) == Standing(version_id=OLD, quantity=5)


def test_a_step_counts_from_its_own_instant_on() -> None:
    step = Step(due_at=day(10), quantity=7)

    assert by(9, step).quantity == 5
    assert by(10, step).quantity == 7
    just_before = standing(
        version_id=OLD, quantity=5, steps=[step], until=day(10) - timedelta(seconds=1)
    )
    assert just_before.quantity == 5


def test_steps_are_taken_by_their_days_whatever_their_order() -> None:
    steps = [Step(due_at=day(12), quantity=9), Step(due_at=day(8), version_id=NEW, quantity=6)]

    found = by(20, *steps)

    assert (found.version_id, found.quantity, found.since) == (NEW, 9, day(8))


def test_who_comes_back_to_the_prices_is_on_them_since_then() -> None:
    found = by(20, Step(due_at=day(5), version_id=NEW), Step(due_at=day(9), version_id=OLD))

    assert (found.version_id, found.since) == (OLD, day(9))


@pytest.mark.parametrize(("resumes", "paused"), [(None, True), (9, False), (10, False), (11, True)])
def test_a_pause_counts_unless_it_is_over(resumes: int | None, paused: bool) -> None:
    rest = Step(due_at=day(5), is_pause=True, resumes_at=day(resumes) if resumes else None)

    assert (by(10, rest).paused_from is not None) == paused

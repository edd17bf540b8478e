"""Retries follow the reason, and end."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.declines import POLICIES, DeclineClass
from billing.domain.dunning import Retry, next_payday, next_retry
from tests.strategies import instants, time_zones
from tiktoktoe.kernel.periods import local_date

MONDAY = datetime(2026, 5, 4, 10, tzinfo=UTC)


def _retry(decline_class: DeclineClass, done: int, failed_at: datetime = MONDAY) -> Retry:
    return next_retry(
        decline_class=decline_class,
        retries_done=done,
        first_failed_at=MONDAY,
        failed_at=failed_at,
        time_zone="UTC",
    )


def test_a_technical_failure_is_retried_within_minutes_and_then_hours() -> None:
    waits = [_retry(DeclineClass.TECHNICAL, n).at for n in range(6)]

    assert waits[:5] == [MONDAY + timedelta(minutes=m) for m in (1, 5, 30, 120, 720)]
    assert waits[5] is None


def test_a_generic_decline_is_retried_on_days_1_3_5_and_7() -> None:
    found = [_retry(DeclineClass.SOFT_GENERIC, n).at for n in range(5)]

    assert found[:4] == [MONDAY + timedelta(days=d) for d in (1, 3, 5, 7)]
    assert found[4] is None


def test_missing_funds_are_asked_for_on_days_1_and_3_and_then_on_paydays() -> None:
    thursday = datetime(2026, 5, 7, 10, tzinfo=UTC)

    assert _retry(DeclineClass.SOFT_FUNDS, 0).at == MONDAY + timedelta(days=1)
    assert _retry(DeclineClass.SOFT_FUNDS, 1).at == MONDAY + timedelta(days=3)
    assert _retry(DeclineClass.SOFT_FUNDS, 2, thursday).at == datetime(2026, 5, 8, 0, 5, tzinfo=UTC)
    assert _retry(DeclineClass.SOFT_FUNDS, 4).at is None


def test_funds_are_not_waited_for_longer_than_three_weeks() -> None:
    late = MONDAY + timedelta(days=21)

    retry = _retry(DeclineClass.SOFT_FUNDS, 3, late)

    assert retry == Retry(at=None, reason="soft_funds: more than 21 days")


@pytest.mark.parametrize(
    ("after", "payday"),
    [
        ("2026-05-04T10:00Z", "2026-05-08T00:05Z"),  # Friday
        ("2026-05-08T10:00Z", "2026-05-15T00:05Z"),  # the 15th, a Friday too
        ("2026-05-29T10:00Z", "2026-06-01T00:05Z"),  # the 1st, a Monday
        ("2026-12-30T10:00Z", "2027-01-01T00:05Z"),  # across the year
    ],
)
def test_a_payday_is_the_next_1st_15th_or_friday(after: str, payday: str) -> None:
    assert next_payday(datetime.fromisoformat(after), "UTC") == datetime.fromisoformat(payday)


def test_paydays_are_the_customers_days() -> None:
    payday = next_payday(MONDAY, "America/New_York")

    assert payday == datetime(2026, 5, 8, 4, 5, tzinfo=UTC)


@given(
    st.sampled_from(list(DeclineClass)),
    st.integers(0, 10),
    instants,
    st.integers(0, 40 * 86_400),
    time_zones,
)
def test_a_retry_is_always_later_or_never(
    decline_class: DeclineClass, done: int, first: datetime, seconds: int, time_zone: str
) -> None:
    last = first + timedelta(seconds=seconds)

    retry = next_retry(
        decline_class=decline_class,
        retries_done=done,
        first_failed_at=first,
        failed_at=last,
        time_zone=time_zone,
    )

    assert retry.reason
    assert retry.at is None or retry.at > last
    if not POLICIES[decline_class].retry_later or done >= 5:
        assert retry.at is None


@given(instants, time_zones)
def test_a_payday_is_within_a_week(after: datetime, time_zone: str) -> None:
    payday = next_payday(after, time_zone)
    day: date = local_date(payday, time_zone)

    assert timedelta(0) < payday - after <= timedelta(days=7, hours=2)
    assert day.day in {1, 15} or day.weekday() == 4

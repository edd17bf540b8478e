"""Schedules add up to the cent; the examples are those of Stripe's documentation."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finance.domain.recognition import (
    Grain,
    Recognition,
    earned_until,
    recognized_through,
    straight_line,
)
from finance.errors import ScheduleInvalid
from tests.golden import cents, in_cents
from tests.strategies import amounts, periods, time_zones
from tiktoktoe.kernel.money import Money, to_minor, total
from tiktoktoe.kernel.periods import Period, local_date, local_midnight

HALF_JUNE_TO_OCTOBER = Period(
    datetime(2026, 6, 15, 12, tzinfo=UTC), datetime(2026, 10, 13, 12, tzinfo=UTC)
)


def _period(start: str, end: str) -> Period:
    first, last = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (start, end))
    return Period(first, last)


def _cents(schedule: tuple[Recognition, ...]) -> list[int]:
    return [in_cents(part.amount) for part in schedule]


def test_stripe_31_dollars_from_15_january() -> None:
    schedule = straight_line(cents(3100), _period("2026-01-15", "2026-02-15"))

    assert _cents(schedule) == [1700, 1400]
    assert [part.month for part in schedule] == [date(2026, 1, 1), date(2026, 2, 1)]


@pytest.mark.parametrize(
    ("grain", "months"),
    [
        (Grain.SECOND, [1550, 3100, 3100, 3000, 1250]),
        (Grain.DAY, [1600, 3100, 3100, 3000, 1200]),
    ],
)
def test_stripe_120_dollars_over_four_months_by_grain(grain: Grain, months: list[int]) -> None:
    assert _cents(straight_line(cents(12000), HALF_JUNE_TO_OCTOBER, grain=grain)) == months


def test_stripe_120_dollars_evenly_by_month() -> None:
    schedule = straight_line(cents(12000), _period("2026-06-15", "2026-10-15"), grain=Grain.MONTH)

    assert _cents(schedule) == [3000, 3000, 3000, 3000]


def test_stripe_credit_note_before_payment() -> None:
    assert _cents(straight_line(cents(9000), _period("2026-01-01", "2026-04-01"))) == [
        3100,
        2800,
        3100,
    ]


def test_stripe_annual_refunded_in_the_second_month() -> None:
    schedule = straight_line(cents(12000), _period("2026-01-01", "2027-01-01"), grain=Grain.MONTH)

    earned = in_cents(recognized_through(schedule, date(2026, 2, 1)))

    assert (earned, 12000 - earned) == (2000, 10000)


def test_what_cannot_be_divided_is_spread_without_loss() -> None:
    schedule = straight_line(cents(100), _period("2026-01-01", "2026-04-01"), grain=Grain.MONTH)

    assert _cents(schedule) == [33, 34, 33]


def test_half_a_cent_goes_to_the_even_one() -> None:
    half_of_1 = straight_line(cents(1), _period("2026-01-01", "2026-03-01"), grain=Grain.MONTH)
    half_of_3 = straight_line(cents(3), _period("2026-01-01", "2026-03-01"), grain=Grain.MONTH)

    assert (_cents(half_of_1), _cents(half_of_3)) == ([0, 1], [2, 1])


def test_months_are_the_books_months_where_they_are_kept() -> None:
    start = local_midnight(date(2026, 4, 1), "Pacific/Auckland")
    end = local_midnight(date(2026, 5, 1), "Pacific/Auckland")

    schedule = straight_line(cents(3000), Period(start, end), time_zone="Pacific/Auckland")

    assert [(part.month, in_cents(part.amount)) for part in schedule] == [(date(2026, 4, 1), 3000)]


def test_a_month_grain_needs_whole_months() -> None:
    with pytest.raises(ScheduleInvalid, match="not of whole months"):
        straight_line(cents(100), _period("2026-01-15", "2026-02-14"), grain=Grain.MONTH)


def test_a_period_within_a_day_has_no_day() -> None:
    hours = Period(datetime(2026, 1, 1, 9, tzinfo=UTC), datetime(2026, 1, 1, 17, tzinfo=UTC))

    with pytest.raises(ScheduleInvalid, match="no whole day"):
        straight_line(cents(100), hours)
    assert _cents(straight_line(cents(100), hours, grain=Grain.SECOND)) == [100]


def test_what_is_earned_by_a_day_in_the_middle() -> None:
    april = _period("2026-04-01", "2026-05-01")

    assert in_cents(earned_until(cents(3000), april, datetime(2026, 4, 11, 9, tzinfo=UTC))) == 1000
    assert in_cents(earned_until(cents(3000), april, datetime(2026, 3, 1, tzinfo=UTC))) == 0
    assert in_cents(earned_until(cents(3000), april, datetime(2026, 6, 1, tzinfo=UTC))) == 3000


@given(amounts(), periods(), st.sampled_from([Grain.DAY, Grain.SECOND]), time_zones)
def test_a_schedule_adds_up_and_no_month_is_a_minor_unit_off(
    amount: Money, period: Period, grain: Grain, time_zone: str
) -> None:
    schedule = straight_line(amount, period, grain=grain, time_zone=time_zone)

    assert total((part.amount for part in schedule), amount.currency) == amount
    months = [part.month for part in schedule]
    assert months == sorted(set(months))
    if grain == Grain.SECOND:
        for part in schedule:
            assert abs(to_minor(part.amount) - _exact(part, amount, period, time_zone)) < 1


def _exact(part: Recognition, amount: Money, period: Period, time_zone: str) -> Fraction:
    next_month = (part.month + timedelta(days=32)).replace(day=1)
    month = Period(local_midnight(part.month, time_zone), local_midnight(next_month, time_zone))
    shared = month.intersection(period)
    assert shared is not None
    return to_minor(amount) * shared.fraction(period)


@given(amounts(minimum=0), periods(), time_zones)
def test_a_positive_amount_is_never_recognised_backwards(
    amount: Money, period: Period, time_zone: str
) -> None:
    assert all(
        to_minor(part.amount) >= 0 for part in straight_line(amount, period, time_zone=time_zone)
    )


@given(amounts(), periods(), time_zones)
def test_what_is_earned_at_a_month_end_is_what_the_schedule_says(
    amount: Money, period: Period, time_zone: str
) -> None:
    schedule = straight_line(amount, period, time_zone=time_zone)
    for part in schedule:
        next_month = (part.month + timedelta(days=32)).replace(day=1)
        at = local_midnight(next_month, time_zone)
        assert local_date(at, time_zone) == next_month

        assert earned_until(amount, period, at, time_zone=time_zone) == recognized_through(
            schedule, part.month
        )

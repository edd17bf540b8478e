"""The days on which banks move money."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.bank_days import (
    FileTerms,
    collection_day,
    earlier,
    earliest_collection,
    easter_sunday,
    file_day,
    is_target_day,
    later,
    leaves_by_now,
    on_or_after,
)

TERMS = FileTerms(cut_off=time(15), time_zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("year", "month", "day"),
    [(2000, 4, 23), (2008, 3, 23), (2024, 3, 31), (2025, 4, 20), (2026, 4, 5), (2038, 4, 25)],
)
def test_easter_falls_where_the_almanac_says(year: int, month: int, day: int) -> None:
    assert easter_sunday(year) == date(year, month, day)


def test_target_is_closed_on_its_six_holidays_of_2026_and_on_weekends() -> None:
    year = [date(2026, 1, 1) + timedelta(days=n) for n in range(365)]

    closed = [day for day in year if day.weekday() < 5 and not is_target_day(day)]

    # 26 December 2026 is a Saturday.
    assert closed == [
        date(2026, 1, 1),
        date(2026, 4, 3),
        date(2026, 4, 6),
        date(2026, 5, 1),
        date(2026, 12, 25),
    ]
    assert not any(is_target_day(day) for day in year if day.weekday() >= 5)


def test_a_file_before_the_cut_off_is_of_today_and_after_it_of_the_next_bank_day() -> None:
    before = datetime(2026, 4, 2, 12, 59, tzinfo=UTC)  # 14:59 in Berlin, Maundy Thursday
    at = datetime(2026, 4, 2, 13, 0, tzinfo=UTC)

    assert file_day(before, TERMS) == date(2026, 4, 2)
    assert file_day(at, TERMS) == date(2026, 4, 7)  # after Easter
    assert earliest_collection(before, TERMS) == date(2026, 4, 7)
    assert earliest_collection(at, TERMS) == date(2026, 4, 8)


def test_a_debit_waits_for_its_notice_and_for_a_bank_day() -> None:
    at = datetime(2026, 3, 21, 10, tzinfo=UTC)  # a Saturday; 14 days on is Easter Saturday

    assert collection_day(at=at, notice_days=14, terms=TERMS) == date(2026, 4, 7)


def test_without_a_notice_the_file_needs_its_time_all_the_same() -> None:
    at = datetime(2026, 3, 2, 10, tzinfo=UTC)

    assert collection_day(at=at, notice_days=0, terms=TERMS) == date(2026, 3, 3)


@pytest.mark.parametrize(("day", "leaves"), [(12, False), (13, True), (16, True)])
def test_a_file_leaves_with_one_bank_day_in_hand(day: int, leaves: bool) -> None:
    at = datetime(2026, 3, day, 10, tzinfo=UTC)  # the 13th is a Friday

    assert leaves_by_now(collect_on=date(2026, 3, 17), at=at, terms=TERMS) is leaves


@given(st.dates(date(2002, 1, 1), date(2060, 12, 31)), st.integers(0, 20))
def test_days_later_and_earlier_undo_each_other(day: date, steps: int) -> None:
    start = on_or_after(day)

    assert is_target_day(start)
    assert earlier(later(start, steps), steps) == start

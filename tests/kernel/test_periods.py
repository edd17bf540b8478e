"""Periods never drift, never overlap and leave no gap: over month ends, leap days and DST."""

from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import days, instants, intervals, periods, time_zones
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.periods import (
    Alignment,
    BillingPeriods,
    Interval,
    IntervalUnit,
    Period,
    add_months,
    billing_periods,
    local_date,
    local_instant,
    local_midnight,
    zone,
)

MONTH = Interval(IntervalUnit.MONTH)
NAIVE = datetime(2026, 3, 1)
DAY = Interval(IntervalUnit.DAY)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _starts(anchor: str, interval: Interval, count: int) -> list[str]:
    row = BillingPeriods(date.fromisoformat(anchor), "UTC", interval)
    return [row.boundary(n).date().isoformat() for n in range(count)]


def test_a_period_holds_its_start_but_not_its_end() -> None:
    march = Period(_utc("2026-03-01T00:00Z"), _utc("2026-04-01T00:00Z"))

    assert march.contains(_utc("2026-03-01T00:00Z"))
    assert march.contains(_utc("2026-03-31T23:59:59Z"))
    assert not march.contains(_utc("2026-04-01T00:00Z"))


def test_neighbours_do_not_overlap() -> None:
    march = Period(_utc("2026-03-01T00:00Z"), _utc("2026-04-01T00:00Z"))
    april = Period(_utc("2026-04-01T00:00Z"), _utc("2026-05-01T00:00Z"))

    assert not march.overlaps(april)
    assert march.intersection(april) is None


def test_a_period_must_end_after_it_starts() -> None:
    with pytest.raises(InvalidInput, match="must end after it starts"):
        Period(_utc("2026-03-01T00:00Z"), _utc("2026-03-01T00:00Z"))


def test_a_period_refuses_a_time_without_a_zone() -> None:
    with pytest.raises(InvalidInput, match="has no time zone"):
        Period(NAIVE, NAIVE)


def test_the_day_the_clocks_go_forward_lasts_23_hours_and_is_one_day() -> None:
    start = local_midnight(date(2026, 3, 29), "Europe/Berlin")
    day = Period(start, local_midnight(date(2026, 3, 30), "Europe/Berlin"))

    assert day.duration == timedelta(hours=23)
    assert day.days("Europe/Berlin") == 1


def test_half_of_a_period_is_half() -> None:
    whole = Period(_utc("2026-03-01T00:00Z"), _utc("2026-03-11T00:00Z"))
    part = Period(_utc("2026-03-06T00:00Z"), _utc("2026-04-01T00:00Z"))

    assert part.fraction(whole) == Fraction(1, 2)


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        ("2026-01-31", 1, "2026-02-28"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", 48, "2028-02-29"),
        ("2026-03-31", -1, "2026-02-28"),
        ("2026-01-15", -13, "2024-12-15"),
    ],
)
def test_add_months_is_clamped_to_the_end_of_the_month(day: str, months: int, later: str) -> None:
    assert add_months(date.fromisoformat(day), months).isoformat() == later


def test_month_ends_spring_back_and_do_not_drift() -> None:
    assert _starts("2026-01-31", MONTH, 5) == [
        "2026-01-31",
        "2026-02-28",
        "2026-03-31",
        "2026-04-30",
        "2026-05-31",
    ]


@pytest.mark.parametrize(
    ("unit", "count", "starts"),
    [
        (IntervalUnit.DAY, 10, ["2024-02-29", "2024-03-10", "2024-03-20"]),
        (IntervalUnit.WEEK, 2, ["2024-02-29", "2024-03-14", "2024-03-28"]),
        (IntervalUnit.QUARTER, 1, ["2024-02-29", "2024-05-29", "2024-08-29"]),
        (IntervalUnit.HALF_YEAR, 1, ["2024-02-29", "2024-08-29", "2025-02-28"]),
        (IntervalUnit.YEAR, 1, ["2024-02-29", "2025-02-28", "2026-02-28"]),
        (IntervalUnit.YEAR, 4, ["2024-02-29", "2028-02-29", "2032-02-29"]),
    ],
)
def test_every_interval_repeats_from_the_anchor(
    unit: IntervalUnit, count: int, starts: list[str]
) -> None:
    assert _starts("2024-02-29", Interval(unit, count), 3) == starts


@pytest.mark.parametrize(
    ("unit", "first_day"),
    [
        (IntervalUnit.DAY, "2026-05-20"),
        (IntervalUnit.WEEK, "2026-05-18"),
        (IntervalUnit.MONTH, "2026-05-01"),
        (IntervalUnit.QUARTER, "2026-04-01"),
        (IntervalUnit.HALF_YEAR, "2026-01-01"),
        (IntervalUnit.YEAR, "2026-01-01"),
    ],
)
def test_calendar_alignment_starts_with_the_calendar(unit: IntervalUnit, first_day: str) -> None:
    row = billing_periods(date(2026, 5, 20), "UTC", Interval(unit), alignment=Alignment.CALENDAR)

    assert row.anchor_on.isoformat() == first_day


def test_boundaries_are_local_midnights_on_both_sides_of_summer_time() -> None:
    row = billing_periods(date(2026, 3, 15), "Europe/Berlin", MONTH)

    assert row.boundary(0) == _utc("2026-03-14T23:00Z")
    assert row.boundary(1) == _utc("2026-04-14T22:00Z")


def test_where_midnight_is_skipped_the_day_starts_with_the_jump() -> None:
    assert local_midnight(date(2026, 3, 8), "America/Havana") == _utc("2026-03-08T05:00Z")


def test_a_jump_that_starts_before_midnight_is_found() -> None:
    """Toronto, 30 March 1919: clocks went from 23:30 to 00:30, and 31 March began there."""
    assert local_midnight(date(1919, 3, 31), "America/Toronto") == _utc("1919-03-31T04:30Z")


def test_where_midnight_comes_twice_the_day_starts_with_the_first() -> None:
    first = local_midnight(date(2026, 11, 1), "America/Havana")

    assert first == _utc("2026-11-01T04:00Z")


def test_a_day_that_a_country_left_out_makes_no_period() -> None:
    """Samoa went from 29 to 31 December 2011."""
    row = billing_periods(date(2011, 12, 28), "Pacific/Apia", DAY)
    days_billed = list(row.between(_utc("2011-12-28T10:00Z"), _utc("2012-01-01T10:00Z")))

    assert [local_date(day.start, "Pacific/Apia").day for day in days_billed] == [28, 29, 31, 1]


def test_an_anchor_time_is_kept_in_local_time() -> None:
    row = BillingPeriods(date(2026, 3, 1), "Europe/Berlin", MONTH, time(15, 30))

    assert row.boundary(0) == _utc("2026-03-01T14:30Z")
    assert row.boundary(1) == _utc("2026-04-01T13:30Z")


def test_an_unknown_time_zone_names_the_field() -> None:
    with pytest.raises(InvalidInput) as refused:
        zone("Mars/Olympus")

    assert refused.value.field == "time_zone"


def test_an_interval_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not positive"):
        Interval(IntervalUnit.MONTH, 0)


@given(days, time_zones, intervals, st.integers(-30, 30))
def test_periods_leave_no_gap_and_do_not_overlap(
    anchor: date, time_zone: str, interval: Interval, n: int
) -> None:
    row = BillingPeriods(anchor, time_zone, interval)

    assert row.period(n).end == row.period(n + 1).start
    assert row.after(row.period(n)) == row.period(n + 1)


@given(days, time_zones, intervals, instants)
def test_every_instant_falls_in_exactly_one_period(
    anchor: date, time_zone: str, interval: Interval, at: datetime
) -> None:
    row = BillingPeriods(anchor, time_zone, interval)
    n = row.index_at(at)

    assert [row.period(n + k).contains(at) for k in (-1, 0, 1)] == [False, True, False]


@given(days, time_zones, intervals)
def test_boundaries_never_drift_from_the_anchors_day(
    anchor: date, time_zone: str, interval: Interval
) -> None:
    row = BillingPeriods(anchor, time_zone, interval)
    starts = [local_date(row.boundary(n), time_zone) for n in range(40)]

    for before, after in pairwise(starts):
        if interval.days:
            assert (after - before).days == interval.days
        else:
            assert after.day == anchor.day or add_months(after.replace(day=1), 1) == (
                after + timedelta(days=1)
            )


@given(days, time_zones)
def test_a_local_day_starts_at_the_first_instant_that_is_that_day(
    day: date, time_zone: str
) -> None:
    start = local_midnight(day, time_zone)

    assert local_date(start, time_zone) == day
    assert local_date(start - timedelta(seconds=1), time_zone) < day


@given(instants, time_zones)
def test_local_instant_undoes_the_local_clock_unless_it_was_shown_twice(
    at: datetime, time_zone: str
) -> None:
    wall = at.astimezone(zone(time_zone))

    found = local_instant(wall.date(), time_zone, wall.time())

    assert found == (at if wall.fold == 0 else found)
    assert found.astimezone(zone(time_zone)).replace(tzinfo=None, fold=0) == wall.replace(
        tzinfo=None, fold=0
    )


@given(periods(), st.fractions(0, 1))
def test_parts_of_a_period_add_up_to_one(whole: Period, where: Fraction) -> None:
    seconds = int(whole.duration.total_seconds() * where)
    cut = whole.start + timedelta(seconds=seconds)
    parts = [
        Period(start, end) for start, end in ((whole.start, cut), (cut, whole.end)) if start < end
    ]

    assert sum((part.fraction(whole) for part in parts), Fraction(0)) == 1

"""Subscriptions begin on local days, after their trial, and go on from the anchor."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.domain.proration_policy import TrialAnchor, TrialUsage
from subscriptions.domain.schedule import (
    in_trial,
    next_period,
    opening,
    trial_end,
    trial_end_after_change,
)
from tests.golden import scenario
from tests.strategies import instants, intervals, time_zones
from tiktoktoe.kernel.periods import (
    Alignment,
    BillingPeriods,
    Interval,
    IntervalUnit,
    Period,
    local_date,
    local_midnight,
)

MONTH = Interval(IntervalUnit.MONTH)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_without_a_trial_the_first_period_starts_with_the_local_day() -> None:
    begun = opening(started_at=_utc("2026-01-31T22:30Z"), time_zone="Europe/Berlin", interval=MONTH)

    assert begun.anchor_on == date(2026, 1, 31)
    assert begun.trial_ends_at is None
    assert begun.period == Period(_utc("2026-01-30T23:00Z"), _utc("2026-02-27T23:00Z"))


def test_a_trial_is_the_first_period_and_its_end_the_anchor() -> None:
    begun = opening(
        started_at=_utc("2026-03-20T15:00Z"),
        time_zone="Europe/Berlin",
        interval=MONTH,
        trial_days=14,
    )

    assert begun.anchor_on == date(2026, 4, 3)
    assert begun.trial_ends_at == _utc("2026-04-02T22:00Z")
    assert begun.period == Period(_utc("2026-03-19T23:00Z"), _utc("2026-04-02T22:00Z"))


def test_calendar_alignment_bills_the_rest_of_the_calendars_period_first() -> None:
    begun = opening(
        started_at=_utc("2026-05-20T08:00Z"),
        time_zone="UTC",
        interval=Interval(IntervalUnit.QUARTER),
        alignment=Alignment.CALENDAR,
    )

    assert begun.anchor_on == date(2026, 4, 1)
    assert begun.period == Period(_utc("2026-05-20T00:00Z"), _utc("2026-07-01T00:00Z"))


def test_after_a_trial_calendar_periods_begin_with_the_rest_of_the_month() -> None:
    period = next_period(
        anchor_on=date(2026, 4, 1),
        time_zone="UTC",
        interval=MONTH,
        after=_utc("2026-04-03T00:00Z"),
    )

    assert period == Period(_utc("2026-04-03T00:00Z"), _utc("2026-05-01T00:00Z"))


def test_where_usage_of_a_trial_is_billed_its_periods_end_before_it() -> None:
    begun = opening(
        started_at=_utc("2026-03-05T12:12Z"),
        time_zone="UTC",
        interval=MONTH,
        trial_days=45,
        alignment=Alignment.CALENDAR,
        trial_anchor=TrialAnchor.START,
        trial_usage=TrialUsage.BILLED,
    )
    ends_at = _utc("2026-04-19T00:00Z")
    april = in_trial(BillingPeriods(begun.anchor_on, "UTC", MONTH), begun.period.end, ends_at)

    assert begun.trial_ends_at == ends_at
    assert begun.period == Period(_utc("2026-03-05T00:00Z"), _utc("2026-04-01T00:00Z"))
    assert april == Period(_utc("2026-04-01T00:00Z"), ends_at)


def test_no_period_ends_in_a_trial_that_periods_are_counted_from_the_end_of() -> None:
    begun = opening(
        started_at=_utc("2026-03-05T12:12Z"),
        time_zone="UTC",
        interval=MONTH,
        trial_days=45,
        trial_usage=TrialUsage.BILLED,
    )

    assert begun.period == Period(_utc("2026-03-05T00:00Z"), _utc("2026-04-19T00:00Z"))


@pytest.mark.parametrize(
    ("trial_days", "ends_on"), [(13, "2026-03-18"), (0, "2026-03-11"), (3, "2026-03-11")]
)
def test_a_changed_trial_has_the_days_of_the_new_plan_and_today_at_least(
    trial_days: int, ends_on: str
) -> None:
    ends_at = trial_end_after_change(
        started_at=_utc("2026-03-05T12:12Z"),
        changed_at=_utc("2026-03-10T00:00Z"),
        time_zone="UTC",
        trial_days=trial_days,
    )

    assert ends_at == _utc(f"{ends_on}T00:00Z")


def test_no_trial_days_is_no_trial() -> None:
    assert trial_end(started_at=_utc("2026-04-03T00:00Z"), time_zone="UTC", trial_days=0) is None


def test_golden_trial_ends_with_the_day_that_lago_bills_from() -> None:
    golden = scenario("LAGO-TRIAL-41")

    ends_at = trial_end(
        started_at=_utc("2024-03-04T21:00Z"), time_zone="UTC", trial_days=golden["trial_days"]
    )

    assert ends_at == _utc("2024-03-11T00:00Z")


@pytest.mark.parametrize("scenario_id", ["LAGO-DATE-01", "LAGO-DATE-05", "KB-DATE-07"])
def test_golden_billing_dates(scenario_id: str) -> None:
    golden = scenario(scenario_id)
    terms = golden["subscription"]
    unit = {"monthly": IntervalUnit.MONTH, "quarterly": IntervalUnit.QUARTER}[terms["interval"]]
    row = BillingPeriods(date.fromisoformat(terms["start"]), "UTC", Interval(unit))
    expected = golden["expected"]["invoice_dates"]
    first = 0 if terms["pay_in_advance"] else 1

    starts = [row.boundary(first + n).date().isoformat() for n in range(len(expected))]

    assert starts == expected


def test_golden_periods_from_the_31st_of_a_leap_year() -> None:
    golden = scenario("LAGO-DATE-03")
    row = BillingPeriods(date(2024, 1, 31), "UTC", MONTH)

    for n, invoice in enumerate(golden["expected"]["invoices"]):
        first, last = (date.fromisoformat(day) for day in invoice["period"])
        period = row.period(n)
        assert local_date(period.start, "UTC") == first
        assert (local_date(period.end, "UTC") - last).days == 1
        assert period.end.date().isoformat() == invoice["date"]


@given(instants, time_zones, intervals, st.integers(0, 60), st.sampled_from(list(Alignment)))
def test_from_the_opening_on_periods_leave_no_gap_and_meet_the_anchor(
    started_at: datetime,
    time_zone: str,
    interval: Interval,
    trial_days: int,
    alignment: Alignment,
) -> None:
    begun = opening(
        started_at=started_at,
        time_zone=time_zone,
        interval=interval,
        trial_days=trial_days,
        alignment=alignment,
    )
    row = BillingPeriods(begun.anchor_on, time_zone, interval)
    assert begun.period.contains(started_at)
    assert begun.period.start == local_midnight(local_date(started_at, time_zone), time_zone)

    last = begun.period
    for _ in range(5):
        following = next_period(
            anchor_on=begun.anchor_on, time_zone=time_zone, interval=interval, after=last.end
        )
        assert following.start == last.end
        assert following.end == row.period_at(following.start).end
        last = following

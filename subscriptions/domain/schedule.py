"""When a subscription's trial ends, and which billing periods follow."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from tiktoktoe.kernel.clock import utc
from tiktoktoe.kernel.periods import (
    Alignment,
    BillingPeriods,
    Interval,
    Period,
    billing_periods,
    local_date,
    local_midnight,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """How a subscription begins: its anchor, its trial if it has one, its first period.

    In a trial the first period is the trial, and the anchor is the day after its last.
    """

    anchor_on: date
    trial_ends_at: datetime | None
    period: Period


def opening(
    *,
    started_at: datetime,
    time_zone: str,
    interval: Interval,
    trial_days: int = 0,
    alignment: Alignment = Alignment.ANNIVERSARY,
) -> Opening:
    """How a subscription that starts at an instant begins.

    A period that starts with the subscription starts with that local day, so that whole days
    are billed; aligned with the calendar, it starts there and ends where the calendar says.
    """
    ends_at = trial_end(started_at=started_at, time_zone=time_zone, trial_days=trial_days)
    billed_from = ends_at or utc(started_at)
    first_day = local_date(billed_from, time_zone)
    periods = billing_periods(first_day, time_zone, interval, alignment=alignment)
    if ends_at is not None:
        trial_from = local_midnight(local_date(started_at, time_zone), time_zone)
        period = Period(trial_from, ends_at)
    else:
        period = opening_period(periods, billed_from)
    return Opening(anchor_on=periods.anchor_on, trial_ends_at=ends_at, period=period)


def opening_period(periods: BillingPeriods, billed_from: datetime) -> Period:
    """The rest of the period that billing starts in, from that local day on."""
    whole = periods.period_at(billed_from)
    start = local_midnight(local_date(billed_from, periods.time_zone), periods.time_zone)
    return Period(max(start, whole.start), whole.end)


def trial_end(*, started_at: datetime, time_zone: str, trial_days: int) -> datetime | None:
    """The local midnight at which a trial ends; None without one. The first day counts as one."""
    if trial_days <= 0:
        return None
    first_day = local_date(started_at, time_zone)
    return local_midnight(first_day + timedelta(days=trial_days), time_zone)


def next_period(*, anchor_on: date, time_zone: str, interval: Interval, after: datetime) -> Period:
    """The billing period that an instant starts or falls in; `after` is where the last ended.

    It starts there even if the calendar's period began before: after a trial, the rest.
    """
    periods = BillingPeriods(anchor_on, time_zone, interval)
    return Period(after, periods.period_at(after).end)

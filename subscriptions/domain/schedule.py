"""When a subscription's trial ends, and which billing periods follow."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from subscriptions.domain.proration_policy import AnchorRule, TrialAnchor, TrialUsage
from subscriptions.errors import SubscriptionInvalid
from tiktoktoe.kernel.clock import utc
from tiktoktoe.kernel.periods import (
    Alignment,
    BillingPeriods,
    Interval,
    IntervalUnit,
    Period,
    add_months,
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
    anchor_day: int | None = None,
    trial_anchor: TrialAnchor = TrialAnchor.TRIAL_END,
    trial_usage: TrialUsage = TrialUsage.FREE,
) -> Opening:
    """How a subscription that starts at an instant begins.

    Where usage of a trial is billed, its first period ends with the trial or before.

    A period that starts with the subscription starts with that local day, so that whole days
    are billed; aligned with the calendar, or with an anchor day, it ends where those say.
    """
    ends_at = trial_end(started_at=started_at, time_zone=time_zone, trial_days=trial_days)
    billed_from = ends_at or utc(started_at)
    counted_from = started_at if trial_anchor == TrialAnchor.START else billed_from
    first_day = local_date(counted_from, time_zone)
    anchor_on = first_anchor(first_day, interval, alignment=alignment, anchor_day=anchor_day)
    periods = BillingPeriods(anchor_on, time_zone, interval)
    if ends_at is not None:
        trial_from = local_midnight(local_date(started_at, time_zone), time_zone)
        period = Period(trial_from, ends_at)
        if trial_usage == TrialUsage.BILLED:
            period = in_trial(periods, trial_from, ends_at)
    else:
        period = opening_period(periods, billed_from)
    return Opening(anchor_on=periods.anchor_on, trial_ends_at=ends_at, period=period)


def first_anchor(
    first_day: date,
    interval: Interval,
    *,
    alignment: Alignment = Alignment.ANNIVERSARY,
    anchor_day: int | None = None,
) -> date:
    """The day from which the periods of something that starts on a day are counted.

    Args:
        first_day: The local day on which billing starts.
        interval: How long periods are.
        alignment: With the calendar, whatever the day; else from the anchor day or this one.
        anchor_day: A day of the month, 1 to 31, or of the week, 1 for Monday to 7.
    """
    if alignment == Alignment.CALENDAR:
        return interval.calendar_start(first_day)
    if anchor_day is None:
        return first_day
    return anchored_on(anchor_day, first_day, interval)


def anchored_on(anchor_day: int, near: date, interval: Interval) -> date:
    """A day from which periods are counted so that one of them starts on an anchor day near by.

    The month is one that has the day, if the interval ever meets one, so that the 31st is
    remembered in months that are shorter.

    Raises:
        SubscriptionInvalid: If the interval has no such day.
    """
    if interval.months and 1 <= anchor_day <= 31:
        first = near.replace(day=1)
        months = [add_months(first, -interval.months * n) for n in range(48)]
        has_day = [m for m in months if monthrange(m.year, m.month)[1] >= anchor_day]
        month = has_day[0] if has_day else first
        return month.replace(day=min(anchor_day, monthrange(month.year, month.month)[1]))
    if interval.unit == IntervalUnit.WEEK and 1 <= anchor_day <= 7:
        return near - timedelta(days=(near.isoweekday() - anchor_day) % 7)
    raise SubscriptionInvalid(
        f"periods of {interval.count} {interval.unit} have no day {anchor_day}",
        field="anchor_day",
        remedy="1 to 31 of a month, 1 to 7 of a week",
    )


def anchor_after_change(
    *,
    rule: AnchorRule,
    alignment: Alignment,
    anchor_on: date,
    changed_on: date,
    interval: Interval,
) -> date:
    """From which day periods of a new interval are counted after a change on a local day."""
    if alignment == Alignment.CALENDAR:
        return interval.calendar_start(changed_on)
    if rule == AnchorRule.ANNIVERSARY:
        return anchor_on
    if rule == AnchorRule.BILLING_DAY and interval.months:
        return anchored_on(anchor_on.day, changed_on, interval)
    return changed_on


def opening_period(periods: BillingPeriods, billed_from: datetime) -> Period:
    """The rest of the period that billing starts in, from that local day on."""
    whole = periods.period_at(billed_from)
    start = local_midnight(local_date(billed_from, periods.time_zone), periods.time_zone)
    return Period(max(start, whole.start), whole.end)


def in_trial(periods: BillingPeriods, start: datetime, trial_ends_at: datetime) -> Period:
    """The period that starts in a trial whose usage is billed: it goes no further than the trial.

    Of periods that are counted from the end of the trial there is none before it.
    """
    if local_date(start, periods.time_zone) < periods.anchor_on:
        return Period(start, trial_ends_at)
    return Period(start, min(periods.period_at(start).end, trial_ends_at))


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


def trial_end_after_change(
    *, started_at: datetime, changed_at: datetime, time_zone: str, trial_days: int
) -> datetime:
    """When a trial ends that has as many days as another plan; never before the day is over."""
    tomorrow = local_date(changed_at, time_zone) + timedelta(days=1)
    earliest = local_midnight(tomorrow, time_zone)
    ends_at = trial_end(started_at=started_at, time_zone=time_zone, trial_days=trial_days)
    return max(ends_at or earliest, earliest)

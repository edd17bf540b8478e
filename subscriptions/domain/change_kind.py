"""Which way a change of plan goes: by what a year costs, whatever the interval."""

from fractions import Fraction

from subscriptions.domain.proration_policy import ChangeKind
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.periods import Interval

MONTHS_A_YEAR = 12
DAYS_A_YEAR = 365


def change_kind(*, before: Money, after: Money, old: Interval, new: Interval) -> ChangeKind:
    """Which way a change between fees goes, each of a whole period of its interval."""
    if old != new:
        return ChangeKind.CROSS_GRADE
    return ChangeKind.DOWNGRADE if after < before else ChangeKind.UPGRADE


def yearly(fee: Money, interval: Interval) -> Fraction:
    """What a fee for each period of an interval comes to in a year."""
    amount = Fraction(fee.amount)
    if interval.months:
        return amount * MONTHS_A_YEAR / interval.months
    return amount * DAYS_A_YEAR / interval.days

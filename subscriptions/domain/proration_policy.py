"""The rules of proration as a value: which engines disagree on, and what we chose.

Engines disagree on the unit, on whom the day of a change belongs to, on what a credit is
counted from, on where periods start after a change of interval, and on what happens to time
that was paid for and is not used. Each is a field of `ProrationPolicy`; the presets reproduce
the engines that people come from. Source: docs/money.md, with a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ProrationUnit(StrEnum):
    """What time is counted in."""

    DAY = "day"  # local days of the customer; a started one counts
    SECOND = "second"


class DayGoesTo(StrEnum):
    """Whom a day belongs to on which something changes."""

    EARLIER = "earlier"  # the old plan; on cancellation, the day is billed
    LATER = "later"  # the new plan; on cancellation, the day is free


class Denominator(StrEnum):
    """What a part of a period is a part of."""

    WHOLE_PERIOD = "whole_period"  # the period that contains it
    NEXT_CYCLE = "next_cycle"  # one interval back from where the part's cycle ends


class CreditBase(StrEnum):
    """What unused time is credited from."""

    BILLED_AMOUNT = "billed_amount"  # what the line charged, over that line's own time
    CURRENT_PRICE = "current_price"  # the price, over the whole period


class CreditForm(StrEnum):
    """As what a change gives unused time back."""

    LINE = "line"  # a line of the invoice that charges the new plan, while that is not below zero
    NOTE = "note"  # a credit note of the invoice that billed it


class AnchorRule(StrEnum):
    """From which day periods are counted after a change of interval."""

    ANNIVERSARY = "anniversary"  # the same day as before
    BILLING_DAY = "billing_day"  # the same day of the month, in the month of the change
    CHANGE_DAY = "change_day"  # the day of the change: a whole period starts there


class TrialAnchor(StrEnum):
    """From which day periods are counted after a trial."""

    TRIAL_END = "trial_end"
    START = "start"  # the first day of the trial


class TrialUsage(StrEnum):
    """What usage in a trial costs."""

    FREE = "free"
    BILLED = "billed"  # only the fee is free; usage is billed in the periods that follow the start


class ChangedTrial(StrEnum):
    """When a trial ends after a change of plan in it."""

    STAYS = "stays"  # when it would have
    NEW_PLAN = "new_plan"  # as many days after its start as the new plan has


class ThresholdSpan(StrEnum):
    """Which usage a spending threshold is measured by."""

    PERIOD = "period"  # that of the open period: each level once a period
    SUBSCRIPTION = "subscription"  # all since the start: each level once


class UnusedTime(StrEnum):
    """What happens to time that was billed in advance and is not used."""

    CREDIT = "credit"
    REFUND = "refund"  # what was paid of it goes back; the rest is credited
    SKIP = "skip"  # nothing


class NotePays(StrEnum):
    """What a credit note of unused time pays."""

    OPEN = "open"  # what its invoice still owes, then what else is open, then later invoices
    LATER = "later"  # invoices that are made later; its own is still owed


class Timing(StrEnum):
    """When a change of plan takes effect."""

    IMMEDIATE = "immediate"
    PERIOD_END = "period_end"


class ChangeKind(StrEnum):
    """Which way a change of plan goes: compared by the fees of a year, interval by interval."""

    UPGRADE = "upgrade"  # costs as much or more
    DOWNGRADE = "downgrade"
    CROSS_GRADE = "cross_grade"  # is billed in other intervals


@dataclass(frozen=True, slots=True, kw_only=True)
class ProrationPolicy:
    """How time becomes money; `share_places` rounds the share of a period first, if set.

    `usage_places` rounds a prorated quantity of usage up to so many places, if set.
    `cross_grade_timing` is None where another interval makes no difference: then the fees of
    a year decide. `bills_change_at_once`: fees in arrears and usage up to a change of plan are
    billed with it; else with the period that it falls in. `resume_anchor` says where periods
    are counted from after a pause. `prorates_included`: what a usage price includes shrinks
    with a part of a period.
    """

    name: str
    unit: ProrationUnit
    change_day: DayGoesTo
    cancel_day: DayGoesTo
    credit_base: CreditBase
    share_places: int | None = None
    usage_places: int | None = None
    denominator: Denominator = Denominator.WHOLE_PERIOD
    credit_form: CreditForm = CreditForm.LINE
    anchor_rule: AnchorRule = AnchorRule.CHANGE_DAY
    trial_anchor: TrialAnchor = TrialAnchor.TRIAL_END
    unused_time: UnusedTime = UnusedTime.CREDIT
    upgrade_timing: Timing = Timing.IMMEDIATE
    downgrade_timing: Timing = Timing.PERIOD_END
    cross_grade_timing: Timing | None = Timing.PERIOD_END
    bills_change_at_once: bool = False
    note_pays: NotePays = NotePays.OPEN
    resume_anchor: AnchorRule = AnchorRule.ANNIVERSARY
    threshold_span: ThresholdSpan = ThresholdSpan.PERIOD
    prorates_included: bool = True
    trial_usage: TrialUsage = TrialUsage.FREE
    changed_trial: ChangedTrial = ChangedTrial.STAYS

    def timing_of(self, kind: ChangeKind, *, costs_less: bool) -> Timing:
        """When a change that goes this way takes effect."""
        if kind == ChangeKind.CROSS_GRADE and self.cross_grade_timing is not None:
            return self.cross_grade_timing
        return self.downgrade_timing if costs_less else self.upgrade_timing

    def to_json(self) -> dict[str, str]:
        """As it is kept with a line that it was applied to: what decides an amount."""
        return {
            "name": self.name,
            "unit": str(self.unit),
            "change_day": str(self.change_day),
            "cancel_day": str(self.cancel_day),
            "denominator": str(self.denominator),
            "credit_base": str(self.credit_base),
            "share_places": "" if self.share_places is None else str(self.share_places),
            "usage_places": "" if self.usage_places is None else str(self.usage_places),
        }


OWN = ProrationPolicy(
    name="own",
    unit=ProrationUnit.DAY,
    change_day=DayGoesTo.LATER,
    cancel_day=DayGoesTo.EARLIER,
    credit_base=CreditBase.BILLED_AMOUNT,
)
LAGO = ProrationPolicy(
    name="lago",
    unit=ProrationUnit.DAY,
    change_day=DayGoesTo.LATER,
    cancel_day=DayGoesTo.EARLIER,
    credit_base=CreditBase.CURRENT_PRICE,
    usage_places=5,
    credit_form=CreditForm.NOTE,
    anchor_rule=AnchorRule.ANNIVERSARY,
    trial_anchor=TrialAnchor.START,
    cross_grade_timing=None,
    bills_change_at_once=True,
    note_pays=NotePays.LATER,
    threshold_span=ThresholdSpan.SUBSCRIPTION,
    prorates_included=False,
    trial_usage=TrialUsage.BILLED,
    changed_trial=ChangedTrial.NEW_PLAN,
)
KILLBILL = ProrationPolicy(
    name="killbill",
    unit=ProrationUnit.DAY,
    change_day=DayGoesTo.LATER,
    cancel_day=DayGoesTo.LATER,
    credit_base=CreditBase.BILLED_AMOUNT,
    share_places=9,
    denominator=Denominator.NEXT_CYCLE,
    anchor_rule=AnchorRule.BILLING_DAY,
    downgrade_timing=Timing.IMMEDIATE,
    cross_grade_timing=Timing.IMMEDIATE,
    bills_change_at_once=True,
    resume_anchor=AnchorRule.BILLING_DAY,
    prorates_included=False,
)
STRIPE = ProrationPolicy(
    name="stripe",
    unit=ProrationUnit.SECOND,
    change_day=DayGoesTo.LATER,
    cancel_day=DayGoesTo.LATER,
    credit_base=CreditBase.CURRENT_PRICE,
    downgrade_timing=Timing.IMMEDIATE,
    cross_grade_timing=Timing.IMMEDIATE,
    prorates_included=False,
)
POLICIES: Mapping[str, ProrationPolicy] = {
    policy.name: policy for policy in (OWN, LAGO, KILLBILL, STRIPE)
}

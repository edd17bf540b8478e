"""What a change of plan or quantity would do: when it counts, what is charged and given back.

When it takes effect, what it charges and how it gives unused time back is said by the policy
that counts for it. By our own, what costs as much or more takes effect on the customer's day it
is asked for, and the difference is invoiced at once; what costs less, or is billed in other
intervals, takes effect with the next period: so nothing paid in advance is lost, and no credit
can be farmed by going up and down.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from billing.errors import BackdatingInvalid, PlanChangeInvalid
from billing.services.changes.backdating import change_asked_at
from billing.services.changes.change_drafts import ChangeDraft, draft_change
from billing.services.changes.dated_changes import ensure_none_before
from billing.services.changes.effects import Effect
from billing.services.changes.plan_change_checks import check_change
from billing.services.credit.note_plans import NotePlan
from billing.services.credit.unused_time import Unused, unused_time
from billing.services.invoices.closing import closing_lines, early_boundary
from billing.services.invoices.draft_parts import DraftInvoice, DraftLine
from billing.services.invoices.proration_lines import charge_lines
from billing.services.invoices.terms import PriceBook
from subscriptions.domain.change_kind import change_kind, yearly
from subscriptions.domain.proration import change_boundary
from subscriptions.domain.proration_policy import AnchorRule, ChangedTrial, ChangeKind, Timing
from subscriptions.domain.schedule import anchor_after_change, in_trial, trial_end_after_change
from subscriptions.models import PlanVersion, Subscription
from subscriptions.services.lifecycle import change_token, load_subscription
from subscriptions.services.policies import NO_OVERRIDE, ChangeOverride, ChangeTerms, PolicyBook
from tiktoktoe.kernel.money import Money, quantize, total
from tiktoktoe.kernel.periods import Alignment, BillingPeriods, Period, local_date


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanChangePreview(Effect):
    """What a change would do: when, and what is credited and charged for it at once.

    `period` and `row` are those that it is in from then on; `closes` says that its period up
    to the change is billed with it, `is_netted` that unused time is credited on the invoice.
    `trial_ends_at` is when a trial ends from then on whose usage is billed.
    """

    plan_version: PlanVersion
    quantity: int
    kind: ChangeKind
    terms: ChangeTerms
    is_immediate: bool
    closes: bool
    effective_at: datetime
    row: BillingPeriods
    unused: tuple[Unused, ...]
    is_netted: bool
    fee_before: Money
    fee_after: Money
    trial_ends_at: datetime | None

    @property
    def period(self) -> Period | None:
        """The period that a change at once begins; None where the old one goes on."""
        if not self.is_immediate or not self.closes:
            return None
        if self.trial_ends_at is not None:
            return in_trial(self.row, self.effective_at, self.trial_ends_at)
        return Period(self.effective_at, self.row.period_at(self.effective_at).end)


def preview_plan_change(
    *,
    subscription: Subscription,
    plan_version: PlanVersion,
    quantity: int,
    at: datetime,
    override: ChangeOverride = NO_OVERRIDE,
    since: date | None = None,
) -> PlanChangePreview:
    """What a change asked for now would do; nothing is written.

    `override` departs from the policy for this change only; `since` is a day that is over, from
    which it counts instead of today.

    Raises:
        PlanChangeInvalid: If it changes nothing, the quantity is below 1, or another live
            subscription of the customer bills one of the new plan's meters, or will.
        PlanChangeNotNow: If the subscription has no period to change in.
        PlanVersionNotOnSale: If the new prices are not on sale, or in another currency.
        BackdatingInvalid: If something of the day `since` is settled.
    """
    loaded = load_subscription(subscription.pk)
    asked_at = change_asked_at(loaded, plan_version, since, at)
    check_change(loaded, plan_version, quantity, asked_at=asked_at, at=at)
    book = PriceBook([loaded.plan_version_id, plan_version.pk])
    old_plan, new_plan = loaded.plan_version.plan, plan_version.plan
    if since is not None:
        override = replace(override, timing=Timing.IMMEDIATE)
    terms = PolicyBook().of_change(old_plan.pk, new_plan.pk, at, override)
    before = recurring_fee(book, loaded.plan_version, loaded.quantity)
    after = recurring_fee(book, plan_version, quantity)
    kind = change_kind(
        before=before,
        after=after,
        old=old_plan.billing_interval,
        new=new_plan.billing_interval,
    )
    plan = _Plan(loaded, plan_version, quantity, terms, kind)
    is_immediate = _timing(plan, before, after) == Timing.IMMEDIATE
    if is_immediate:
        worked_out = _at_once(plan, book, asked_at, at)
    else:
        row = loaded.billing_periods
        ensure_none_before(loaded, loaded.current_period_end, at)
        worked_out = _WorkedOut(loaded.current_period_end, row, closes=False)
    return PlanChangePreview(
        subscription=loaded,
        plan_version=plan_version,
        quantity=quantity,
        kind=kind,
        terms=terms,
        is_immediate=is_immediate,
        closes=worked_out.closes,
        effective_at=worked_out.effective_at,
        row=worked_out.row,
        draft=worked_out.draft,
        unused=worked_out.unused,
        notes=worked_out.notes,
        is_netted=worked_out.is_netted,
        fee_before=before,
        fee_after=after,
        trial_ends_at=worked_out.trial_ends_at,
        token=change_token(loaded),
    )


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is to be changed, by which terms."""

    subscription: Subscription
    plan_version: PlanVersion
    quantity: int
    terms: ChangeTerms
    kind: ChangeKind

    @property
    def changes_interval(self) -> bool:
        old = self.subscription.plan_version.plan.billing_interval
        return bool(self.plan_version.plan.billing_interval != old)


@dataclass(frozen=True, slots=True)
class _WorkedOut:
    """From when it counts, in which periods, and what is billed and given back for it."""

    effective_at: datetime
    row: BillingPeriods
    closes: bool
    draft: DraftInvoice | None = None
    unused: tuple[Unused, ...] = ()
    notes: tuple[NotePlan, ...] = ()
    is_netted: bool = False
    trial_ends_at: datetime | None = None


def _timing(plan: _Plan, before: Money, after: Money) -> Timing:
    """When it takes effect; in a trial, where nothing is billed, at once."""
    if plan.subscription.state == Subscription.State.TRIALING:
        return Timing.IMMEDIATE
    if plan.terms.timing is not None:
        return plan.terms.timing
    old = plan.subscription.plan_version.plan.billing_interval
    new = plan.plan_version.plan.billing_interval
    costs_less = yearly(after, new) < yearly(before, old)
    return plan.terms.policy.timing_of(plan.kind, costs_less=costs_less)


def _at_once(plan: _Plan, book: PriceBook, asked_at: datetime, at: datetime) -> _WorkedOut:
    subscription, policy = plan.subscription, plan.terms.policy
    boundary = change_boundary(at=asked_at, time_zone=subscription.time_zone, policy=policy)
    boundary = max(boundary, subscription.current_period_start)
    row = _row_after(plan, boundary)
    if plan.changes_interval and asked_at < at and row.period_at(boundary).end <= at:
        raise BackdatingInvalid(
            "the period that would begin then is over", field="on", remedy="a later day"
        )
    if subscription.is_trialing:
        return _in_trial(plan, boundary, row)
    if plan.changes_interval and not plan.terms.prorates:
        raise PlanChangeInvalid(
            "another interval begins a period that must be charged",
            field="prorates",
            remedy="prorate it, or let it wait for the period's end",
        )
    same_prices = plan.plan_version.pk == subscription.plan_version_id
    closes = plan.changes_interval or (policy.bills_change_at_once and not same_prices)
    lines: list[DraftLine] = []
    if closes:
        lines += closing_lines(early_boundary(subscription, boundary, is_last=False))
    unused: list[Unused] = []
    if plan.terms.prorates:  # what is sold beside the plan stays
        unused = unused_time(subscription, boundary, policy, lambda p: not p.is_add_on, book=book)
    if plan.terms.prorates:
        lines += charge_lines(
            plan_version=plan.plan_version,
            quantity=plan.quantity,
            boundary=boundary,
            row=row,
            book=book,
            policy=policy,
            is_whole=plan.changes_interval
            and row.anchor_on == local_date(boundary, subscription.time_zone),
        )
    made = _draft(plan, boundary, row, lines, unused)
    return _WorkedOut(boundary, row, closes, made.draft, tuple(unused), made.notes, made.is_netted)


def _draft(
    plan: _Plan,
    boundary: datetime,
    row: BillingPeriods,
    lines: Sequence[DraftLine],
    unused: Sequence[Unused],
) -> ChangeDraft:
    subscription = plan.subscription
    return draft_change(
        subscription=subscription,
        boundary=boundary,
        period_end=row.period_at(boundary).end,
        lines=lines,
        unused=unused,
        terms=plan.terms,
        key=f"change:{subscription.pk}:{subscription.plan_changes.count() + 1}",
    )


def _in_trial(plan: _Plan, boundary: datetime, row: BillingPeriods) -> _WorkedOut:
    """In a trial no fee is charged; its usage is where it is billed at all."""
    subscription = plan.subscription
    if not subscription.bills_trial_usage:
        return _WorkedOut(boundary, row, closes=False)
    lines = closing_lines(early_boundary(subscription, boundary, is_last=False))
    draft = _draft(plan, boundary, row, lines, []).draft
    ends_at = subscription.trial_ends_at
    if plan.terms.policy.changed_trial == ChangedTrial.NEW_PLAN:
        ends_at = trial_end_after_change(
            started_at=subscription.started_at,
            changed_at=boundary,
            time_zone=subscription.time_zone,
            trial_days=plan.plan_version.plan.trial_days,
        )
    return _WorkedOut(boundary, row, closes=True, draft=draft, trial_ends_at=ends_at)


def _row_after(plan: _Plan, boundary: datetime) -> BillingPeriods:
    """The periods that it is billed in from a change on."""
    subscription = plan.subscription
    if not plan.changes_interval:
        return subscription.billing_periods
    interval = plan.plan_version.plan.billing_interval
    in_trial = subscription.state == Subscription.State.TRIALING
    rule = AnchorRule.ANNIVERSARY if in_trial else plan.terms.policy.anchor_rule
    anchor_on = anchor_after_change(
        rule=rule,
        alignment=Alignment(subscription.alignment),
        anchor_on=subscription.anchor_on,
        changed_on=local_date(boundary, subscription.time_zone),
        interval=interval,
    )
    return BillingPeriods(anchor_on, subscription.time_zone, interval)


def recurring_fee(book: PriceBook, version: PlanVersion, quantity: int) -> Money:
    """The recurring fees of a whole period, as the prices say them."""
    fees = [
        p.fee(quantity)
        for timing in ("advance", "arrears")
        for p in book.recurring(version.pk, timing)
    ]
    return quantize(total(fees, version.currency))

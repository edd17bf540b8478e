"""A subscription goes to another plan or quantity: shown first, then done, by the same code.

When a change takes effect, what it charges and how it gives unused time back is said by the
policy that counts for it. By our own, what costs as much or more takes effect on the
customer's day it is asked for, and the difference is invoiced at once; what costs less, or is
billed in other intervals, takes effect with the next period: so nothing paid in advance is
lost, and no credit can be farmed by going up and down.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from billing.errors import PlanChangeInvalid, PlanChangeNotNow
from billing.models import CreditNote, Invoice, PlanChange, UnusedCredit
from billing.queries.planned_prices import planned_versions
from billing.services.changes.change_drafts import ChangeDraft, draft_change
from billing.services.changes.dated_changes import ensure_none_before
from billing.services.changes.effects import Effect
from billing.services.credit.giving_back import close_drafts, issue_notes, keep_unused, refund_notes
from billing.services.credit.note_plans import NotePlan
from billing.services.credit.unused_time import Unused, unused_time
from billing.services.invoices.closing import close_usage_until, closing_lines, early_boundary
from billing.services.invoices.draft_parts import DraftInvoice, DraftLine
from billing.services.invoices.invoicing import issue
from billing.services.invoices.proration_lines import charge_lines
from billing.services.invoices.terms import PriceBook
from subscriptions.domain.change_kind import change_kind, yearly
from subscriptions.domain.lifecycle import BILLED_STATES
from subscriptions.domain.proration import change_boundary
from subscriptions.domain.proration_policy import (
    AnchorRule,
    ChangedTrial,
    ChangeKind,
    Timing,
    UnusedTime,
)
from subscriptions.domain.schedule import anchor_after_change, in_trial, trial_end_after_change
from subscriptions.models import PlanVersion, Subscription
from subscriptions.services.changes import ensure_sellable, switch_plan
from subscriptions.services.lifecycle import change_token, ensure_unchanged, lock_subscription
from subscriptions.services.meters import clashing_meter, hold_meters
from subscriptions.services.policies import NO_OVERRIDE, ChangeOverride, ChangeTerms, PolicyBook
from subscriptions.services.restrictions import ensure_changeable
from subscriptions.services.transitions import SCHEDULE, Actor, record_transition
from tiktoktoe.kernel.money import Money, quantize, total
from tiktoktoe.kernel.periods import Alignment, BillingPeriods, Period, local_date
from tiktoktoe.kernel.rehearsal import is_rehearsal

logger = logging.getLogger(__name__)


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
) -> PlanChangePreview:
    """What a change asked for now would do; nothing is written.

    `override` departs from the policy for this change only.

    Raises:
        PlanChangeInvalid: If it changes nothing, the quantity is below 1, or another live
            subscription of the customer bills one of the new plan's meters, or will.
        PlanChangeNotNow: If the subscription has no period to change in.
        PlanVersionNotOnSale: If the new prices are not on sale, or in another currency.
    """
    loaded = Subscription.objects.select_related("customer", "plan_version__plan").get(
        pk=subscription.pk
    )
    _check(loaded, plan_version, quantity, at)
    book = PriceBook([loaded.plan_version_id, plan_version.pk])
    old_plan, new_plan = loaded.plan_version.plan, plan_version.plan
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
        worked_out = _at_once(plan, book, at)
    else:
        row = loaded.billing_periods
        ensure_none_before(loaded, loaded.current_period_end)
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


def _at_once(plan: _Plan, book: PriceBook, at: datetime) -> _WorkedOut:
    subscription, policy = plan.subscription, plan.terms.policy
    boundary = change_boundary(at=at, time_zone=subscription.time_zone, policy=policy)
    boundary = max(boundary, subscription.current_period_start)
    row = _row_after(plan, boundary)
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


def change_plan(
    *,
    subscription: Subscription,
    plan_version: PlanVersion,
    quantity: int,
    actor: Actor,
    at: datetime,
    override: ChangeOverride = NO_OVERRIDE,
    reason: str = "",
    expected: str | None = None,
) -> PlanChange:
    """Change plan or quantity: at once with an invoice, or with the next period.

    A change that was scheduled before is replaced. Raises what `preview_plan_change` does, and:
        SubscriptionChanged: If it is not as `expected`, the token of a preview, says.
        PaymentInFlight: If an invoice that is to be credited may be being paid right now.
    """
    if not is_rehearsal():  # of which nothing is closed
        seen = preview_plan_change(
            subscription=subscription,
            plan_version=plan_version,
            quantity=quantity,
            at=at,
            override=override,
        )
        if seen.closes:
            close_usage_until(seen.subscription, seen.effective_at)
        close_drafts(seen.unused)
    with transaction.atomic():
        hold_meters(subscription.customer_id)
        locked = lock_subscription(subscription)
        ensure_unchanged(locked, expected)
        preview = preview_plan_change(
            subscription=locked,
            plan_version=plan_version,
            quantity=quantity,
            at=at,
            override=override,
        )
        change, issued = _change(preview, actor=actor, reason=reason, at=at)
    refund_notes(issued, actor=actor, at=at)
    logger.info("plan change", extra={"subscription": locked.reference, "state": change.state})
    return change


def _change(
    preview: PlanChangePreview, *, actor: Actor, reason: str, at: datetime
) -> tuple[PlanChange, list[CreditNote]]:
    subscription = preview.subscription
    PlanChange.objects.filter(subscription=subscription, state="scheduled").update(
        state="withdrawn"
    )
    notes = issue_notes(
        preview.notes,
        reason=f"Unused time after a change on {preview.effective_at:%Y-%m-%d}",
        idempotency_key=f"change:{subscription.pk}:{preview.token}",
        at=at,
    )
    invoice = issue(preview.draft, at=at) if preview.draft else None
    if preview.is_immediate:
        _keep_unused(preview, notes, invoice, at)
        switch_plan(
            subscription=subscription,
            plan_version=preview.plan_version,
            quantity=preview.quantity,
            effective_at=at,
            boundary=preview.effective_at,
            period=preview.period,
            anchor_on=preview.row.anchor_on,
            trial_ends_at=preview.trial_ends_at,
            actor=actor,
            reason=reason,
            at=at,
        )
    else:
        _record_scheduled(preview, actor, reason, at)
    change = PlanChange.objects.create(
        subscription=subscription,
        plan_version=preview.plan_version,
        quantity=preview.quantity,
        kind=preview.kind,
        policy=preview.terms.policy.name,
        anchor_rule=preview.terms.policy.anchor_rule,
        unused_time=preview.terms.unused_time,
        reason=reason,
        state="applied" if preview.is_immediate else "scheduled",
        effective_at=preview.effective_at,
        requested_at=at,
        applied_at=at if preview.is_immediate else None,
        invoice=invoice,
        source=actor.source,
        actor=actor.user,
    )
    return change, notes


def _keep_unused(
    preview: PlanChangePreview,
    notes: Sequence[CreditNote],
    invoice: Invoice | None,
    at: datetime,
) -> None:
    """Write down what became of the old plan's time, so that it is never given back again."""
    if preview.is_netted:
        keep_unused(preview.unused, form=UnusedCredit.Form.LINE, invoice=invoice, at=at)
        return
    skips = preview.terms.unused_time == UnusedTime.SKIP
    form = UnusedCredit.Form.SKIP if skips else UnusedCredit.Form.NOTE
    keep_unused(preview.unused, form=form, notes=notes, at=at)


def _record_scheduled(preview: PlanChangePreview, actor: Actor, reason: str, at: datetime) -> None:
    record_transition(
        subscription=preview.subscription,
        from_state=preview.subscription.state,
        event="plan_change_scheduled",
        effective_at=at,
        actor=actor,
        at=at,
        reason=reason,
        details={
            "to_plan_version": preview.plan_version.pk,
            "to_quantity": preview.quantity,
            "change_at": preview.effective_at.isoformat(),
        },
    )


@transaction.atomic
def withdraw_plan_change(
    *, change: PlanChange, at: datetime, actor: Actor = SCHEDULE
) -> PlanChange:
    """Take back a change that has not taken effect yet; one that has stays."""
    locked = lock_subscription(change.subscription)
    waiting = PlanChange.objects.filter(pk=change.pk, state="scheduled")
    if waiting.update(state="withdrawn"):
        record_transition(
            subscription=locked,
            from_state=locked.state,
            event="plan_change_withdrawn",
            effective_at=at,
            actor=actor,
            at=at,
            details={"plan_change": change.pk},
        )
    change.refresh_from_db()
    return change


def _check(
    subscription: Subscription, plan_version: PlanVersion, quantity: int, at: datetime
) -> None:
    if quantity < 1:
        raise PlanChangeInvalid(f"{quantity} is too few", field="quantity", remedy="at least 1")
    if (subscription.plan_version_id, subscription.quantity) == (plan_version.pk, quantity):
        raise PlanChangeInvalid("it is on this plan and quantity already", field="plan_version")
    if subscription.state not in BILLED_STATES:
        raise PlanChangeNotNow(f"the subscription is {subscription.state}")
    ensure_changeable(subscription, at)
    if subscription.cancel_at is not None:
        raise PlanChangeNotNow("its end is scheduled; withdraw the cancellation first")
    if subscription.pause_at is not None:
        raise PlanChangeNotNow("a pause is scheduled; withdraw it first")
    if not subscription.current_period.contains(at):
        raise PlanChangeNotNow("its period is over and not billed yet; try again shortly")
    ensure_sellable(plan_version, subscription, at)
    if subscription.plan_version.plan.billing_interval != plan_version.plan.billing_interval:
        _ensure_no_add_ons(subscription, at)
    clash = clashing_meter(
        plan_version,
        customer_id=subscription.customer_id,
        at=at,
        planned=planned_versions(subscription.customer_id, changing=subscription),
        changing=subscription,
    )
    if clash is not None:
        raise PlanChangeInvalid(
            f"another live subscription, or an add-on, {clash.bills_it}",
            field="plan_version",
            remedy="take that back first" if clash.is_to_come else "",
        )


def _ensure_no_add_ons(subscription: Subscription, at: datetime) -> None:
    """An add-on is priced by the interval of the plan that it is sold beside."""
    kept = subscription.add_ons.at(at).select_related("plan").first()
    if kept is not None:
        raise PlanChangeInvalid(
            f"{kept.plan} is billed in other intervals",
            field="plan_version",
            remedy="remove the add-on first",
        )


def recurring_fee(book: PriceBook, version: PlanVersion, quantity: int) -> Money:
    """The recurring fees of a whole period, as the prices say them."""
    fees = [
        p.fee(quantity)
        for timing in ("advance", "arrears")
        for p in book.recurring(version.pk, timing)
    ]
    return quantize(total(fees, version.currency))

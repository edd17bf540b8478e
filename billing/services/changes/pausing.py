"""A subscription is paused and resumed: shown, then done, by the same code.

Paused, it is billed up to the policy's boundary at once, and time billed in advance beyond it
is credited, refunded or left. Resumed, the rest of the period it is then in is charged.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from billing.errors import PeriodNotBilled
from billing.models import CreditNote, Invoice, PlanChange
from billing.queries.extras import Extras, extras_of
from billing.queries.tax_table import TaxTable
from billing.services.changes.backdating import stop_asked_at
from billing.services.changes.cancelling import end_of_service
from billing.services.changes.effects import Effect
from billing.services.changes.scheduled_changes import apply_change, change_by, put_on_plan
from billing.services.credit.giving_back import give_back, refund_notes
from billing.services.credit.note_plans import NotePlan, after_notes, plan_notes
from billing.services.credit.unused_time import Unused, unused_time
from billing.services.invoices.boundaries import coming
from billing.services.invoices.closing import close_usage_until, closing_lines, early_boundary
from billing.services.invoices.draft_parts import Boundary, DraftInvoice, DraftLine
from billing.services.invoices.drafting import make_draft
from billing.services.invoices.invoicing import issue
from billing.services.invoices.period_lines import advance_lines
from billing.services.invoices.preview_books import add_ons_of, coupons_of
from billing.services.invoices.resuming import count_from_resumption
from subscriptions.domain.proration import change_boundary
from subscriptions.domain.proration_policy import UnusedTime
from subscriptions.models import Subscription
from subscriptions.services.lifecycle import (
    change_token,
    ensure_unchanged,
    load_subscription,
    lock_subscription,
)
from subscriptions.services.pauses import (
    ensure_pausable,
    ensure_paused,
    pause_subscription,
    resume_subscription,
    schedule_pause,
)
from subscriptions.services.policies import PolicyBook
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.periods import Period, local_date, local_midnight

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PausePreview(Effect):
    """What a pause does: from when nothing is billed, what is billed and given back at once.

    At the end of the period the billing run pauses it: then `draft` and `notes` are empty.
    """

    is_immediate: bool
    asked_at: datetime
    paused_from: datetime
    resume_at: datetime | None
    unused_time: UnusedTime
    unused: tuple[Unused, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """What a pause did."""

    subscription: Subscription
    invoice: Invoice | None
    notes: tuple[CreditNote, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumptionPreview(Effect):
    """What resuming does: in which period it goes on, and what is charged for it at once.

    `change` was to take effect meanwhile, and does now.
    """

    period: Period
    change: PlanChange | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumption:
    """What resuming did."""

    subscription: Subscription
    invoice: Invoice | None


def preview_pause(
    *,
    subscription: Subscription,
    at: datetime,
    at_period_end: bool = False,
    resume_on: date | None = None,
    unused: UnusedTime | None = None,
    since: date | None = None,
) -> PausePreview:
    """What pausing would do; nothing is written.

    Args:
        subscription: What is paused.
        at: Now.
        at_period_end: When the current period ends, instead of now.
        resume_on: The local day on which it goes on by itself; else somebody resumes it.
        unused: What happens to time billed in advance; as the policy says by default.
        since: A day that is over, as of which it is paused.

    Raises:
        TransitionNotAllowed: If it is paused, in a trial, about to end, or has ended.
        SubscriptionInvalid: If it would resume before it is paused.
        BackdatingInvalid: If something of the day `since` is settled.
        PeriodNotBilled: If its period is over and has not been billed yet.
    """
    loaded = _load(subscription)
    resume_at = local_midnight(resume_on, loaded.time_zone) if resume_on else None
    policies = PolicyBook()
    policy = policies.of_plan(loaded.plan_version.plan_id, at)
    asked_at = stop_asked_at(loaded, since, at, policy)
    end = loaded.current_period_end
    paused_from = end if at_period_end else end_of_service(loaded, policy, asked_at)
    paused_from = max(paused_from, loaded.current_period_start)
    ensure_pausable(loaded, resume_at=resume_at, paused_from=paused_from)
    if not loaded.current_period.contains(at):
        raise PeriodNotBilled("its period is over and not billed yet; try again shortly")
    lines: list[DraftLine] = []
    found: list[Unused] = []
    choice = unused or policy.unused_time
    extras = extras_of(loaded)
    if not at_period_end:
        known = add_ons_of(loaded, extras, policies)
        lines = closing_lines(early_boundary(loaded, paused_from, is_last=True), known)
        found = unused_time(loaded, paused_from, policy, book=known.prices)
    notes = plan_notes(found, choice)
    return PausePreview(
        subscription=loaded,
        is_immediate=not at_period_end,
        asked_at=asked_at,
        paused_from=paused_from,
        resume_at=resume_at,
        unused_time=choice,
        draft=_draft(loaded, lines, notes, extras, boundary=paused_from, period_end=paused_from),
        unused=tuple(found),
        notes=tuple(notes),
        token=change_token(loaded),
    )


def pause(
    *,
    subscription: Subscription,
    actor: Actor,
    at: datetime,
    at_period_end: bool = False,
    resume_on: date | None = None,
    unused: UnusedTime | None = None,
    reason: str = "",
    expected: str | None = None,
    since: date | None = None,
) -> Pause:
    """Pause a subscription now, as of a day that is over, or when its current period ends.

    Raises what `preview_pause` does, and:
        SubscriptionChanged: If it is not as `expected`, the token of a preview, says.
        PaymentInFlight: If an invoice that is to be credited may be being paid right now.
    """
    seen = preview_pause(
        subscription=subscription,
        at=at,
        at_period_end=at_period_end,
        resume_on=resume_on,
        unused=unused,
        since=since,
    )
    if not at_period_end:
        close_usage_until(seen.subscription, seen.paused_from)
    with transaction.atomic():
        locked = lock_subscription(subscription)
        ensure_unchanged(locked, expected)
        if at_period_end:
            waiting = schedule_pause(
                subscription=locked, resume_at=seen.resume_at, actor=actor, reason=reason, at=at
            )
            return Pause(subscription=waiting, invoice=None, notes=())
        preview = preview_pause(
            subscription=locked, at=at, resume_on=resume_on, unused=unused, since=since
        )
        done = _pause(preview, actor=actor, reason=reason, at=at)
    refund_notes(done.notes, actor=actor, at=at)
    logger.info("subscription paused", extra={"subscription": locked.reference})
    return done


def _pause(preview: PausePreview, *, actor: Actor, reason: str, at: datetime) -> Pause:
    notes = give_back(
        preview.unused,
        preview.unused_time,
        reason=f"Paused from {local_date(preview.paused_from, preview.subscription.time_zone)}",
        idempotency_key=f"pause:{preview.subscription.pk}:{preview.token}",
        at=at,
    )
    invoice = issue(preview.draft, at=at) if preview.draft else None
    paused = pause_subscription(
        subscription=preview.subscription,
        paused_from=preview.paused_from,
        resume_at=preview.resume_at,
        effective_at=preview.asked_at,
        actor=actor,
        reason=reason,
        at=at,
    )
    return Pause(subscription=paused, invoice=invoice, notes=tuple(notes))


def preview_resumption(*, subscription: Subscription, at: datetime) -> ResumptionPreview:
    """What resuming now would do; nothing is written.

    Raises:
        SubscriptionEnded: If it has ended.
        TransitionNotAllowed: If it is not paused.
    """
    loaded = _load(subscription)
    ensure_paused(loaded)
    assert loaded.paused_from is not None
    policies = PolicyBook()
    policy = policies.of_plan(loaded.plan_version.plan_id, at)
    today = change_boundary(at=at, time_zone=loaded.time_zone, policy=policy)
    starts_at = max(today, loaded.paused_from)
    change = change_by(loaded, starts_at)
    if change is not None:
        put_on_plan(loaded, change, starts_at)
    count_from_resumption(loaded, starts_at, policy)
    period = coming(loaded, starts_at)
    boundary = Boundary(loaded, starts_at, None, period)
    extras = extras_of(loaded)
    add_ons = add_ons_of(loaded, extras, policies)
    lines = [
        *advance_lines(boundary, add_ons.prices, policies),
        *add_ons.advance(boundary),
    ]
    return ResumptionPreview(
        subscription=loaded,
        period=period,
        change=change,
        draft=_draft(loaded, lines, [], extras, boundary=period.start, period_end=period.end),
        token=change_token(loaded),
    )


@transaction.atomic
def resume(
    *,
    subscription: Subscription,
    actor: Actor,
    at: datetime,
    reason: str = "",
    expected: str | None = None,
) -> Resumption:
    """Let a paused subscription go on from now on.

    Raises what `preview_resumption` does, and:
        SubscriptionChanged: If it is not as `expected`, the token of a preview, says.
    """
    locked = lock_subscription(subscription)
    ensure_unchanged(locked, expected)
    preview = preview_resumption(subscription=locked, at=at)
    invoice = issue(preview.draft, at=at) if preview.draft else None
    if preview.change is not None:
        apply_change(preview.change, locked, preview.period.start, at=at)
    resumed = resume_subscription(
        subscription=locked,
        period=preview.period,
        anchor_on=preview.subscription.anchor_on,
        actor=actor,
        reason=reason,
        at=at,
    )
    logger.info("subscription resumed", extra={"subscription": locked.reference})
    return Resumption(subscription=resumed, invoice=invoice)


def _load(subscription: Subscription) -> Subscription:
    return load_subscription(subscription.pk)


def _draft(
    subscription: Subscription,
    lines: Sequence[DraftLine],
    notes: Sequence[NotePlan],
    extras: Extras,
    *,
    boundary: datetime,
    period_end: datetime,
) -> DraftInvoice | None:
    if not lines:
        return None
    draft = make_draft(
        subscription=subscription,
        kind=Invoice.Kind.CHANGE,
        boundary=boundary,
        period_end=period_end,
        lines=lines,
        taxes=TaxTable([subscription.customer.country]),
        idempotency_key=f"pausing:{subscription.pk}:{change_token(subscription)}",
        coupons=coupons_of(subscription, extras),
    )
    return after_notes(draft, notes, subscription, extras)

"""A subscription is canceled now, at the end of its period, or on a day: shown, then done.

Canceled now, everything that it owes up to the policy's boundary is billed in a last invoice,
and time billed in advance beyond it is credited, refunded or left. A later end is scheduled;
the billing run does the same when it comes.
"""

import logging
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from django.db import transaction

from billing.errors import PeriodNotBilled
from billing.models import CreditNote, Invoice, PlanChange
from billing.queries.extras import extras_of
from billing.queries.tax_table import TaxTable
from billing.services.changes.backdating import stop_asked_at
from billing.services.changes.effects import Effect
from billing.services.credit.giving_back import give_back, refund_notes
from billing.services.credit.note_plans import after_notes, plan_notes
from billing.services.credit.unused_time import Unused, unused_time
from billing.services.invoices.closing import close_usage_until, closing_lines, early_boundary
from billing.services.invoices.drafting import make_draft
from billing.services.invoices.invoicing import issue
from billing.services.invoices.preview_books import add_ons_of, coupons_of
from subscriptions.domain.lifecycle import BILLED_STATES
from subscriptions.domain.proration import cancel_boundary
from subscriptions.domain.proration_policy import DayGoesTo, ProrationPolicy, UnusedTime
from subscriptions.errors import SubscriptionInvalid, TransitionNotAllowed
from subscriptions.models import Subscription
from subscriptions.services.changes import ensure_live, schedule_cancellation
from subscriptions.services.lifecycle import (
    change_token,
    end_subscription,
    ensure_unchanged,
    load_subscription,
    lock_subscription,
)
from subscriptions.services.policies import PolicyBook
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.periods import local_date, local_midnight

logger = logging.getLogger(__name__)


class CancelWhen(StrEnum):
    """When a subscription is to end."""

    NOW = "now"
    PERIOD_END = "period_end"
    ON_DAY = "on_day"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationPreview(Effect):
    """What a cancellation does: until when is billed, the last invoice, what is given back.

    A later end bills and gives back when it comes: then `draft` and `notes` are empty. One as
    of a day that is over, `since`, is done now.
    """

    when: CancelWhen
    ends_at: datetime
    since: date | None
    unused_time: UnusedTime
    unused: tuple[Unused, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancellation:
    """What a cancellation did."""

    subscription: Subscription
    invoice: Invoice | None
    notes: tuple[CreditNote, ...]


def preview_cancellation(
    *,
    subscription: Subscription,
    at: datetime,
    when: CancelWhen = CancelWhen.NOW,
    on: date | None = None,
    unused: UnusedTime | None = None,
) -> CancellationPreview:
    """What canceling would do; nothing is written.

    Args:
        subscription: What ends.
        at: Now.
        when: Now, at the end of the current period, or on a day.
        on: The last day by the policy: billed where the day of a cancellation is. One that is
            over ends it as of that day, with what is left to bill and give back of today.
        unused: What happens to time billed in advance; as the policy says by default.

    Raises:
        SubscriptionEnded: If it has ended.
        TransitionNotAllowed: If its end is scheduled already, or it is paused and not ended now.
        SubscriptionInvalid: If no day is given where one is needed.
        BackdatingInvalid: If something of a day that is over is settled.
        PeriodNotBilled: If its period is over and has not been billed yet.
    """
    loaded = load_subscription(subscription.pk)
    ensure_live(loaded)
    policies = PolicyBook()
    policy = policies.of_plan(loaded.plan_version.plan_id, at)
    choice = unused or policy.unused_time
    since = _since(loaded, when, on, at)
    if when != CancelWhen.NOW and since is None:
        return _later(loaded, when, _later_end(loaded, when, on, policy, at), choice)
    if loaded.state in BILLED_STATES and not loaded.current_period.contains(at):
        raise PeriodNotBilled("its period is over and not billed yet; try again shortly")
    asked_at = stop_asked_at(loaded, since, at, policy)
    return replace(_at_once(loaded, policies, choice, asked_at), since=since)


def _since(
    subscription: Subscription, when: CancelWhen, on: date | None, at: datetime
) -> date | None:
    """The day that is over as of which it is to end, if it is one."""
    is_over = on is not None and on < local_date(at, subscription.time_zone)
    return on if when == CancelWhen.ON_DAY and is_over else None


def _at_once(
    subscription: Subscription, policies: PolicyBook, choice: UnusedTime, at: datetime
) -> CancellationPreview:
    """It ends at the instant that it is asked for: now, or on a day that is over."""
    if not _is_billed(subscription):
        return _later(subscription, CancelWhen.NOW, at, choice)
    policy = policies.of_plan(subscription.plan_version.plan_id, at)
    extras = extras_of(subscription)
    known = add_ons_of(subscription, extras, policies)
    ends_at = max(end_of_service(subscription, policy, at), subscription.current_period_start)
    boundary = early_boundary(subscription, ends_at, is_last=True)
    lines = closing_lines(boundary, known)
    draft = make_draft(
        subscription=subscription,
        kind=Invoice.Kind.FINAL,
        boundary=ends_at,
        period_end=ends_at,
        lines=lines,
        taxes=TaxTable([subscription.customer.country]),
        idempotency_key=f"final:{subscription.pk}",
        coupons=coupons_of(subscription, extras),
    )
    found = unused_time(subscription, ends_at, policy, book=known.prices)
    notes = plan_notes(found, choice)
    return CancellationPreview(
        subscription=subscription,
        when=CancelWhen.NOW,
        ends_at=ends_at,
        since=None,
        unused_time=choice,
        draft=after_notes(draft, notes, subscription, extras) if lines else None,
        unused=tuple(found),
        notes=tuple(notes),
        token=change_token(subscription),
    )


def _later(
    subscription: Subscription, when: CancelWhen, ends_at: datetime, choice: UnusedTime
) -> CancellationPreview:
    return CancellationPreview(
        subscription=subscription,
        when=when,
        ends_at=ends_at,
        since=None,
        unused_time=choice,
        draft=None,
        unused=(),
        notes=(),
        token=change_token(subscription),
    )


def _is_billed(subscription: Subscription) -> bool:
    """Whether it is being billed: not in a free trial, not paused, not begun."""
    is_free = subscription.is_trialing and not subscription.bills_trial_usage
    return subscription.state in BILLED_STATES and not is_free


def end_of_service(subscription: Subscription, policy: ProrationPolicy, at: datetime) -> datetime:
    """Until when is billed what ends, or is paused, at an instant.

    Whoever stops on the day on which the trial ended has used nothing, under every policy.
    """
    zone = subscription.time_zone
    boundary = cancel_boundary(at=at, time_zone=zone, policy=policy)
    trial_end = subscription.trial_ends_at
    is_trial_day = trial_end is not None and local_date(trial_end, zone) == local_date(at, zone)
    if trial_end is not None and is_trial_day:
        return min(boundary, trial_end)
    return boundary


def _later_end(
    subscription: Subscription,
    when: CancelWhen,
    on: date | None,
    policy: ProrationPolicy,
    at: datetime,
) -> datetime:
    if subscription.cancel_at is not None:
        day = local_date(subscription.cancel_at, subscription.time_zone)
        raise TransitionNotAllowed(f"its end is scheduled already for {day}")
    if not _is_billed(subscription) and subscription.state != Subscription.State.TRIALING:
        raise TransitionNotAllowed(f"{subscription} is {subscription.state}; end it now instead")
    if when == CancelWhen.PERIOD_END:
        return subscription.current_period_end
    if on is None:
        raise SubscriptionInvalid("say on which day", field="on")
    day = local_midnight(on, subscription.time_zone)
    is_billed_day = policy.cancel_day == DayGoesTo.EARLIER
    ends_at = cancel_boundary(at=day, time_zone=subscription.time_zone, policy=policy)
    if day <= at and not (is_billed_day and ends_at > at):
        raise SubscriptionInvalid(f"{on} is not to come", field="on", remedy="cancel it now")
    return ends_at


def cancel_subscription(
    *,
    subscription: Subscription,
    actor: Actor,
    at: datetime,
    when: CancelWhen = CancelWhen.NOW,
    on: date | None = None,
    unused: UnusedTime | None = None,
    reason: str = "",
    expected: str | None = None,
) -> Cancellation:
    """End a subscription now, or as of a day that is over, or schedule its end.

    Raises what `preview_cancellation` does, and:
        SubscriptionChanged: If it is not as `expected`, the token of a preview, says.
        PaymentInFlight: If an invoice that is to be credited may be being paid right now.
    """
    seen = preview_cancellation(subscription=subscription, at=at, when=when, on=on, unused=unused)
    if seen.when != CancelWhen.NOW:
        return _schedule(seen, unused, actor=actor, reason=reason, expected=expected, at=at)
    if _is_billed(seen.subscription):
        close_usage_until(seen.subscription, seen.ends_at)
    with transaction.atomic():
        locked = lock_subscription(subscription)
        ensure_unchanged(locked, expected)
        preview = preview_cancellation(subscription=locked, at=at, when=when, on=on, unused=unused)
        done = _end(preview, actor=actor, reason=reason, at=at)
    refund_notes(done.notes, actor=actor, at=at)
    logger.info("subscription canceled", extra={"subscription": locked.reference})
    return done


@transaction.atomic
def _schedule(
    preview: CancellationPreview,
    unused: UnusedTime | None,
    *,
    actor: Actor,
    reason: str,
    expected: str | None,
    at: datetime,
) -> Cancellation:
    locked = lock_subscription(preview.subscription)
    ensure_unchanged(locked, expected)
    ensure_unchanged(locked, preview.token)
    is_period_end = preview.when == CancelWhen.PERIOD_END
    scheduled = schedule_cancellation(
        subscription=locked,
        cancel_at=None if is_period_end else preview.ends_at,
        unused_time=unused,
        actor=actor,
        reason=reason,
        at=at,
    )
    return Cancellation(subscription=scheduled, invoice=None, notes=())


def _end(preview: CancellationPreview, *, actor: Actor, reason: str, at: datetime) -> Cancellation:
    subscription = preview.subscription
    notes = give_back(
        preview.unused,
        preview.unused_time,
        reason=f"Unused time from {local_date(preview.ends_at, subscription.time_zone)}",
        idempotency_key=f"final:{subscription.pk}",
        at=at,
    )
    invoice = issue(preview.draft, at=at) if preview.draft else None
    ended = end_subscription(
        subscription=subscription,
        effective_at=at if preview.since is None else preview.ends_at,
        served_until=preview.ends_at,
        actor=actor,
        reason=reason,
        at=at,
    )
    Subscription.objects.filter(pk=ended.pk).update(
        next_billing_at=None, pause_at=None, resume_at=None
    )
    PlanChange.objects.filter(subscription=ended, state="scheduled").update(state="withdrawn")
    ended.refresh_from_db()
    return Cancellation(subscription=ended, invoice=invoice, notes=tuple(notes))

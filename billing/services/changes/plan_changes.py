"""A subscription goes to another plan or quantity, by the code that has shown it.

What it does is worked out by `plan_change_previews`.
"""

import logging
from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction

from billing.models import CreditNote, Invoice, PlanChange, UnusedCredit
from billing.services.changes.plan_change_previews import PlanChangePreview, preview_plan_change
from billing.services.credit.giving_back import close_drafts, issue_notes, keep_unused, refund_notes
from billing.services.invoices.closing import close_usage_until
from billing.services.invoices.invoicing import issue
from subscriptions.domain.proration_policy import UnusedTime
from subscriptions.models import PlanVersion, Subscription
from subscriptions.services.changes import switch_plan
from subscriptions.services.lifecycle import ensure_unchanged, lock_subscription
from subscriptions.services.meters import hold_meters
from subscriptions.services.policies import NO_OVERRIDE, ChangeOverride
from subscriptions.services.transitions import SCHEDULE, Actor, record_transition
from tiktoktoe.kernel.periods import local_date
from tiktoktoe.kernel.rehearsal import is_rehearsal

logger = logging.getLogger(__name__)


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
    since: date | None = None,
) -> PlanChange:
    """Change plan or quantity: at once with an invoice, or with the next period.

    With `since`, a day that is over, it counts from that day, billed today.

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
            since=since,
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
            since=since,
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
        reason="Unused time after a change on "
        f"{local_date(preview.effective_at, subscription.time_zone)}",
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

"""What becomes of a discarded draft's period: it is billed again, or not charged.

Whoever discards a draft says which, and can go back on it later: what is not charged can be
billed after all, and a new draft can be discarded like any other. Each boundary is billed again
at most once (PostgreSQL refuses a second time), from usage, prices, coupons, tax and the
customer's details as they are then; the fees of the coming period only as far as the
subscription stayed on its plan.
"""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction

from billing.errors import PeriodNotBilledAgain
from billing.models import DraftBoundary, Invoice, InvoiceEvent, InvoicePart, UnusedCredit
from billing.services.credit.coupons import return_coupons
from billing.services.invoices.draft_edits import ensure_reason, locked_draft, record
from billing.services.invoices.draft_parts import Boundary
from billing.services.invoices.draft_review import ReviewDays
from billing.services.invoices.drafting import draft_invoices
from billing.services.invoices.refreshing import close_usage_of, keep_boundaries
from billing.services.invoices.writing import write_drafts
from subscriptions.models import SubscriptionPhase
from subscriptions.services.transitions import Actor

logger = logging.getLogger(__name__)


def discard_draft(
    *, invoice: Invoice, reason: str, actor: Actor, at: datetime, bills_again: bool = False
) -> Invoice:
    """Decide that a draft is never issued; what it took of coupons goes back.

    Its period is billed again by a new draft, or not charged; then its usage is closed, and
    what comes later counts in the next period.

    Raises:
        InvoiceNotDraft: If it is final already, or discarded.
        ChargeInvalid: If no reason is given.
        PeriodNotBilledAgain: If it was drafted for no period.
    """
    if not bills_again:
        close_usage_of([invoice.pk])
    with transaction.atomic():
        discarded = _discard(invoice, reason, actor, at)
        if bills_again:
            bill_again(invoice=discarded, reason=reason, actor=actor, at=at)
    return discarded


def _discard(invoice: Invoice, reason: str, actor: Actor, at: datetime) -> Invoice:
    draft = locked_draft(invoice)
    ensure_reason(reason)
    return_coupons(invoice=draft)
    UnusedCredit.objects.filter(invoice=draft).update(counts=False)
    InvoicePart.objects.filter(invoice=draft).update(counts=False)
    draft.state = Invoice.State.DISCARDED
    draft.awaits_tax = False
    draft.save(update_fields=["state", "awaits_tax"])
    record(draft, InvoiceEvent.Kind.DISCARDED, reason, actor=actor, at=at)
    logger.info("draft discarded", extra={"invoice": str(draft.pk)})
    return draft


@transaction.atomic
def bill_again(*, invoice: Invoice, reason: str, actor: Actor, at: datetime) -> list[Invoice]:
    """Draft the period of a discarded draft anew; doing it again gives the drafts that are there.

    Held for people as long as a run's drafts are; without such days until somebody issues it.

    Raises:
        PeriodNotBilledAgain: If it is not discarded, or was drafted for no period.
        ChargeInvalid: If no reason is given.
    """
    discarded = Invoice.objects.select_for_update(of=("self",)).get(pk=invoice.pk)
    known = list(Invoice.objects.filter(boundaries__again_of__invoice=discarded).distinct())
    if known:
        return known
    ensure_reason(reason)
    rows = DraftBoundary.objects.filter(invoice=discarded).order_by("pk")
    kept = list(rows.select_related("subscription__customer", "plan_version__plan"))
    if discarded.state != Invoice.State.DISCARDED or not kept:
        raise PeriodNotBilledAgain(
            f"{discarded} is {discarded.state}; only a discarded draft's period can be"
        )
    boundaries = _as_they_were(kept)
    drafts = [
        replace(draft, idempotency_key=f"again:{discarded.pk}:{place}")
        for place, draft in enumerate(draft_invoices(boundaries), start=1)
    ]
    written = list(zip(write_drafts(drafts, at=at), drafts, strict=True))
    keep_boundaries(written, boundaries, again={row.subscription_id: row for row in kept})
    ids = [pk for pk, _ in written]
    days = ReviewDays([discarded.customer_id]).of(discarded.customer_id, discarded.currency)
    if days:
        until = at + timedelta(days=days)
        Invoice.objects.filter(pk__in=ids).update(review_until=until)
    made = list(Invoice.objects.filter(pk__in=ids).order_by("pk"))
    for draft in made:
        record(draft, InvoiceEvent.Kind.AGAIN, reason, actor=actor, at=at)
    record(discarded, InvoiceEvent.Kind.BILLED_AGAIN, reason, actor=actor, at=at)
    logger.info("period billed again", extra={"invoice": str(discarded.pk), "drafts": len(made)})
    return made


def _as_they_were(rows: Sequence[DraftBoundary]) -> list[Boundary]:
    """The boundaries with their subscriptions on the plan and quantity that they had there."""
    phases = SubscriptionPhase.objects.filter(subscription__in=[r.subscription_id for r in rows])
    by_subscription: dict[int, list[SubscriptionPhase]] = defaultdict(list)
    for phase in phases.order_by("starts_at"):
        by_subscription[phase.subscription_id].append(phase)
    return [_as_it_was(row, by_subscription[row.subscription_id]) for row in rows]


def _as_it_was(row: DraftBoundary, phases: Sequence[SubscriptionPhase]) -> Boundary:
    subscription = row.subscription
    subscription.plan_version, subscription.quantity = row.plan_version, row.quantity
    subscription.anchor_on = row.anchor_on
    terms = (row.plan_version_id, row.quantity)
    stayed = [p for p in phases if (p.plan_version_id, p.quantity) == terms]
    phase = next((p for p in reversed(stayed) if p.starts_at <= row.at), None)
    has_left = phase is None or (phase.ends_at is not None and phase.ends_at <= row.at)
    coming = None if has_left or phase is None else row.coming_to(phase.ends_at)
    return Boundary(subscription, row.at, row.closed, coming, row.closed_row, row.is_last)

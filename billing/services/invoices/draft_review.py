"""Drafts that people look at before they are issued: held, changed by hand, issued, discarded.

Whoever wants to look has some days; then the scheduler issues what nobody has discarded.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from billing.errors import ChargeInvalid, InvoiceNotDraft
from billing.gateways.tax_service import tax_engine
from billing.models import Invoice, InvoiceEvent, InvoiceLine, InvoicePart, InvoicingTerms
from billing.models.invoices import InvoiceQuerySet
from billing.queries.tax_table import TaxTable
from billing.services.credit.coupons import return_coupons
from billing.services.invoices.one_off import ChargeLine, charged_line
from billing.services.invoices.taxing import give_tax, sale_of
from billing.services.invoices.writing import finalize_drafts
from billing.services.payments.payment_events import actor_name
from subscriptions.models import CustomerClock
from subscriptions.services.transitions import SCHEDULE, Actor
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.periods import Period, local_date, local_midnight

logger = logging.getLogger(__name__)
BATCH = 500


def hold_for_review(ids: Sequence[UUID], *, at: datetime) -> list[UUID]:
    """Leave drafts for people to look at where that is wanted; gives those to issue at once.

    In the caller's transaction; one query where nobody wants it.
    """
    said = InvoicingTerms.objects.filter(
        customer__invoices__in=ids, review_days__isnull=False
    ).values_list("customer_id", "currency", "review_days")
    days_of: Mapping[tuple[int, str], int] = {
        (customer, currency): days for customer, currency, days in said if days is not None
    }
    usual = settings.INVOICE_REVIEW_DAYS
    if not usual and not any(days_of.values()):
        return list(ids)
    held, kept = [], []
    for invoice in Invoice.objects.filter(pk__in=ids).only("pk", "customer_id", "currency"):
        days = days_of.get((invoice.customer_id, invoice.currency), usual)
        if days:
            invoice.review_until = at + timedelta(days=days)
            held.append(invoice)
        else:
            kept.append(invoice.pk)
    Invoice.objects.bulk_update(held, ["review_until"])
    InvoiceEvent.objects.bulk_create(
        InvoiceEvent(
            invoice=invoice, kind=InvoiceEvent.Kind.HELD, actor=SCHEDULE.source, at=at,
            details={"until": str(invoice.review_until)},
        )
        for invoice in held
    )  # fmt: skip
    return sorted(kept)


def issue_reviewed(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """Issue the drafts whose days of review are over; gives how many."""
    issued = 0
    while done := _issue_batch(at, clock):
        issued += done
    return issued


@transaction.atomic
def _issue_batch(at: datetime, clock: CustomerClock | None) -> int:
    over = in_review().filter(review_until__lte=at, customer__clock=clock)
    locked = (
        over.filter(awaits_tax=False)
        .order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)
    )
    return finalize_drafts([invoice.pk for invoice in locked[:BATCH]], at=at)


def in_review() -> InvoiceQuerySet:
    """Drafts that wait for people."""
    return Invoice.objects.filter(state=Invoice.State.DRAFT, review_until__isnull=False)


@transaction.atomic
def issue_all(*, ids: Sequence[UUID], at: datetime) -> int:
    """Issue drafts that were looked at; what is final or gone by now is left. Gives how many."""
    drafts = Invoice.objects.filter(pk__in=ids, state=Invoice.State.DRAFT, awaits_tax=False)
    locked = drafts.order_by("pk").select_for_update(of=("self",))
    return finalize_drafts([invoice.pk for invoice in locked], at=at)


@transaction.atomic
def add_draft_line(
    *, invoice: Invoice, line: ChargeLine, reason: str, actor: Actor, at: datetime
) -> InvoiceLine:
    """Charge something more on a draft, and say why; its tax is worked out anew.

    Raises:
        InvoiceNotDraft: If it is final already, or discarded.
        ChargeInvalid: If the line makes no sense, or no reason is given.
    """
    draft = _locked_draft(invoice)
    _ensure_reason(reason)
    zone = draft.customer.time_zone
    day = local_date(at, zone)
    period = Period(local_midnight(day, zone), local_midnight(day + timedelta(days=1), zone))
    made = charged_line(line, draft.currency, period)
    last = draft.lines.aggregate(last=Max("position"))["last"] or 0
    row = InvoiceLine.objects.create(
        id=uuid7(),
        invoice=draft,
        position=last + 1,
        kind=made.kind,
        description=made.description,
        period_start=period.start,
        period_end=period.end,
        quantity=made.quantity,
        unit_amount=made.unit_amount,
        currency=draft.currency,
        amount=made.amount.amount,
        tax_category=made.tax_category,
        derivation=made.derivation.to_json(),
    )
    tax_anew(draft, at)
    facts = {"line": made.description, "amount": str(made.amount.amount)}
    record(draft, InvoiceEvent.Kind.LINE_ADDED, reason, actor=actor, at=at, details=facts)
    return row


@transaction.atomic
def remove_draft_line(
    *, invoice: Invoice, line_id: UUID, reason: str, actor: Actor, at: datetime
) -> None:
    """Take a line that somebody wrote off a draft again, and say why.

    Raises:
        InvoiceNotDraft: If it is final already, or discarded.
        ChargeInvalid: If the line is none that somebody wrote, or the last one.
    """
    draft = _locked_draft(invoice)
    _ensure_reason(reason)
    line = draft.lines.filter(pk=line_id).first()
    if line is None or line.kind != InvoiceLine.Kind.ONE_OFF:
        raise ChargeInvalid("only what somebody wrote can be removed", field="line")
    if draft.lines.count() == 1:
        raise ChargeInvalid("it would be empty", field="line", remedy="discard the draft")
    facts = {"line": line.description, "amount": str(line.amount.amount)}
    line.delete()
    tax_anew(draft, at)
    record(draft, InvoiceEvent.Kind.LINE_REMOVED, reason, actor=actor, at=at, details=facts)


@transaction.atomic
def discard_draft(*, invoice: Invoice, reason: str, actor: Actor, at: datetime) -> Invoice:
    """Decide that a draft is never issued; what it took of coupons goes back.

    The subscription's period is not billed again by itself: charge once what is owed.

    Raises:
        InvoiceNotDraft: If it is final already, or discarded.
        ChargeInvalid: If no reason is given.
    """
    draft = _locked_draft(invoice)
    _ensure_reason(reason)
    return_coupons(invoice=draft)
    InvoicePart.objects.filter(invoice=draft).update(counts=False)
    draft.state = Invoice.State.DISCARDED
    draft.awaits_tax = False
    draft.save(update_fields=["state", "awaits_tax"])
    record(draft, InvoiceEvent.Kind.DISCARDED, reason, actor=actor, at=at)
    logger.info("draft discarded", extra={"invoice": str(draft.pk)})
    return draft


def record(
    invoice: Invoice,
    kind: InvoiceEvent.Kind,
    reason: str,
    *,
    actor: Actor,
    at: datetime,
    details: Mapping[str, object] | None = None,
) -> None:
    """Write down what was done to an invoice, in the caller's transaction."""
    InvoiceEvent.objects.create(
        invoice=invoice,
        kind=kind,
        actor=actor_name(actor)[:64],
        reason=reason.strip()[:200],
        details=dict(details or {}),
        at=at,
    )


def _locked_draft(invoice: Invoice) -> Invoice:
    rows = Invoice.objects.select_for_update(of=("self",)).select_related("customer")
    locked = rows.get(pk=invoice.pk)
    if locked.state != Invoice.State.DRAFT:
        raise InvoiceNotDraft(f"{locked} is {locked.state}; only a draft can be changed")
    return locked


def _ensure_reason(reason: str) -> None:
    if not reason.strip():
        raise ChargeInvalid("say why", field="reason")


def tax_anew(draft: Invoice, at: datetime) -> None:
    """Work its tax out again; where a tax engine says it, it is asked again."""
    lines = list(draft.lines.select_related("price").order_by("position"))
    if tax_engine() is not None:
        draft.awaits_tax, draft.tax_next_at = True, at
        draft.save(update_fields=["awaits_tax", "tax_next_at"])
        return
    taxed = TaxTable([draft.customer.country]).tax(sale_of(draft, lines))
    give_tax(draft, lines, taxed)

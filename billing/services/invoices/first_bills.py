"""First bills of a customer who wants one invoice: those of one day come on one.

The first one of a day is held as a draft until that day is over where the customer is; what
begins on the same day is put on it, and on a draft of a billing run that still waits for people.
Where the first payment is waited for, nothing is joined.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import QuerySet

from billing.models import Invoice, InvoiceEvent, InvoicePart, InvoicingTerms
from billing.services.invoices.draft_edits import record
from billing.services.invoices.draft_parts import Boundary, DraftInvoice
from billing.services.invoices.draft_review import ReviewDays
from billing.services.invoices.draft_rewriting import rewrite
from billing.services.invoices.drafting import draft_invoices
from billing.services.invoices.period_lines import draft_lines
from billing.services.invoices.refreshing import keep_boundaries
from billing.services.invoices.writing import write_drafts
from subscriptions.models import Subscription
from subscriptions.services.transitions import SCHEDULE
from tiktoktoe.kernel.periods import local_date, local_midnight
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)


def join_first_bill(boundary: Boundary, *, at: datetime) -> Invoice | None:
    """Put a first bill on the customer's draft of that day, in the caller's transaction.

    None where it is an invoice of its own, or nothing is due. Doing it again gives the same.
    """
    subscription = boundary.subscription
    if subscription.state == Subscription.State.INCOMPLETE:
        return None
    # Locked, one after the other: a day has one draft.
    terms = _wants_one.first(customer=subscription.customer_id, currency=subscription.currency)
    if terms is None:
        return None
    known = InvoicePart.objects.filter(
        subscription=subscription, period_start=boundary.at, counts=True
    ).first()
    if known is not None:
        return known.invoice
    made = draft_invoices([boundary])
    if not made:
        return None
    draft = _as_part(made[0], terms, boundary)
    waiting = _waiting(draft)
    if waiting is None:
        return _hold(draft, boundary, at)
    _put_on(waiting, draft, boundary, at)
    return waiting


@standing
def _wants_one(customer: int, currency: str) -> QuerySet[InvoicingTerms]:
    wanted = InvoicingTerms.objects.filter(
        customer=customer, currency=currency, is_consolidated=True
    )
    return wanted.select_for_update().order_by()


def _as_part(draft: DraftInvoice, terms: InvoicingTerms, boundary: Boundary) -> DraftInvoice:
    """An invoice for one subscription as one for several, of which there is one so far."""
    subscription = boundary.subscription
    prefix = f"first:{terms.pk}:{boundary.at.isoformat()}:"
    earlier = Invoice.objects.filter(idempotency_key__startswith=prefix).count()
    return replace(
        draft,
        subscription=None,
        parts=(subscription,),
        lines=tuple(replace(line, subscription_id=subscription.pk) for line in draft.lines),
        idempotency_key=f"{prefix}{earlier + 1}",
    )


def _waiting(draft: DraftInvoice) -> Invoice | None:
    """The customer's draft for several subscriptions from the same instant on, if one waits."""
    waiting = Invoice.objects.filter(
        customer=draft.customer,
        currency=draft.currency,
        subscription=None,
        kind=Invoice.Kind.PERIOD,
        state=Invoice.State.DRAFT,
        period_start=draft.boundary,
        issuer=draft.issuer_id,
        parts__counts=True,
    ).values("pk")
    rows = Invoice.objects.filter(pk__in=waiting, state=Invoice.State.DRAFT)
    return rows.select_for_update(of=("self",)).select_related("customer").order_by("pk").first()


def _hold(draft: DraftInvoice, boundary: Boundary, at: datetime) -> Invoice:
    """Write the draft of a day, to be issued when that is over, or when people have looked."""
    zone = draft.customer.time_zone
    tomorrow = local_midnight(local_date(at, zone) + timedelta(days=1), zone)
    days = ReviewDays([draft.customer.pk]).of(draft.customer.pk, draft.currency)
    (pk,) = write_drafts([draft], at=at)
    keep_boundaries([(pk, draft)], [boundary])
    invoice = Invoice.objects.get(pk=pk)
    invoice.review_until = max(tomorrow, at + timedelta(days=days))
    invoice.save(update_fields=["review_until"])
    facts = {"until": str(invoice.review_until)}
    record(invoice, InvoiceEvent.Kind.HELD, "", actor=SCHEDULE, at=at, details=facts)
    return invoice


def _put_on(waiting: Invoice, draft: DraftInvoice, boundary: Boundary, at: datetime) -> None:
    """Put the lines of one more subscription on a locked draft; coupons and tax are for all."""
    (lines,) = draft_lines([boundary])
    parts = waiting.parts.order_by("pk").values_list("subscription", flat=True)
    fresh = {**{key: [] for key in parts}, boundary.subscription.pk: lines}
    rows = list(waiting.lines.order_by("position"))
    rewrite(waiting, rows, fresh, worked_out=frozenset(), at=at, coupons_by=at)
    InvoicePart.objects.create(
        invoice=waiting, subscription=boundary.subscription, period_start=boundary.at
    )
    keep_boundaries([(waiting.pk, draft)], [boundary])
    if draft.period_end > waiting.period_end:
        waiting.period_end = draft.period_end
        waiting.save(update_fields=["period_end"])
    facts = {"line": str(boundary.subscription)}
    record(waiting, InvoiceEvent.Kind.JOINED, "", actor=SCHEDULE, at=at, details=facts)
    logger.info("first bill joined", extra={"invoice": str(waiting.pk)})

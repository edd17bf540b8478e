"""Drafts that people look at before they are issued: held, and issued.

Whoever wants to look has some days; then the scheduler issues what nobody has discarded.
Until then usage of the period still comes on its draft (billing.services.invoices.refreshing).
"""

import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from billing.errors import TaxAwaited
from billing.models import Invoice, InvoiceEvent, InvoicingTerms
from billing.models.invoices import InvoiceQuerySet
from billing.services.invoices.draft_edits import locked_draft
from billing.services.invoices.draft_parts import Boundary, DraftInvoice
from billing.services.invoices.refreshing import close_usage_of, keep_boundaries, refresh_drafts
from billing.services.invoices.writing import finalize_drafts
from subscriptions.models import CustomerClock
from subscriptions.services.transitions import SCHEDULE
from tiktoktoe.kernel.errors import TikTokToeError
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)
BATCH = 500
NAMED_MAX = 1000
Written = Sequence[tuple[UUID, DraftInvoice]]


@standing
def _said() -> QuerySet[InvoicingTerms, tuple[int, str, int | None]]:
    said = InvoicingTerms.objects.filter(review_days__isnull=False).order_by()
    return said.values_list("customer_id", "currency", "review_days")


@standing
def _said_by(customers: list[int]) -> QuerySet[InvoicingTerms, tuple[int, str, int | None]]:
    return _said.build().filter(customer__any_of=customers)


class ReviewDays:
    """For how many days the drafts of some customers are held, by currency; one query."""

    def __init__(self, customer_ids: Iterable[int]) -> None:
        wanted = set(customer_ids)
        # Of more than these, all terms are fewer than the names.
        is_named = len(wanted) <= NAMED_MAX
        rows = _said_by.rows(customers=list(wanted)) if is_named else _said.rows()
        self._said = {(customer, currency): days for customer, currency, days in rows}

    def of(self, customer_id: int, currency: str) -> int:
        """How many days; 0: they are issued at once."""
        days = self._said.get((customer_id, currency))
        return int(settings.INVOICE_REVIEW_DAYS) if days is None else days


def hold_for_review(
    written: Written, boundaries: Sequence[Boundary], *, review: ReviewDays, at: datetime
) -> list[UUID]:
    """Leave drafts for people to look at where that is wanted; gives those to issue at once.

    In the caller's transaction; nothing is asked where nobody wants it.
    """
    held = {pk: days for pk, d in written if (days := review.of(d.customer.pk, d.currency))}
    if not held:
        return [pk for pk, _ in written]
    until = {pk: at + timedelta(days=days) for pk, days in held.items()}
    for instant in set(until.values()):
        same = [pk for pk in held if until[pk] == instant]
        Invoice.objects.filter(pk__in=same).update(review_until=instant)
    InvoiceEvent.objects.bulk_create(
        InvoiceEvent(
            invoice_id=pk, kind=InvoiceEvent.Kind.HELD, actor=SCHEDULE.source, at=at,
            details={"until": str(instant)},
        )
        for pk, instant in until.items()
    )  # fmt: skip
    keep_boundaries((pair for pair in written if pair[0] in held), boundaries)
    return [pk for pk, _ in written if pk not in held]


def issue_reviewed(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """Issue the drafts whose days of review are over; gives how many."""
    issued = 0
    over = in_review().filter(review_until__lte=at, customer__clock=clock, awaits_tax=False)
    seen = set[UUID]()
    while ids := list(
        over.exclude(pk__in=seen).order_by("pk").values_list("pk", flat=True)[:BATCH]
    ):
        seen |= set(ids)
        close_usage_of(ids)
        issued += _issue_or_halve(ids, at)
    return issued


def _issue_or_halve(ids: Sequence[UUID], at: datetime) -> int:
    """One draft that cannot be worked out for the last time holds no other one up."""
    try:
        return issue_closed(ids, at=at, skips_locked=True)
    except (TikTokToeError, ArithmeticError):
        if len(ids) == 1:
            logger.exception("draft cannot be issued", extra={"invoice": str(ids[0])})
            return 0
        middle = len(ids) // 2
        return _issue_or_halve(ids[:middle], at) + _issue_or_halve(ids[middle:], at)


def in_review() -> InvoiceQuerySet:
    """Drafts that wait for people."""
    return Invoice.objects.filter(state=Invoice.State.DRAFT, review_until__isnull=False)


def issue_all(*, ids: Sequence[UUID], at: datetime) -> int:
    """Issue drafts that were looked at; what is final or gone by now is left. Gives how many."""
    close_usage_of(ids)
    return issue_closed(ids, at=at)


@transaction.atomic
def issue_closed(ids: Collection[UUID], *, at: datetime, skips_locked: bool = False) -> int:
    """Work drafts out for the last time and issue them: nothing can come in between.

    Their usage is closed already (`close_usage_of`).
    """
    drafts = Invoice.objects.filter(pk__in=ids, state=Invoice.State.DRAFT, awaits_tax=False)
    locked = drafts.order_by("pk").select_for_update(of=("self",), skip_locked=skips_locked)
    held = [invoice.pk for invoice in locked]
    refresh_drafts(held, at=at)
    return finalize_drafts(held, at=at)


def finalize_invoice(*, invoice: Invoice, at: datetime) -> Invoice:
    """Make a draft final.

    Raises:
        InvoiceNotDraft: If it is final already.
        TaxAwaited: If its tax is still to come.
    """
    close_usage_of([invoice.pk])
    return _finalize(invoice, at)


@transaction.atomic
def _finalize(invoice: Invoice, at: datetime) -> Invoice:
    locked = locked_draft(invoice)
    if locked.awaits_tax:
        raise TaxAwaited("the tax engine has not answered yet; it cannot be issued without its tax")
    refresh_drafts([locked.pk], at=at)
    finalize_drafts([locked.pk], at=at)
    locked.refresh_from_db()
    return locked

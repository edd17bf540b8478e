"""Drafts that wait for people: what they add up to, and what changed since the invoice before."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from billing.models import DraftBoundary, Invoice, InvoiceEvent, InvoiceLine
from billing.queries.line_changes import LineChange, LineKey, changes_between
from tiktoktoe.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftSeen:
    """A draft, its subscription's invoice before it, and what changed, before tax."""

    draft: Invoice
    before: Invoice | None
    changes: tuple[LineChange, ...]
    late: tuple[InvoiceEvent, ...] = ()  # how usage that came late changed it, the latest first

    @property
    def difference(self) -> Money | None:
        """What the subtotals differ by; None where there is none before it."""
        if self.before is None:
            return None
        change: Money = self.draft.subtotal - self.before.subtotal
        return change


def drafts_seen(drafts: Sequence[Invoice]) -> list[DraftSeen]:
    """Each draft beside the invoice of the period before; four queries for all."""
    earlier = (
        Invoice.objects.final()
        .filter(
            customer=OuterRef("customer"),
            currency=OuterRef("currency"),
            kind=Invoice.Kind.PERIOD,
            period_start__lt=OuterRef("period_start"),
        )
        .exclude(state=Invoice.State.VOID)
        .filter(lines__subscription=OuterRef("lines__subscription"))
        .order_by("-period_start")
    )
    periods = Invoice.objects.filter(
        pk__in=[draft.pk for draft in drafts], kind=Invoice.Kind.PERIOD
    )
    found = periods.annotate(earlier=Subquery(earlier.values("pk")[:1]))
    pairs = {pk: past for pk, past in found.values_list("pk", "earlier") if past is not None}
    before = Invoice.objects.in_bulk(list(pairs.values()))
    lines = lines_of([*(draft.pk for draft in drafts), *before])
    late = _late_of(drafts)
    seen = []
    for draft in drafts:
        past = before.get(pairs[draft.pk]) if draft.pk in pairs else None
        changes = changes_between(lines[past.pk], lines[draft.pk], draft.currency) if past else ()
        came_late = tuple(late[draft.pk])
        seen.append(DraftSeen(draft=draft, before=past, changes=tuple(changes), late=came_late))
    return seen


def not_charged() -> QuerySet[Invoice]:
    """Discarded drafts whose period is not billed, the latest first."""
    left = DraftBoundary.objects.filter(invoice=OuterRef("pk"), again=None)
    discarded = Invoice.objects.filter(Exists(left), state=Invoice.State.DISCARDED)
    return discarded.select_related("customer").order_by("-created_at", "-pk")


def _late_of(drafts: Sequence[Invoice]) -> dict[UUID, list[InvoiceEvent]]:
    """How usage that came late has changed drafts, the latest first."""
    found: dict[UUID, list[InvoiceEvent]] = defaultdict(list)
    rows = InvoiceEvent.objects.filter(invoice__in=drafts, kind=InvoiceEvent.Kind.REFRESHED)
    for event in rows.order_by("-pk"):
        found[event.invoice_id].append(event)
    return found


def lines_of(ids: Iterable[UUID]) -> dict[UUID, dict[LineKey, list[InvoiceLine]]]:
    """The lines of invoices by what they are for: subscription, kind and price."""
    found: dict[UUID, dict[LineKey, list[InvoiceLine]]] = defaultdict(lambda: defaultdict(list))
    rows = InvoiceLine.objects.filter(invoice__in=list(ids)).select_related("price")
    for line in rows.order_by("invoice", "position"):
        code = line.price.code if line.price else line.description
        found[line.invoice_id][line.subscription_id, line.kind, code].append(line)
    return found

"""Drafts that wait for people: what they add up to, and what changed since the invoice before."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from billing.models import DraftBoundary, Invoice, InvoiceEvent, InvoiceLine
from tiktoktoe.kernel.money import Money, zero


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChange:
    """What a line came to before and comes to now, and why it differs."""

    description: str
    before: Money
    after: Money
    why: str

    @property
    def difference(self) -> Money:
        """By how much."""
        change: Money = self.after - self.before
        return change


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


_Key = tuple[int | None, str, str]


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
    lines = _lines_of([*(draft.pk for draft in drafts), *before])
    late = _late_of(drafts)
    seen = []
    for draft in drafts:
        past = before.get(pairs[draft.pk]) if draft.pk in pairs else None
        changes = _changes(lines[past.pk], lines[draft.pk], draft.currency) if past else ()
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


def _lines_of(ids: Iterable[UUID]) -> dict[UUID, dict[_Key, list[InvoiceLine]]]:
    """The lines of invoices by what they are for: subscription, kind and price."""
    found: dict[UUID, dict[_Key, list[InvoiceLine]]] = defaultdict(lambda: defaultdict(list))
    rows = InvoiceLine.objects.filter(invoice__in=list(ids)).select_related("price")
    for line in rows.order_by("invoice", "position"):
        code = line.price.code if line.price else line.description
        found[line.invoice_id][line.subscription_id, line.kind, code].append(line)
    return found


def _changes(
    before: Mapping[_Key, list[InvoiceLine]],
    after: Mapping[_Key, list[InvoiceLine]],
    currency: str,
) -> list[LineChange]:
    changes = []
    for key in dict.fromkeys([*after, *before]):
        was, now_is = before.get(key, []), after.get(key, [])
        amounts = [sum((x.amount for x in rows), zero(currency)) for rows in (was, now_is)]
        if amounts[0] == amounts[1] and bool(was) == bool(now_is):
            continue
        changes.append(
            LineChange(
                description=(now_is or was)[0].description,
                before=amounts[0],
                after=amounts[1],
                why=_why(was, now_is),
            )
        )
    return sorted(changes, key=lambda change: -abs(change.difference.amount))


def _why(before: Sequence[InvoiceLine], after: Sequence[InvoiceLine]) -> str:
    """In words, the first of what makes an amount another one."""
    if not before:
        return "new"
    if not after:
        return "not any more"
    quantities = [sum((x.quantity for x in rows), Decimal(0)) for rows in (before, after)]
    reasons = []
    if quantities[0] != quantities[1]:
        reasons.append(f"quantity {quantities[0].normalize():f} → {quantities[1].normalize():f}")
    prices = [{x.price_id for x in rows} for rows in (before, after)]
    if prices[0] != prices[1]:
        reasons.append("other prices")
    discounts = [sum((x.discount.amount for x in rows), Decimal(0)) for rows in (before, after)]
    if discounts[0] != discounts[1]:
        reasons.append("other coupons")
    if len(before) != len(after) or not reasons:
        reasons.append("another part of the period")
    return ", ".join(reasons)

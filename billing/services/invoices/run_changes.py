"""Invoices that a run would make beside those of the period before: what changed, and why."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from billing.models import Invoice
from billing.queries.drafts import lines_of
from billing.queries.line_changes import LineChange, LineKey, SeenLine, changes_between
from billing.services.invoices.draft_parts import DraftInvoice
from tiktoktoe.kernel.money import Money, total, zero

LinesBefore = Mapping[LineKey, Sequence[SeenLine]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """An invoice to be, what its subscriptions' last period came to, and what changed.

    Before tax; `before` is None where nothing was billed for them yet.
    """

    draft: DraftInvoice
    before: Money | None
    changes: tuple[LineChange, ...]

    @property
    def difference(self) -> Money | None:
        """By how much it differs."""
        if self.before is None:
            return None
        change: Money = self.draft.totals.subtotal - self.before
        return change


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A line to be, before tax."""

    description: str
    amount: Money
    discount: Money
    quantity: Decimal
    price_id: int | None


def beside_last_period(
    drafts: Sequence[DraftInvoice], rehearsed: dict[int, LinesBefore]
) -> list[Rehearsed]:
    """Each invoice to be beside the last of its subscriptions' periods; two queries for all.

    Args:
        drafts: Of one boundary of each subscription.
        rehearsed: By subscription, the lines of what the same dry run has billed of it before,
            which goes before anything issued; the drafts' own are put there.
    """
    ids = {one.pk for draft in drafts for one in draft.subscriptions}
    last = _last_invoices(ids - rehearsed.keys())
    lines = lines_of(set(last.values()))
    before = {pk: _of(pk, lines[invoice]) for pk, invoice in last.items()} | rehearsed
    found = []
    for draft in drafts:
        now_is = _lines_now(draft)
        found.append(_beside(draft, _lines_before(draft, before), now_is))
        if draft.kind == Invoice.Kind.PERIOD:
            rehearsed |= {one.pk: _of(one.pk, now_is) for one in draft.subscriptions}
    return found


def _of(subscription_id: int, lines: LinesBefore) -> LinesBefore:
    return {key: rows for key, rows in lines.items() if key[0] == subscription_id}


def _last_invoices(subscription_ids: Iterable[int]) -> dict[int, UUID]:
    billed = (
        Invoice.objects.final()
        .filter(kind=Invoice.Kind.PERIOD, lines__subscription__in=set(subscription_ids))
        .exclude(state=Invoice.State.VOID)
    )
    newest = billed.order_by("lines__subscription", "-period_start", "-pk")
    return dict(newest.distinct("lines__subscription").values_list("lines__subscription", "pk"))


def _lines_before(
    draft: DraftInvoice, before: Mapping[int, LinesBefore]
) -> dict[LineKey, Sequence[SeenLine]]:
    """The lines before that are of the draft's subscriptions."""
    found: dict[LineKey, Sequence[SeenLine]] = {}
    for subscription in draft.subscriptions:
        found.update(before.get(subscription.pk, {}))
    return found


def _beside(draft: DraftInvoice, before: LinesBefore, now_is: LinesBefore) -> Rehearsed:
    if not before:
        return Rehearsed(draft=draft, before=None, changes=())
    was = total((line.amount for rows in before.values() for line in rows), draft.currency)
    changes = changes_between(before, now_is, draft.currency)
    return Rehearsed(draft=draft, before=was, changes=tuple(changes))


def _lines_now(draft: DraftInvoice) -> LinesBefore:
    own = draft.subscription.pk if draft.subscription else None
    found: dict[LineKey, list[SeenLine]] = defaultdict(list)
    for line, taxed in draft.taxed_lines:
        code = line.derivation.price.get("code", "") if line.price_id else line.description
        found[line.subscription_id or own, line.kind, code].append(
            _Line(
                description=line.description,
                amount=taxed.net,
                discount=line.discount or zero(draft.currency),
                quantity=line.quantity,
                price_id=line.price_id,
            )
        )
    return found

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

Lines = Mapping[LineKey, Sequence[SeenLine]]


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


def beside_last_period(drafts: Sequence[DraftInvoice]) -> list[Rehearsed]:
    """Each invoice to be beside the last of its subscriptions' periods; two queries for all."""
    last = _last_invoices(one.pk for draft in drafts for one in draft.subscriptions)
    lines = lines_of(set(last.values()))
    return [_beside(draft, _lines_before(draft, last, lines)) for draft in drafts]


def _last_invoices(subscription_ids: Iterable[int]) -> dict[int, UUID]:
    billed = (
        Invoice.objects.final()
        .filter(kind=Invoice.Kind.PERIOD, lines__subscription__in=set(subscription_ids))
        .exclude(state=Invoice.State.VOID)
    )
    newest = billed.order_by("lines__subscription", "-period_start", "-pk")
    return dict(newest.distinct("lines__subscription").values_list("lines__subscription", "pk"))


def _lines_before(
    draft: DraftInvoice, last: Mapping[int, UUID], lines: Mapping[UUID, Lines]
) -> dict[LineKey, Sequence[SeenLine]]:
    """The lines of the invoices before that are of the draft's subscriptions."""
    found: dict[LineKey, Sequence[SeenLine]] = {}
    for subscription in draft.subscriptions:
        if (known := last.get(subscription.pk)) is not None:
            rows = lines[known].items()
            found.update({key: row for key, row in rows if key[0] == subscription.pk})
    return found


def _beside(draft: DraftInvoice, before: Lines) -> Rehearsed:
    if not before:
        return Rehearsed(draft=draft, before=None, changes=())
    was = total((line.amount for rows in before.values() for line in rows), draft.currency)
    changes = changes_between(before, _lines_now(draft), draft.currency)
    return Rehearsed(draft=draft, before=was, changes=tuple(changes))


def _lines_now(draft: DraftInvoice) -> Lines:
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

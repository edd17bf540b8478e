"""The lines of a draft are written anew around what stays: fees, and what people wrote."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import F

from billing.domain.derivation import Derivation, undiscounted
from billing.models import CouponUse, Invoice, InvoiceLine
from billing.services.credit.coupon_book import CouponBook, CouponTaken, per_redemption
from billing.services.credit.coupons import return_coupons
from billing.services.invoices.coupon_lines import less_coupons, month_of
from billing.services.invoices.draft_edits import tax_anew
from billing.services.invoices.draft_parts import Buyer, DraftLine
from billing.services.invoices.writing import shortened
from subscriptions.models import Subscription
from tiktoktoe.kernel.ids import uuid7

OUT_OF_THE_WAY = 10_000  # positions are unique at every moment


@dataclass(frozen=True, slots=True)
class _Item:
    """A line as it is to be, and the row that it is in, if it is there already."""

    line: DraftLine
    row: InvoiceLine | None


def rewrite(
    draft: Invoice,
    rows: Sequence[InvoiceLine],
    fresh: Mapping[int, list[DraftLine]],
    *,
    worked_out: Collection[str],
    at: datetime,
    coupons_by: datetime | None = None,
) -> None:
    """Put fresh lines of each subscription where its old ones of the same kinds were.

    Of a locked draft, in the caller's transaction. Coupons, those that the customer had by an
    instant or when it was drafted, are shared out anew over what they
    cover, and tax is worked out on the whole. What people wrote comes last, as it is.
    """
    written = [row for row in rows if row.kind == InvoiceLine.Kind.ONE_OFF]
    old = [row for row in rows if row.kind in worked_out]
    parts = {
        pk: list(_items(draft, [row for row in rows if row not in written], pk, lines, worked_out))
        for pk, lines in fresh.items()
    }
    items = list(_less_coupons(draft, parts, coupons_by or draft.created_at))
    InvoiceLine.objects.filter(pk__in=[row.pk for row in old]).delete()
    InvoiceLine.objects.filter(invoice=draft).update(position=F("position") + OUT_OF_THE_WAY)
    _write(draft, items)
    for place, row in enumerate(written, start=len(items) + 1):
        row.position = place
    InvoiceLine.objects.bulk_update(written, ["position"])
    tax_anew(draft, at)


def _items(
    draft: Invoice,
    rows: Sequence[InvoiceLine],
    subscription_id: int,
    fresh: Sequence[DraftLine],
    worked_out: Collection[str],
) -> Iterator[_Item]:
    """A subscription's lines in their order, the fresh ones in the place of the old."""
    own = [row for row in rows if (row.subscription_id or draft.subscription_id) == subscription_id]
    before = next((i for i, row in enumerate(own) if row.kind in worked_out), len(own))
    yield from (_Item(_as_it_was(row), row) for row in own[:before])
    yield from (_Item(line, None) for line in fresh)
    yield from (_Item(_as_it_was(row), row) for row in own[before:] if row.kind not in worked_out)


def _as_it_was(row: InvoiceLine) -> DraftLine:
    """A line of a draft before coupons."""
    amount = row.charged + row.discount
    return DraftLine(
        kind=row.kind,
        description=row.description,
        price_id=row.price_id,
        period=row.period,
        quantity=row.quantity,
        unit_amount=row.unit_amount,
        amount=amount,
        derivation=undiscounted(Derivation.from_json(row.derivation), amount),
        includes_tax=row.includes_tax,
        tax_category=row.tax_category,
        subscription_id=row.subscription_id,
    )


def _less_coupons(
    draft: Invoice, parts: Mapping[int, Sequence[_Item]], redeemed_by: datetime
) -> Iterator[tuple[int, _Item]]:
    """All lines less the coupons that the customer had by an instant."""
    return_coupons(invoice=draft)
    book = CouponBook([draft.customer_id], redeemed_by=redeemed_by)
    subscriptions = Subscription.objects.in_bulk(list(parts))
    taken, counted = list[CouponTaken](), set[int]()
    made = list[tuple[int, _Item]]()
    whole = Buyer(draft.customer, draft.currency)
    month = month_of(whole, [item.line for items in parts.values() for item in items])
    for pk, items in parts.items():
        buyer = replace(whole, subscription=subscriptions[pk])
        lines, used = less_coupons(
            buyer, draft.kind, tuple(item.line for item in items), book, counted, month=month
        )
        made += [(pk, _Item(line, item.row)) for line, item in zip(lines, items, strict=True)]
        taken += used
        counted |= {use.redemption_id for use in used if use.counts}
    _keep_uses(draft, per_redemption(taken))
    yield from made


def _keep_uses(draft: Invoice, taken: Iterable[CouponTaken]) -> None:
    CouponUse.objects.bulk_create(
        CouponUse(
            redemption_id=used.redemption_id,
            invoice=draft,
            currency=draft.currency,
            amount=used.amount.amount,
            counts=used.counts,
            month=used.month,
        )
        for used in taken
    )


def _write(draft: Invoice, items: Sequence[tuple[int, _Item]]) -> None:
    """Before tax: `tax_anew` makes net amounts of these."""
    kept, new = list[InvoiceLine](), list[InvoiceLine]()
    for place, (subscription_id, item) in enumerate(items, start=1):
        line = item.line
        row = item.row or InvoiceLine(
            id=uuid7(),
            invoice=draft,
            kind=line.kind,
            description=shortened(line.description),
            price_id=line.price_id,
            subscription_id=subscription_id,
            period_start=line.period.start,
            period_end=line.period.end,
            quantity=line.quantity,
            unit_amount=line.unit_amount,
            currency=draft.currency,
            includes_tax=line.includes_tax,
            tax_category=line.tax_category,
        )
        row.position = place
        row.amount, row.tax_amount = line.amount.amount, 0
        row.discount = line.discount.amount if line.discount else 0
        row.derivation = line.derivation.to_json()
        (kept if item.row else new).append(row)
    InvoiceLine.objects.bulk_update(
        kept, ["position", "amount", "tax_amount", "discount", "derivation"]
    )
    InvoiceLine.objects.bulk_create(new)

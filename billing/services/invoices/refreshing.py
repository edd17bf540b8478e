"""Drafts that wait for people follow the usage of their period, until they are issued.

Usage of what is held is not closed: a late event still counts in the period that it belongs to,
and comes on that period's draft. Before a draft is issued or discarded its usage is closed, and
only then is it worked out for the last time: what counts in the period is on it, and whatever
comes later counts in the next. What people wrote on it stays.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet

from billing.models import DraftBoundary, Invoice, InvoiceEvent, InvoiceLine
from billing.services.invoices.draft_edits import locked_draft, record
from billing.services.invoices.draft_parts import Boundary, DraftInvoice, DraftLine
from billing.services.invoices.draft_rewriting import rewrite
from billing.services.invoices.period_lines import draft_lines
from billing.services.invoices.writing import shortened
from subscriptions.models import CustomerClock
from subscriptions.services.transitions import SCHEDULE, Actor
from subscriptions.services.usage import Closing, close_usage
from tiktoktoe.kernel.errors import TikTokToeError
from tiktoktoe.kernel.money import Money, quantize, total
from tiktoktoe.standing import standing

logger = logging.getLogger(__name__)
CHUNK = 50
WORKED_OUT = frozenset(
    {InvoiceLine.Kind.USAGE, InvoiceLine.Kind.TRUE_UP, InvoiceLine.Kind.USAGE_CREDIT}
)
WHY = "usage came late"
NONE: Mapping[int, DraftBoundary] = {}

METERS = """
FROM billing_draftboundary boundary
JOIN billing_invoice invoice ON invoice.id = boundary.invoice_id AND invoice.state = 'draft'
JOIN subscriptions_subscription subscription ON subscription.id = boundary.subscription_id
JOIN (
    SELECT subscription_id, plan_version_id, starts_at, ends_at
    FROM subscriptions_subscriptionphase
    UNION ALL
    SELECT subscription_id, plan_version_id, starts_at, ends_at
    FROM subscriptions_subscriptionaddon
) AS served ON served.subscription_id = boundary.subscription_id
 AND served.starts_at < boundary.at
 AND (served.ends_at IS NULL OR served.ends_at > boundary.closed_from)
JOIN subscriptions_price price
  ON price.plan_version_id = served.plan_version_id AND price.meter_id IS NOT NULL
"""
CLOSINGS = f"""
SELECT DISTINCT invoice.customer_id, price.meter_id, boundary.at {METERS}
WHERE boundary.invoice_id = ANY(%s)
"""
COUNTS = f"""
SELECT id, invoice_id, events_seen, (
    SELECT coalesce(sum(part.event_count), 0) FROM (
        SELECT event_count FROM subscriptions_usageday d WHERE d.customer_id = wanted.customer_id
           AND d.meter_id = ANY(meters) AND d.day BETWEEN from_day AND to_day
        UNION ALL
        SELECT event_count FROM subscriptions_usagedelta d WHERE d.customer_id = wanted.customer_id
           AND d.meter_id = ANY(meters) AND d.day BETWEEN from_day AND to_day
    ) AS part
) FROM (
    SELECT boundary.id, boundary.invoice_id, boundary.events_seen, invoice.customer_id,
           array_agg(DISTINCT price.meter_id) AS meters,
           (boundary.closed_from AT TIME ZONE subscription.time_zone)::date AS from_day,
           (boundary.at AT TIME ZONE subscription.time_zone)::date AS to_day
    {METERS}
    JOIN subscriptions_customer customer ON customer.id = invoice.customer_id
    WHERE boundary.closed_from IS NOT NULL AND (boundary.invoice_id = ANY(%(ids)s)
       OR %(all)s AND customer.clock_id IS NOT DISTINCT FROM %(clock)s)
    GROUP BY boundary.id, invoice.id, subscription.id
) AS wanted
"""  # noqa: S608 - put together from constants


def keep_boundaries(
    written: Iterable[tuple[UUID, DraftInvoice]],
    boundaries: Sequence[Boundary],
    *,
    again: Mapping[int, DraftBoundary] = NONE,
) -> None:
    """Write down what drafts were drafted for, in the caller's transaction.

    `again`: the boundaries of a discarded draft that these are, by subscription.
    """
    by_subscription = {boundary.subscription.pk: boundary for boundary in boundaries}
    DraftBoundary.objects.bulk_create(
        _kept(invoice_id, by_subscription[subscription.pk], again.get(subscription.pk))
        for invoice_id, draft in written
        for subscription in draft.subscriptions
    )


def _kept(invoice_id: UUID, boundary: Boundary, again_of: DraftBoundary | None) -> DraftBoundary:
    row = boundary.closed_row
    return DraftBoundary(
        invoice_id=invoice_id,
        subscription=boundary.subscription,
        at=boundary.at,
        closed_from=boundary.closed.start if boundary.closed else None,
        coming_until=boundary.coming.end if boundary.coming else None,
        is_last=boundary.is_last,
        closed_anchor_on=row.anchor_on,
        closed_interval=row.interval.unit,
        closed_interval_count=row.interval.count,
        anchor_on=boundary.subscription.anchor_on,
        plan_version=boundary.subscription.plan_version,
        quantity=boundary.subscription.quantity,
        again_of=again_of,
    )


def close_usage_of(ids: Sequence[UUID]) -> None:
    """Close the usage that drafts bill, so that working them out once more is the last time.

    In a transaction of its own: what arrives later counts in the next period, whatever
    becomes of the drafts.
    """
    with connection.cursor() as cursor:
        cursor.execute(CLOSINGS, [list(ids)])
        rows = cursor.fetchall()
    close_usage(closings=[Closing(*row) for row in rows])


def refresh_held(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """Work out again the drafts for whose periods usage has come; gives how many changed."""
    stale = dict.fromkeys(
        invoice for _, invoice, seen, counted in _counts(clock=clock) if seen != counted
    )
    ids = list(stale)
    return sum(
        _refresh_or_halve(ids[start : start + CHUNK], at) for start in range(0, len(ids), CHUNK)
    )


def refresh_draft(*, invoice: Invoice, actor: Actor, at: datetime) -> bool:
    """Work one draft out again because somebody asks; whether it changed.

    Raises:
        InvoiceNotDraft: If it is final already, or discarded.
    """
    with transaction.atomic():
        locked = locked_draft(invoice)
        return refresh_drafts([locked.pk], actor=actor, at=at) > 0


def _refresh_or_halve(ids: Sequence[UUID], at: datetime) -> int:
    """One draft that cannot be worked out holds no other one up; it is tried again later."""
    try:
        return _refresh_locked(ids, at)
    except (TikTokToeError, ArithmeticError):
        if len(ids) == 1:
            logger.exception("draft cannot be worked out again", extra={"invoice": str(ids[0])})
            return 0
        middle = len(ids) // 2
        return _refresh_or_halve(ids[:middle], at) + _refresh_or_halve(ids[middle:], at)


@transaction.atomic
def _refresh_locked(ids: Sequence[UUID], at: datetime) -> int:
    drafts = Invoice.objects.filter(pk__in=ids, state=Invoice.State.DRAFT).order_by("pk")
    locked = drafts.select_for_update(of=("self",), skip_locked=True)
    return refresh_drafts([invoice.pk for invoice in locked], at=at)


def refresh_drafts(ids: Sequence[UUID], *, at: datetime, actor: Actor = SCHEDULE) -> int:
    """Work locked drafts out again, in the caller's transaction; gives how many changed.

    Those that were drafted for no period stay as they are.
    """
    kept = _drafted.rows(ids=list(ids))
    if not kept:
        return 0
    # Counted before it is measured: what comes in between is found by the next round.
    counted = {key: count for key, _, _, count in _counts(ids=ids)}
    lines = draft_lines([_boundary(row) for row in kept])
    found: dict[UUID, dict[int, list[DraftLine]]] = defaultdict(dict)
    for row, made in zip(kept, lines, strict=True):
        fresh = [line for line in made if line.kind in WORKED_OUT]
        found[row.invoice_id][row.subscription_id] = fresh
        row.events_seen = counted.get(row.pk, row.events_seen)
    DraftBoundary.objects.bulk_update(kept, ["events_seen"])
    drafts = {row.invoice_id: row.invoice for row in kept}
    return sum(_refresh(draft, found[pk], actor, at) for pk, draft in drafts.items())


@standing
def _drafted(ids: list[UUID]) -> "QuerySet[DraftBoundary]":
    rows = DraftBoundary.objects.filter(invoice__any_of=ids, closed_from__isnull=False)
    return rows.select_related(
        "invoice__customer", "subscription__customer", "subscription__plan_version__plan"
    ).order_by("invoice", "pk")


def _boundary(row: DraftBoundary) -> Boundary:
    """The boundary as it was, without the period that comes: its fees stay as they are."""
    return Boundary(row.subscription, row.at, row.closed, None, row.closed_row, row.is_last)


def _refresh(
    draft: Invoice, fresh: Mapping[int, list[DraftLine]], actor: Actor, at: datetime
) -> bool:
    """Put what was worked out on a draft, if it is anything else than what is there."""
    rows = list(draft.lines.order_by("position"))
    before = [_facts_of_row(row, draft) for row in rows if row.kind in WORKED_OUT]
    after = [_facts(line, pk) for pk, lines in fresh.items() for line in lines]
    if sorted(map(repr, before)) == sorted(map(repr, after)):
        return False
    was = draft.total
    rewrite(draft, rows, fresh, worked_out=WORKED_OUT, at=at)
    said = "; ".join(_changes(rows, fresh, draft.currency))
    details = {"line": said, "amount": f"{_said(was)} → {_said(draft.total)}"}
    record(draft, InvoiceEvent.Kind.REFRESHED, WHY, actor=actor, at=at, details=details)
    logger.info("draft worked out again", extra={"invoice": str(draft.pk)})
    return True


def _facts_of_row(row: InvoiceLine, draft: Invoice) -> tuple[object, ...]:
    """What makes a line another one, as it was before coupons."""
    amount = row.charged + row.discount
    return (
        row.subscription_id or draft.subscription_id,
        str(row.kind),
        row.price_id,
        row.period.start,
        row.period.end,
        row.quantity.normalize(),
        amount.amount.normalize(),
    )


def _facts(line: DraftLine, subscription_id: int) -> tuple[object, ...]:
    return (
        subscription_id,
        str(line.kind),
        line.price_id,
        line.period.start,
        line.period.end,
        line.quantity.normalize(),
        line.amount.amount.normalize(),
    )


def _changes(
    rows: Sequence[InvoiceLine], fresh: Mapping[int, list[DraftLine]], currency: str
) -> Iterator[str]:
    """What changed in words: a line, what it came to before coupons, and what it comes to now."""
    was: dict[str, list[Money]] = defaultdict(list)
    now_is: dict[str, list[Money]] = defaultdict(list)
    for row in rows:
        if row.kind in WORKED_OUT:
            was[row.description].append(row.charged + row.discount)
    for line in (line for lines in fresh.values() for line in lines):
        now_is[shortened(line.description)].append(line.amount)
    for name in dict.fromkeys([*now_is, *was]):
        before, after = total(was[name], currency), total(now_is[name], currency)
        if before != after:
            yield f"{name}: {_said(before)} → {_said(after)}"


def _said(amount: Money) -> str:
    return str(quantize(amount).amount)


def _counts(
    *, ids: Sequence[UUID] = (), clock: CustomerClock | None = None
) -> list[tuple[int, UUID, int, int]]:
    """Of drafts' boundaries: key, invoice, events that were seen, and events that there are."""
    with connection.cursor() as cursor:
        clock_id = clock.pk if clock else None
        cursor.execute(COUNTS, {"ids": list(ids), "all": not ids, "clock": clock_id})
        return [(key, invoice, seen, int(n)) for key, invoice, seen, n in cursor.fetchall()]

"""Usage is billed early when it crosses a threshold of the plan.

Pulled, not pushed: a task measures the usage so far of subscriptions whose plan has thresholds,
many at once, and bills what has crossed a level that was not billed yet. The invoice charges all
usage so far, less what earlier ones charged; the one that closes the period does the same. The
subscription is locked, and PostgreSQL keeps each level of a period once, so that it may run
twice, at once, or be killed.
"""

import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Exists, OuterRef

from billing.domain.thresholds import BilledEarly, Threshold, levels_reached
from billing.models import Invoice, ThresholdCrossing
from billing.queries.tax_table import TaxTable
from billing.queries.thresholds import billed_early, usage_billed_before
from billing.services.invoices.draft_parts import Boundary, DraftInvoice, DraftLine
from billing.services.invoices.drafting import make_draft
from billing.services.invoices.open_periods import in_chunks, in_open_period, locked_boundaries
from billing.services.invoices.period_lines import usage_so_far
from billing.services.invoices.usage_credits import credit_lines_of
from billing.services.invoices.writing import finalize_drafts, write_drafts
from subscriptions.domain.proration_policy import ThresholdSpan
from subscriptions.models import CustomerClock, SpendingThreshold
from subscriptions.models.subscriptions import SubscriptionQuerySet
from subscriptions.services.policies import PolicyBook
from tiktoktoe.kernel.money import total

logger = logging.getLogger(__name__)


def bill_thresholds(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """Bill all usage that has crossed a threshold by an instant; gives how many invoices."""
    return in_chunks(_watched(at).on_clock(clock), lambda ids: bill_crossed(ids, at=at))


@transaction.atomic
def bill_crossed(ids: Sequence[int], *, at: datetime) -> int:
    """Bill those of these subscriptions that have crossed a threshold; a few queries for all.

    Those that somebody else holds are left for the next time.
    """
    boundaries = locked_boundaries(_watched(at).filter(pk__in=ids), at)
    crossed = list(_crossed(boundaries))
    drafts = [draft for draft, _ in crossed]
    invoice_ids = write_drafts(drafts, at=at)
    finalize_drafts(invoice_ids, at=at)
    ThresholdCrossing.objects.bulk_create(
        ThresholdCrossing(
            subscription=subscription,
            period_start=subscription.current_period_start,
            level=level,
            invoice_id=invoice_id,
            crossed_at=at,
        )
        for invoice_id, (draft, levels) in zip(invoice_ids, crossed, strict=True)
        if (subscription := draft.subscription) is not None
        for level in levels
    )
    if drafts:
        logger.info("thresholds billed", extra={"invoices": len(drafts)})
    return len(drafts)


def _watched(at: datetime) -> SubscriptionQuerySet:
    """Subscriptions in an open period whose plan bills early."""
    has_threshold = SpendingThreshold.objects.filter(plan_version=OuterRef("plan_version"))
    return in_open_period(at).filter(Exists(has_threshold))


def _crossed(boundaries: Sequence[Boundary]) -> Iterator[tuple[DraftInvoice, list[Decimal]]]:
    """An invoice for each subscription that reached new levels, and the levels."""
    keys = {(b.subscription.pk, b.subscription.current_period_start) for b in boundaries}
    thresholds, known = _thresholds(boundaries), _known(boundaries)
    usage = usage_so_far(boundaries)
    before = _spent_before(boundaries)
    early = billed_early(keys)
    taxes = TaxTable(b.subscription.customer.country for b in boundaries)
    for boundary in boundaries:
        subscription = boundary.subscription
        lines = usage.get(subscription.pk, [])
        spent = total((line.amount for line in lines), subscription.currency)
        earlier = before.get(subscription.pk, Decimal(0))
        key = (subscription.pk, subscription.current_period_start)
        # Levels of another plan that what was billed early had reached are passed by it.
        billed = sum((one.amount.amount for one in early.get(key, [])), earlier)
        reached = levels_reached(
            thresholds[subscription.plan_version_id], earlier + spent.amount, before=billed
        )
        fresh = [level for level in reached if level not in known[key]]
        if fresh:
            yield _draft(boundary, lines, early.get(key, []), fresh, taxes), fresh


def _draft(
    boundary: Boundary,
    lines: Sequence[DraftLine],
    early: Sequence[BilledEarly],
    levels: Sequence[Decimal],
    taxes: TaxTable,
) -> DraftInvoice:
    subscription = boundary.subscription
    start = subscription.current_period_start.isoformat()
    return make_draft(
        subscription=subscription,
        kind=Invoice.Kind.THRESHOLD,
        boundary=boundary.at,
        period_end=subscription.current_period_end,
        lines=[*lines, *credit_lines_of(early, lines, boundary)],
        taxes=taxes,
        idempotency_key=f"threshold:{subscription.pk}:{start}:{levels[-1].normalize():f}",
    )


def _spent_before(boundaries: Sequence[Boundary]) -> Mapping[int, Decimal]:
    """What usage of earlier periods cost, where the policy counts it too; else nothing."""
    policies = PolicyBook()
    since_start = [
        (b.subscription.pk, b.subscription.current_period_start)
        for b in boundaries
        if policies.of_plan(b.subscription.plan_version.plan_id, b.at).threshold_span
        == ThresholdSpan.SUBSCRIPTION
    ]
    return usage_billed_before(since_start)


def _thresholds(boundaries: Sequence[Boundary]) -> dict[int, list[Threshold]]:
    found: dict[int, list[Threshold]] = defaultdict(list)
    versions = {b.subscription.plan_version_id for b in boundaries}
    for row in SpendingThreshold.objects.filter(plan_version__in=versions):
        found[row.plan_version_id].append(Threshold(row.amount.amount, row.is_repeating))
    return found


def _known(boundaries: Sequence[Boundary]) -> dict[tuple[int, datetime], set[Decimal]]:
    found: dict[tuple[int, datetime], set[Decimal]] = defaultdict(set)
    rows = ThresholdCrossing.objects.filter(
        subscription__in=[b.subscription.pk for b in boundaries]
    )
    for subscription_id, start, level in rows.values_list("subscription", "period_start", "level"):
        found[subscription_id, start].add(level)
    return found

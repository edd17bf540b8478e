"""Usage of prices in advance is billed as it comes: each unit at its own marginal price.

A task rates all usage of the open period and bills what was not billed of it yet; the invoice
that closes the period does the same. So it may run as often as one likes, and a package in
advance is a prepaid block: billed whole when it is started. Source: Lago's charges that are
paid in advance; LAGO-CHARGE-51.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Exists, OuterRef

from billing.models import Invoice
from billing.queries.tax_table import TaxTable
from billing.services.invoices.draft_parts import Boundary, DraftInvoice
from billing.services.invoices.drafting import make_draft
from billing.services.invoices.open_periods import in_chunks, in_open_period, locked_boundaries
from billing.services.invoices.period_lines import usage_so_far
from billing.services.invoices.writing import finalize_drafts, write_drafts
from subscriptions.models import CustomerClock, Price
from subscriptions.models.subscriptions import SubscriptionQuerySet

logger = logging.getLogger(__name__)


def bill_usage_ahead(*, at: datetime, clock: CustomerClock | None = None) -> int:
    """Bill usage that came since it was last billed, where a price says so; gives how many."""
    return in_chunks(_watched(at).on_clock(clock), lambda ids: bill_new_usage(ids, at=at))


@transaction.atomic
def bill_new_usage(ids: Sequence[int], *, at: datetime) -> int:
    """Bill the new usage of these subscriptions; a fixed number of queries for all.

    The lock keeps two tasks, and the run that closes the period, from billing the same usage;
    PostgreSQL keeps the n-th such invoice of a subscription once.
    """
    drafts = list(_drafts(locked_boundaries(_watched(at).filter(pk__in=ids), at)))
    finalize_drafts(write_drafts(drafts, at=at), at=at)
    if drafts:
        logger.info("usage billed ahead", extra={"invoices": len(drafts)})
    return len(drafts)


def _watched(at: datetime) -> SubscriptionQuerySet:
    """Subscriptions in an open period whose plan bills usage as it comes."""
    ahead = Price.objects.filter(
        plan_version=OuterRef("plan_version"),
        kind=Price.Kind.USAGE,
        timing=Price.Timing.ADVANCE,
    )
    return in_open_period(at).filter(Exists(ahead))


def _drafts(boundaries: Sequence[Boundary]) -> Iterator[DraftInvoice]:
    usage = usage_so_far(boundaries, ahead=True)
    invoices = Invoice.objects.filter(
        kind=Invoice.Kind.AHEAD, subscription__in=[b.subscription.pk for b in boundaries]
    )
    made = dict(invoices.values_list("subscription").annotate(count=Count("pk")))
    taxes = TaxTable(b.subscription.customer.country for b in boundaries)
    for boundary in boundaries:
        subscription = boundary.subscription
        lines = [line for line in usage[subscription.pk] if line.amount.amount > 0]
        if lines:
            yield make_draft(
                subscription=subscription,
                kind=Invoice.Kind.AHEAD,
                boundary=boundary.at,
                period_end=subscription.current_period_end,
                lines=lines,
                taxes=taxes,
                idempotency_key=f"ahead:{subscription.pk}:{made.get(subscription.pk, 0) + 1}",
            )

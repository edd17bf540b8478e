"""Usage that came after its subscription's end is billed by an invoice of its own.

It costs what all usage of the last period comes to with it, less what was charged for that
period, minimums included: as if it had been there when the closing invoice was made.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from django.db import transaction

from billing.domain.late_usage import late_derivation
from billing.domain.rating import ChargeModel, rate
from billing.errors import NothingUnbilled, UsageNotPriceable
from billing.models import Invoice, InvoiceLine, LateUsage
from billing.queries.late_usage import Unbilled, unbilled_usage
from billing.queries.tax_table import TaxTable
from billing.services.invoices.draft_parts import DraftLine
from billing.services.invoices.drafting import make_draft
from billing.services.invoices.invoicing import issue
from billing.services.invoices.terms import LoadedPrice, PriceBook
from subscriptions.domain.metering import Aggregation, QuantityRounding
from subscriptions.models import Price, Subscription, SubscriptionPhase
from tiktoktoe.kernel.money import Money, total, zero
from tiktoktoe.kernel.periods import Period
from tiktoktoe.kernel.rates import exact_sum

logger = logging.getLogger(__name__)
COUNTED_AGAIN = frozenset({Aggregation.SUM, Aggregation.COUNT, Aggregation.MAX})
BY_EVENT = frozenset({ChargeModel.PERCENTAGE, ChargeModel.DYNAMIC})
TAKEN_BACK = (Invoice.State.VOID, Invoice.State.DISCARDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class LateCharge:
    """What is unbilled of a price, and its line to be; none where it takes a person to price."""

    unbilled: Unbilled
    quantity: Decimal
    line: DraftLine | None

    @property
    def amount(self) -> Money | None:
        """What it costs before coupons and tax."""
        return self.line.amount if self.line else None


def late_charges(rows: Sequence[Unbilled]) -> list[LateCharge]:
    """What unbilled usage would cost; a fixed number of queries."""
    versions = {row.price.plan_version_id for row in rows}
    book = PriceBook(versions)
    loaded = {price.price.pk: price for version in versions for price in book.usage(version)}
    lasts = {row.subscription.pk: row.subscription for row in rows}
    stretches = _last_stretches(lasts)
    charged = _charged(lasts, stretches)
    return [
        _charge(
            row,
            loaded[row.price.pk],
            stretches[row.subscription.pk],
            charged[row.subscription.pk],
        )
        for row in rows
    ]


@transaction.atomic
def bill_late_usage(*, subscription: Subscription, at: datetime) -> Invoice:
    """Bill what came late for an ended subscription, each event once.

    Raises:
        NothingUnbilled: If there is nothing, or somebody else has just billed it.
        UsageNotPriceable: If the usage depends on the single events: charge it once by hand.
    """
    locked = Subscription.objects.select_for_update(of=("self",)).get(pk=subscription.pk)
    found = late_charges(unbilled_usage(locked))
    if not found:
        raise NothingUnbilled(f"nothing came late for {subscription} that is not billed")
    charges = [(charge, charge.line) for charge in found if charge.line is not None]
    if not charges:
        raise UsageNotPriceable("what it costs depends on its events; charge it once by hand")
    owner = found[0].unbilled.subscription
    earlier = Invoice.objects.filter(idempotency_key__startswith=f"late:{locked.pk}:").count()
    draft = make_draft(
        subscription=owner,
        kind=Invoice.Kind.FINAL,
        boundary=at,
        period_end=at,
        lines=[line for _, line in charges],
        taxes=TaxTable([owner.customer.country]),
        idempotency_key=f"late:{locked.pk}:{earlier + 1}",
    )
    invoice = issue(draft, at=at)
    rows = {line.price_id: line for line in invoice.lines.all()}
    LateUsage.objects.bulk_create(
        LateUsage(
            line=rows[charge.unbilled.price.pk],
            source_id=event.source_id,
            event_id=event.event_id,
            quantity=event.quantity,
        )
        for charge, _ in charges
        for event in charge.unbilled.events
    )
    logger.info("late usage billed", extra={"invoice": str(invoice)})
    return invoice


def _last_stretches(subscriptions: Mapping[int, Subscription]) -> dict[int, Period]:
    """The part of each one's last period that was on the plan version that it ended on."""
    begun: dict[int, SubscriptionPhase] = {}
    phases = SubscriptionPhase.objects.filter(subscription__in=subscriptions)
    for phase in phases.order_by("subscription", "-starts_at"):
        earlier = begun.get(phase.subscription_id)
        if earlier is None or (
            earlier.plan_version_id == phase.plan_version_id and phase.ends_at == earlier.starts_at
        ):
            begun[phase.subscription_id] = phase
    found = {}
    for key, subscription in subscriptions.items():
        end = subscription.ended_at
        assert end is not None
        start = max(subscription.current_period_start, begun[key].starts_at)
        found[key] = Period(min(start, end - timedelta(days=1)), end)
    return found


def _charged(
    subscriptions: Mapping[int, Subscription], stretches: Mapping[int, Period]
) -> dict[int, list[InvoiceLine]]:
    """The lines that charged each one's last stretch for usage and minimums."""
    rows = InvoiceLine.objects.filter(
        subscription__in=subscriptions,
        kind__in=[InvoiceLine.Kind.USAGE, InvoiceLine.Kind.TRUE_UP],
        invoice__kind__in=[Invoice.Kind.PERIOD, Invoice.Kind.FINAL],
    ).exclude(invoice__state__in=TAKEN_BACK)
    found: dict[int, list[InvoiceLine]] = defaultdict(list)
    for line in rows.order_by("pk"):
        key = line.subscription_id
        if key is not None and line.period_end > stretches[key].start:
            found[key].append(line)
    return found


def _charge(
    row: Unbilled, loaded: LoadedPrice, stretch: Period, charged: Sequence[InvoiceLine]
) -> LateCharge:
    late = _late_quantity(row)
    if not _is_priceable(row.price, loaded):
        return LateCharge(unbilled=row, quantity=late, line=None)
    usage = [x for x in charged if x.kind == "usage" and x.price_id == row.price.pk]
    top_ups = [x for x in charged if x.kind == "true_up" and x.price_id in {None, row.price.pk}]
    before = exact_sum(line.quantity for line in usage)
    is_max = row.price.meter is not None and row.price.meter.aggregation == Aggregation.MAX
    after = max(before, late) if is_max else exact_sum((before, late))
    currency = row.subscription.currency
    paid = total((line.charged + line.discount for line in (*usage, *top_ups)), currency)
    # The closing line knows how far the policy has let the last day go.
    part = usage[0].period if usage else stretch
    terms = loaded.terms_for_share(_share(row.subscription, part))
    rated = rate(after.normalize(), terms)
    amount = max(rated.rounded - paid, zero(currency))
    line = DraftLine(
        kind=InvoiceLine.Kind.USAGE,
        description=f"{loaded.identity['plan']}: {loaded.price.name}, came late",
        price_id=row.price.pk,
        period=part,
        quantity=after - before,
        unit_amount=None,
        amount=amount,
        derivation=late_derivation(
            rated,
            terms,
            price=loaded.identity,
            before=before,
            paid=paid,
            left=amount,
            event_count=len(row.events),
        ),
        includes_tax=loaded.includes_tax,
    )
    return LateCharge(unbilled=row, quantity=late, line=line)


def _late_quantity(row: Unbilled) -> Decimal:
    """What came late, counted by itself."""
    meter = row.price.meter
    aggregation = meter.aggregation if meter else Aggregation.SUM
    if aggregation == Aggregation.COUNT:
        return Decimal(len(row.events))
    quantities = [event.quantity for event in row.events]
    return max(quantities) if aggregation == Aggregation.MAX else exact_sum(quantities)


def _is_priceable(price: Price, loaded: LoadedPrice) -> bool:
    """Whether a quantity is all that it depends on."""
    meter = price.meter
    return (
        meter is not None
        and meter.aggregation in COUNTED_AGAIN
        and not meter.is_carried_over
        and meter.rounding == QuantityRounding.NONE
        and not loaded.variants
        and price.timing == Price.Timing.ARREARS
        and loaded.terms.model not in BY_EVENT
    )


def _share(subscription: Subscription, stretch: Period) -> Fraction:
    """The stretch's share of the whole period's days, as on the closing invoice."""
    zone = subscription.time_zone
    whole = subscription.billing_periods.period_at(stretch.start)
    return min(Fraction(stretch.days(zone) or 1, max(whole.days(zone), 1)), Fraction(1))

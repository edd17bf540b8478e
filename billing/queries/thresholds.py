"""What was billed of open periods, before they are over."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Case, DecimalField, ExpressionWrapper, F, QuerySet, Sum, When

from billing.domain.thresholds import BilledEarly
from billing.models import Coupon, CouponUse, Invoice, InvoiceLine, ThresholdCrossing
from billing.models.invoices import UNBILLED_STATES
from subscriptions.models import Price
from tiktoktoe.kernel.money import Money
from tiktoktoe.standing import standing

PeriodKey = tuple[int, datetime]
AMOUNT: "DecimalField[Decimal, Decimal]" = DecimalField(max_digits=19, decimal_places=4)


@standing
def _crossings(
    subscriptions: list[int],
) -> "QuerySet[ThresholdCrossing, tuple[int, datetime, UUID]]":
    rows = ThresholdCrossing.objects.filter(subscription__any_of=subscriptions).order_by()
    return rows.values_list("subscription", "period_start", "invoice")


def billed_early(periods: Collection[PeriodKey]) -> Mapping[PeriodKey, list[BilledEarly]]:
    """What threshold invoices charged for usage, by subscription and start of the period.

    With what coupons of an amount took off, which is used up and not charged again; a percentage
    comes off the closing invoice too. Less what later threshold invoices took off; void and
    discarded ones charge nothing. A credit note gives money back, not usage: what it took off is
    not charged a second time.
    """
    wanted = set(periods)
    rows = _crossings.rows(subscriptions=sorted({key[0] for key in wanted}))
    of_invoice = {
        invoice_id: (subscription_id, period_start)
        for subscription_id, period_start, invoice_id in rows
        if (subscription_id, period_start) in wanted
    }
    if not of_invoice:
        return {}
    invoices = Invoice.objects.filter(pk__in=of_invoice).exclude(state__in=UNBILLED_STATES)
    charged = {
        (invoice_id, includes_tax): amount
        for invoice_id, includes_tax, amount in InvoiceLine.objects.filter(invoice__in=of_invoice)
        .values_list("invoice", "includes_tax")
        .annotate(amount=Sum(_charged("includes_tax")))
    }
    paid_by_coupons = _amounts_off(of_invoice)
    found: dict[PeriodKey, list[BilledEarly]] = defaultdict(list)
    for invoice in invoices.order_by("created_at", "pk"):
        for includes_tax in (False, True):
            key = (invoice.pk, includes_tax)
            if key in charged:
                charged[key] += paid_by_coupons.pop(invoice.pk, Decimal(0))
                found[of_invoice[invoice.pk]].append(
                    BilledEarly(
                        invoice_id=str(invoice.pk),
                        number=str(invoice),
                        amount=Money(charged[key], invoice.currency),
                        includes_tax=includes_tax,
                    )
                )
    return found


def usage_billed_before(periods: Collection[PeriodKey]) -> Mapping[int, Decimal]:
    """What usage of each subscription's earlier periods was charged, as it was closed.

    Before coupons; of prices in arrears only, since only those are measured by thresholds.
    """
    starts = dict(periods)
    if not starts:
        return {}
    closed = InvoiceLine.objects.filter(
        kind=InvoiceLine.Kind.USAGE,
        subscription__in=starts,
        price__timing=Price.Timing.ARREARS,
        period_end__lte=max(starts.values()),
    ).exclude(invoice__state__in=UNBILLED_STATES)
    rows = (
        closed.exclude(invoice__kind=Invoice.Kind.THRESHOLD)
        .annotate(said=_charged("includes_tax"))
        .values_list("subscription", "period_end", "said", "discount")
    )
    found: dict[int, Decimal] = defaultdict(Decimal)
    for subscription_id, period_end, charged, off in rows:
        if period_end <= starts[subscription_id]:
            found[subscription_id] += charged + off
    return found


def _charged(includes_tax: str) -> Case:
    """What a line comes to as its price says it."""
    with_tax = When(
        **{includes_tax: True}, then=ExpressionWrapper(F("amount") + F("tax_amount"), AMOUNT)
    )
    return Case(with_tax, default=ExpressionWrapper(F("amount"), AMOUNT), output_field=AMOUNT)


def _amounts_off(invoices: Collection[UUID]) -> dict[UUID, Decimal]:
    """What coupons of an amount took off each invoice."""
    uses = CouponUse.objects.filter(
        invoice__in=invoices, is_returned=False, redemption__coupon__kind=Coupon.Kind.AMOUNT
    )
    return dict(uses.values_list("invoice").annotate(off=Sum("amount")))


AheadKey = tuple[int, int, datetime]


def billed_ahead(keys: Collection[AheadKey]) -> Mapping[AheadKey, Money]:
    """What was billed of usage as it came: by subscription, price and start of the stretch.

    Before coupons and credit notes, so that what they took off is not charged later; void
    and discarded invoices charge nothing.
    """
    if not keys:
        return {}
    lines = InvoiceLine.objects.filter(
        kind=InvoiceLine.Kind.USAGE,
        subscription__in={key[0] for key in keys},
        price__in={key[1] for key in keys},
        period_start__gte=min(key[2] for key in keys),
    ).exclude(invoice__state__in=UNBILLED_STATES)
    rows = lines.annotate(said=_charged("includes_tax")).values_list(
        "subscription", "price", "period_start", "said", "discount", "currency"
    )
    found: dict[AheadKey, Money] = {}
    for subscription_id, price_id, start, charged, off, currency in rows:
        key = (subscription_id, price_id, start)
        if key in keys:
            amount = Money(charged + off, currency)
            found[key] = found[key] + amount if key in found else amount
    return found

"""What was billed of open periods, before they are over."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal

from django.db.models import Sum

from billing.domain.thresholds import BilledEarly
from billing.models import CreditNoteLine, Invoice, InvoiceLine, ThresholdCrossing
from tiktoktoe.kernel.money import Money

PeriodKey = tuple[int, datetime]


def billed_early(periods: Collection[PeriodKey]) -> Mapping[PeriodKey, list[BilledEarly]]:
    """What threshold invoices charged for usage, by subscription and start of the period.

    Less what later threshold invoices and credit notes took back; void ones charge nothing.
    """
    wanted = set(periods)
    rows = ThresholdCrossing.objects.filter(subscription__in={key[0] for key in wanted})
    of_invoice = {
        invoice_id: (subscription_id, period_start)
        for subscription_id, period_start, invoice_id in rows.values_list(
            "subscription", "period_start", "invoice"
        )
        if (subscription_id, period_start) in wanted
    }
    if not of_invoice:
        return {}
    invoices = Invoice.objects.filter(pk__in=of_invoice).exclude(state=Invoice.State.VOID)
    charged = dict(
        InvoiceLine.objects.filter(invoice__in=of_invoice)
        .values_list("invoice")
        .annotate(amount=Sum("amount"))
    )
    given_back = dict(
        CreditNoteLine.objects.filter(invoice_line__invoice__in=of_invoice)
        .values_list("invoice_line__invoice")
        .annotate(amount=Sum("amount"))
    )
    found: dict[PeriodKey, list[BilledEarly]] = defaultdict(list)
    for invoice in invoices.order_by("created_at", "pk"):
        amount = charged[invoice.pk] - given_back.get(invoice.pk, Decimal(0))
        found[of_invoice[invoice.pk]].append(
            BilledEarly(
                invoice_id=str(invoice.pk),
                number=str(invoice),
                amount=Money(amount, invoice.currency),
            )
        )
    return found

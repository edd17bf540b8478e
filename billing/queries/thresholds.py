"""What was billed of open periods, before they are over."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from django.db.models import Case, DecimalField, ExpressionWrapper, F, Sum, When

from billing.domain.thresholds import BilledEarly
from billing.models import CreditNoteLine, Invoice, InvoiceLine, ThresholdCrossing
from tiktoktoe.kernel.money import Money, quantize_amount

PeriodKey = tuple[int, datetime]
AMOUNT: "DecimalField[Decimal, Decimal]" = DecimalField(max_digits=19, decimal_places=4)


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
    charged = {
        (invoice_id, includes_tax): amount
        for invoice_id, includes_tax, amount in InvoiceLine.objects.filter(invoice__in=of_invoice)
        .values_list("invoice", "includes_tax")
        .annotate(amount=Sum(_charged("includes_tax")))
    }
    given_back = {
        (invoice_id, includes_tax): amount
        for invoice_id, includes_tax, amount in CreditNoteLine.objects.filter(
            invoice_line__invoice__in=of_invoice
        )
        .values_list("invoice_line__invoice", "invoice_line__includes_tax")
        .annotate(amount=Sum(_charged("invoice_line__includes_tax")))
    }
    found: dict[PeriodKey, list[BilledEarly]] = defaultdict(list)
    for invoice in invoices.order_by("created_at", "pk"):
        for includes_tax in (False, True):
            key = (invoice.pk, includes_tax)
            if key in charged:
                amount = charged[key] - given_back.get(key, Decimal(0))
                found[of_invoice[invoice.pk]].append(
                    BilledEarly(
                        invoice_id=str(invoice.pk),
                        number=str(invoice),
                        amount=Money(amount, invoice.currency),
                        includes_tax=includes_tax,
                    )
                )
    return found


def _charged(includes_tax: str) -> Case:
    """What a line, or what is taken back of one, comes to as its price says it."""
    with_tax = When(
        **{includes_tax: True}, then=ExpressionWrapper(F("amount") + F("tax_amount"), AMOUNT)
    )
    return Case(with_tax, default=ExpressionWrapper(F("amount"), AMOUNT), output_field=AMOUNT)


AheadKey = tuple[int, int, datetime]


def billed_ahead(keys: Collection[AheadKey]) -> Mapping[AheadKey, Money]:
    """What was billed of usage as it came: by subscription, price and start of the stretch.

    Before coupons, so that what they took off is not billed later; less what credit notes took
    back; void invoices charge nothing.
    """
    if not keys:
        return {}
    lines = InvoiceLine.objects.filter(
        kind=InvoiceLine.Kind.USAGE,
        subscription__in={key[0] for key in keys},
        price__in={key[1] for key in keys},
        period_start__gte=min(key[2] for key in keys),
    ).exclude(invoice__state=Invoice.State.VOID)
    of_line = {
        pk: ((subscription_id, price_id, start), Money(charged, currency), Money(off, currency))
        for pk, subscription_id, price_id, start, charged, off, currency in lines.annotate(
            said=_charged("includes_tax")
        ).values_list("pk", "subscription", "price", "period_start", "said", "discount", "currency")
    }
    given_back = dict(
        CreditNoteLine.objects.filter(invoice_line__in=of_line)
        .values_list("invoice_line")
        .annotate(amount=Sum(_charged("invoice_line__includes_tax")))
    )
    found: dict[AheadKey, Money] = {}
    for pk, (key, amount, off) in of_line.items():
        if key in keys:
            left = _before_coupons(amount, off, given_back.get(pk, Decimal(0)))
            found[key] = found[key] + left if key in found else left
    return found


def _before_coupons(amount: Money, off: Money, given_back: Decimal) -> Money:
    """What a line charged before coupons, less the share of it that was given back."""
    if not given_back or not amount.amount:
        return amount + off
    share = 1 - Fraction(given_back) / Fraction(amount.amount)
    return quantize_amount(Fraction((amount + off).amount) * share, amount.currency.code)

"""What figures of the overview are made of, item by item."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from analytics import queries
from analytics.queries import Month
from analytics.views.overview import chosen_currency
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.money import Money
from tiktoktoe.web.access import requires


@require_GET
@requires(Permission.VIEW_ANALYTICS)
def cash(request: HttpRequest) -> HttpResponse:
    """What came and went in a month, `?month=2026-03`; it adds up to the cash collected."""
    currency = chosen_currency(request, queries.currencies())
    month = asked_month(request)
    start, end = month.start, month.after.start
    payments = queries.payments_in(start=start, end=end, currency=currency)
    refunds = queries.refunds_in(start=start, end=end, currency=currency)
    taken_back = queries.taken_back_in(start=start, end=end, currency=currency)
    nothing = Money(0, currency)
    paid = sum((p.amount for p in payments), nothing)
    refunded = sum((r.amount for r in refunds), nothing)
    lost = sum((row.amount for row in taken_back), nothing)
    context = {
        "currency": currency,
        "month": month,
        "payments": payments,
        "refunds": refunds,
        "paid": paid,
        "refunded": refunded,
        "taken_back": taken_back,
        "lost": lost,
        "collected": paid - refunded - lost,
    }
    return render(request, "analytics/cash.html", context)


@require_GET
@requires(Permission.VIEW_ANALYTICS)
def failed_payments(request: HttpRequest) -> HttpResponse:
    """Open invoices whose last payment failed, and what is left to pay of each."""
    currency = chosen_currency(request, queries.currencies())
    invoices = list(queries.failed_invoices(currency))
    context = {
        "currency": currency,
        "invoices": invoices,
        "total": sum((i.amount_due for i in invoices), Money(0, currency)),
    }
    return render(request, "analytics/failed_payments.html", context)


def asked_month(request: HttpRequest) -> Month:
    """The month that was asked for, else this one."""
    try:
        asked = datetime.strptime(f"{request.GET.get('month', '')}-01 +0000", "%Y-%m-%d %z")
    except ValueError:
        return Month.of(now())
    return Month.of(asked) if 2000 <= asked.year <= 2200 else Month.of(now())

"""The finance overview, and what its figures are made of."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from analytics import charts, queries
from analytics.queries import Month, MonthBridge, PaidMonth
from billing.models import Invoice
from finance.queries.unposted import unposted_count
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.rates import ratio
from tiktoktoe.web.access import requires
from tiktoktoe.web.templatetags.numbers import money

MONTHS = 12
RECENT = 8


@require_GET
@requires(Permission.VIEW_ANALYTICS)
def overview(request: HttpRequest) -> HttpResponse:
    """MRR, cash, receivables, failures and the books' backlog; each leads to its list."""
    at = now()
    known = queries.currencies()
    currency = chosen_currency(request, known)
    month = Month.of(at)
    bridges = queries.bridges(until=at, months=MONTHS, currency=currency)
    paid = queries.invoiced_and_collected(until=at, months=MONTHS, currency=currency)
    context = {
        "at": at,
        "currency": currency,
        "currencies": known,
        "month": month,
        "mrr": bridges[-1].bridge.closing,
        "mrr_change": change_of(bridges),
        "mrr_trend": [int(row.bridge.closing.amount) for row in bridges],
        "cash": queries.cash_in(start=month.start, end=month.after.start, currency=currency),
        "cash_trend": [int(row.collected.amount) for row in paid],
        "owed": queries.receivables(currency),
        "overdue": queries.receivables(currency, overdue_at=at),
        "failed": queries.failed_payments(currency),
        "unposted": unposted_count(at=at),
        "attention": queries.attention(since=at - timedelta(days=7)),
        "mrr_figure": charts.mrr_movement(bridges),
        "mrr_table": bridge_table(bridges, currency),
        "cash_figure": charts.invoiced_and_collected(paid),
        "cash_table": paid_table(paid, currency),
        "recent": Invoice.objects.final()
        .filter(currency=currency)
        .select_related("customer")
        .order_by("-finalized_at", "-number")[:RECENT],
    }
    return render(request, "analytics/overview.html", context)


@require_GET
@requires(Permission.VIEW_ANALYTICS)
def mrr(request: HttpRequest) -> HttpResponse:
    """MRR month by month, and every movement of the month that is chosen."""
    at = now()
    known = queries.currencies()
    currency = chosen_currency(request, known)
    bridges = queries.bridges(until=at, months=MONTHS, currency=currency)
    chosen = chosen_month(request, bridges)
    kind = request.GET.get("kind", "")
    moved = queries.movements_in(
        start=chosen.month.start, end=chosen.month.after.start, currency=currency, kind=kind
    )
    context = {
        "currency": currency,
        "currencies": known,
        "bridges": bridges[::-1],
        "chosen": chosen,
        "kind": kind,
        "movements": moved,
        "total": sum((m.amount for m in moved), Money(0, currency)),
        "figure": charts.mrr_level(bridges),
        "table": bridge_table(bridges, currency),
    }
    return render(request, "analytics/mrr.html", context)


def chosen_currency(request: HttpRequest, known: Sequence[str]) -> str:
    """The currency that was asked for, else the one most used."""
    asked = request.GET.get("currency", "")
    return asked if asked in known else next(iter(known), "EUR")


def chosen_month(request: HttpRequest, rows: Sequence[MonthBridge]) -> MonthBridge:
    """The month that was asked for as 2026-03, else the last."""
    asked = request.GET.get("month", "")
    return next((row for row in rows if f"{row.month.first:%Y-%m}" == asked), rows[-1])


def change_of(rows: Sequence[MonthBridge]) -> dict[str, str]:
    """How MRR changed since the month began; a rate of nothing is not shown."""
    last = rows[-1].bridge
    moved = last.closing - last.opening
    share = ratio(moved.amount, last.opening.amount)
    words = money(moved) if share is None else f"{float(share * 100):+.1f} %"
    tone = "good" if moved.amount > 0 else "bad" if moved.amount < 0 else "quiet"
    return {"words": words, "tone": tone}


def bridge_table(rows: Sequence[MonthBridge], currency: str) -> dict[str, Any]:
    """The figures behind the chart of movements."""
    return {
        "headers": [
            *("Month", "Opening", "New", "Expansion"),
            *("Reactivation", "Contraction", "Churn", "Closing"),
        ],
        "rows": [
            [
                _linked(
                    f"{row.month.first:%b %Y}",
                    reverse("mrr"),
                    currency=currency,
                    month=f"{row.month.first:%Y-%m}",
                ),
                *(
                    money(amount)
                    for amount in (
                        row.bridge.opening,
                        row.bridge.new,
                        row.bridge.expansion,
                        row.bridge.reactivation,
                        row.bridge.contraction,
                        row.bridge.churn,
                        row.bridge.closing,
                    )
                ),
            ]
            for row in rows
        ],
    }


def paid_table(rows: Sequence[PaidMonth], currency: str) -> dict[str, Any]:
    """The figures behind the chart of cash."""
    return {
        "headers": ["Month", "Invoiced", "Collected"],
        "rows": [
            [
                f"{row.month.first:%b %Y}",
                _linked(
                    money(row.invoiced),
                    reverse("invoice_list"),
                    currency=currency,
                    start=row.month.first.isoformat(),
                    end=(row.month.after.first - timedelta(days=1)).isoformat(),
                ),
                _linked(
                    money(row.collected),
                    reverse("cash"),
                    currency=currency,
                    month=f"{row.month.first:%Y-%m}",
                ),
            ]
            for row in rows
        ],
    }


def _linked(text: str, path: str, **query: str) -> dict[str, str]:
    """A cell that leads to what it is made of."""
    return {"text": text, "href": f"{path}?{urlencode(query)}"}

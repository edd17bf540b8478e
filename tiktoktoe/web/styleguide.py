"""Every component on one page, with made-up values: for whoever builds or tests pages."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from tiktoktoe.kernel.money import Money
from tiktoktoe.web.access import signed_in
from tiktoktoe.web.tones import TONES

LAYOUTS = ("staff", "portal", "plain")
MONTHS = ["Jun 26", "Jul 26", "Aug 26", "Sep 26", "Oct 26", "Nov 26"]
NEW = [8400, 9100, 8800, 10400, 11900, 12600]
CHURN = [-2400, -1900, -2600, -2200, -3100, -2700]
AT = datetime(2026, 11, 23, 13, 40, tzinfo=UTC)


class ExampleForm(forms.Form):
    """One field of each kind."""

    name = forms.CharField(help_text="As it should stand on invoices.")
    email = forms.EmailField(label="E-mail for invoices")
    currency = forms.ChoiceField(choices=[("USD", "USD"), ("EUR", "EUR")])
    starts_on = forms.DateField(
        required=False, label="Starts on", widget=forms.DateInput(attrs={"type": "date"})
    )
    note = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    timing = forms.ChoiceField(
        choices=[("now", "Now"), ("end", "At the end of the period")], widget=forms.RadioSelect
    )
    is_tax_exempt = forms.BooleanField(required=False, label="Exempt from tax")


@require_GET
@signed_in
def styleguide(request: HttpRequest) -> HttpResponse:
    """The page, in the layout that `?layout=` names."""
    messages.success(request, "Invoice INV-2026-4310 is final and on its way to Acme Widgets.")
    messages.error(request, "The card ending 4242 was declined: not enough funds.")
    name = request.GET.get("layout", "staff")
    layout = f"layouts/{name if name in LAYOUTS else 'staff'}.html"
    context = {"layout": layout, **_values(), **_figures(), **_lists()}
    return render(request, "web/styleguide.html", context)


def _values() -> dict[str, Any]:
    return {
        "at": AT,
        "start": datetime(2026, 11, 1, tzinfo=UTC),
        "end": datetime(2026, 12, 1, tzinfo=UTC),
        "mrr": Money("197100.00", "USD"),
        "receivable": Money("8214.50", "USD"),
        "credit": Money("-23.10", "USD"),
        "yen": Money("120000", "JPY"),
        "dinar": Money("12.345", "KWD"),
        "price": Money("0.0000025", "EUR"),
        "used": Decimal("78410"),
        "included": Decimal("100000"),
        "over_used": Decimal("62.5"),
        "over_included": Decimal(50),
        "trend": [151, 155, 160, 162, 171, 182, 197],
        "trend_down": [9, 8, 8, 7, 6, 6, 5],
    }


def _figures() -> dict[str, Any]:
    movement = {
        "data": [
            {"type": "bar", "name": "New", "x": MONTHS, "y": NEW},
            {
                "type": "bar",
                "name": "Churn",
                "x": MONTHS,
                "y": CHURN,
                "marker": {"color": "var(--chart-4)"},
            },
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "Net",
                "x": MONTHS,
                "y": [a + b for a, b in zip(NEW, CHURN, strict=True)],
                "line": {"color": "var(--ink)"},
            },
        ],
        "layout": {"barmode": "relative", "yaxis": {"tickprefix": "$"}},
    }
    bridge = {
        "data": [
            {
                "type": "waterfall",
                "x": ["October", "New", "Expansion", "Churn", "November"],
                "y": [184800, 12600, 4200, -4500, 197100],
                "measure": ["absolute", "relative", "relative", "relative", "total"],
            }
        ],
        "layout": {"yaxis": {"tickprefix": "$"}},
    }
    rows = [
        (month, f"${new:,}", f"−${-churn:,}", f"${new + churn:,}")
        for month, new, churn in zip(MONTHS, NEW, CHURN, strict=True)
    ]
    table = {"headers": ["Month", "New", "Churn", "Net"], "rows": rows}
    return {"movement": movement, "bridge": bridge, "movement_table": table}


def _lists() -> dict[str, Any]:
    invoices = [
        ("INV-2026-4310", "Acme Widgets", "paid", "2026-12-04", Money("3444.63", "USD")),
        ("INV-2026-4309", "Bright Harbor Ltd", "open", "2026-12-02", Money("4189.02", "USD")),
        ("INV-2026-4308", "Corvid Analytics", "past_due", "2026-11-09", Money("555.31", "USD")),
        ("INV-2026-4307", "Delta Print GmbH", "draft", "2026-12-09", Money("8660.68", "USD")),
        ("INV-2026-4306", "Evergreen Clinics", "void", "2026-11-20", Money("1036.02", "USD")),
    ]
    events = [
        {"what": "Payment succeeded", "at": AT, "who": "card ending 4242", "tone": "good"},
        {"what": "Card declined", "at": AT, "note": "Not enough funds", "tone": "bad"},
        {"what": "Invoice finalized", "at": AT, "who": "billing run 118"},
    ]
    wrong = ExampleForm({"name": "", "email": "not an address", "currency": "USD", "timing": "now"})
    return {
        "invoices": invoices,
        "events": events,
        "states": [(tone, sorted(states)) for tone, states in TONES.items()],
        "form": ExampleForm(),
        "wrong_form": wrong,
        "page": Paginator(range(12_345), 50).get_page(3),
        "crumbs": [("Invoices", "/styleguide/"), ("INV-2026-4310", "")],
        "choices": [("open", "Open", 2), ("paid", "Paid", 6), ("past_due", "Past due", 2)],
        "details": [
            ("Customer", "Acme Widgets"),
            ("Currency", "USD"),
            ("Tax number", None),
            ("Reference", "sub_01J9ZK3W2N"),
        ],
    }

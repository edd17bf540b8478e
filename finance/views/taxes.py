"""The page of taxes that are owed, by jurisdiction and rate."""

from datetime import UTC
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from finance.forms import TaxForm
from finance.queries import currencies_used, tax_report
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires


@require_GET
@requires(Permission.VIEW_BOOKS)
def tax_report_page(request: HttpRequest) -> HttpResponse:
    """What is owed to which tax office, of a month if nothing else is asked for."""
    today = now().astimezone(UTC).date()
    form = TaxForm(request.GET, today=today, currencies=currencies_used())
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        context["report"] = tax_report(**form.cleaned_data)
    return render(request, "finance/tax_report.html", context)

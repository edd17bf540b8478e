"""Drafts that wait for the tax engine, and why."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from billing.models import Invoice
from billing.services.invoices.taxing import ask_again
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires

SHOWN_MAX = 200


@require_GET
@requires(Permission.VIEW_BILLING)
def tax_waiting_list(request: HttpRequest) -> HttpResponse:
    """The drafts that have no tax yet, the oldest first."""
    waiting = Invoice.objects.awaiting_tax().select_related("customer")
    context = {
        "invoices": waiting.order_by("created_at")[:SHOWN_MAX],
        "count": waiting.count(),
        "has_engine": bool(settings.TAX_ENGINE_URL),
    }
    return render(request, "billing/tax_waiting_list.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def tax_waiting_again(request: HttpRequest, invoice_id: UUID) -> HttpResponse:
    """Let the next round ask about a draft."""
    invoice = get_object_or_404(Invoice.objects.awaiting_tax(), pk=invoice_id)
    ask_again(invoice=invoice, at=now())
    messages.info(request, "The tax engine is asked again within half a minute.")
    return redirect("tax_waiting_list")

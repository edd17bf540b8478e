"""Usage that came after its subscription had ended, and that nobody bills: shown, and billed."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from billing.queries.late_usage import newest_first, unbilled_usage
from billing.services.invoices.late_charges import late_charges
from billing.services.invoices.late_usage import bill_late_usage
from subscriptions.models import Subscription
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.web.access import requires


@require_GET
@requires(Permission.VIEW_BILLING)
def late_usage_list(request: HttpRequest) -> HttpResponse:
    """What came late for ended subscriptions, and what it would cost."""
    charges = late_charges(newest_first(unbilled_usage()))
    return render(request, "billing/late_usage_list.html", {"charges": charges})


@require_POST
@requires(Permission.CHANGE_BILLING)
def late_usage_billing(request: HttpRequest, reference: str) -> HttpResponse:
    """Bill what came late for one subscription."""
    subscription = get_object_or_404(Subscription, reference=reference)
    try:
        made = bill_late_usage(subscription=subscription, at=now())
    except (Conflict, InvalidInput) as refusal:
        messages.error(request, f"Nothing was billed: {refusal}.")
        return redirect("late_usage_list")
    if made.invoice is None:
        notes = ", ".join(str(note) for note in made.notes)
        messages.success(request, f"With what came late, less is owed: {notes} gives it back.")
        return redirect("late_usage_list")
    messages.success(request, f"{made.invoice} bills what came late for {subscription}.")
    return redirect("invoice_detail", made.invoice.address_key)

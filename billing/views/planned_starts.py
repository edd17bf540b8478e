"""Staff see what is to start for a customer, and take it back."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from billing.models import PlannedStart
from billing.services.changes.planned_starts import withdraw_start
from subscriptions.models import Customer
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires

LATEST = 5


@require_GET
@requires(Permission.VIEW_BILLING)
def planned_starts(request: HttpRequest, customer_id: int) -> HttpResponse:
    """What waits for its day, and what did not start: a part of the customer's page."""
    customer = get_object_or_404(Customer, pk=customer_id)
    starts = PlannedStart.objects.filter(customer=customer).select_related("plan_version__plan")
    refused = starts.filter(state=PlannedStart.State.REFUSED).order_by("-due_at", "-pk")
    context = {
        "customer": customer,
        "waiting": starts.waiting().order_by("due_at", "pk"),
        "refused": refused[:LATEST],
    }
    return render(request, "billing/_planned_starts.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def planned_start_withdrawal(request: HttpRequest, start_id: int) -> HttpResponse:
    """Take back what waits for its day."""
    start = withdraw_start(start=get_object_or_404(PlannedStart, pk=start_id), at=now())
    if start.state == PlannedStart.State.WITHDRAWN:
        messages.success(request, "It is withdrawn.")
    else:
        messages.error(request, f"Its day has come: it is {start.get_state_display().lower()}.")
    return redirect("customer_detail", start.customer_id)

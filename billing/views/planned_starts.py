"""Staff see what is to start for a customer and what it will charge, and take it back."""

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from billing.models import PlannedStart
from billing.services.changes.planned_previews import PlannedPreview, preview_waiting_start
from billing.services.changes.planned_starts import withdraw_start
from billing.services.invoices.tax_previews import with_taxes
from subscriptions.models import Customer
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.web.access import requires
from tiktoktoe.web.chips import state_chips
from tiktoktoe.web.pagination import paginate

LATEST = 5


@require_GET
@requires(Permission.VIEW_BILLING)
def planned_start_list(request: HttpRequest) -> HttpResponse:
    """All of them, by state, those of the latest day on top."""
    rows = PlannedStart.objects.order_by("-due_at", "-pk")
    counts = dict(rows.values_list("state").annotate(n=Count("pk")).order_by())
    state = request.GET.get("state", "")
    shown = rows.filter(state=state) if state in PlannedStart.State else rows
    context = {
        "page": paginate(request, shown.select_related("customer", "plan_version__plan")),
        "state": state,
        "states": state_chips(PlannedStart.State, counts),
        "total_count": sum(counts.values()),
    }
    return render(request, "billing/planned_start_list.html", context)


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


@require_GET
@requires(Permission.VIEW_BILLING)
def planned_start_detail(request: HttpRequest, start_id: int) -> HttpResponse:
    """One of them: what it will charge while it waits, and what happened to it."""
    rows = PlannedStart.objects.select_related("customer", "plan_version__plan", "subscription")
    start = get_object_or_404(rows, pk=start_id)
    preview, refusal = coming_preview(start)
    context = {
        "start": start,
        "customer": start.customer,
        "add_ons": start.add_ons.select_related("plan_version__plan"),
        "events": start.events.select_related("actor"),
        "preview": preview,
        "refusal": refusal,
    }
    return render(request, "billing/planned_start_detail.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def planned_start_withdrawal(request: HttpRequest, start_id: int) -> HttpResponse:
    """Take back what waits for its day."""
    assert isinstance(request.user, User)
    actor = Actor(source="finance", user=request.user)
    start = get_object_or_404(PlannedStart, pk=start_id)
    start = withdraw_start(start=start, actor=actor, at=now())
    if start.state == PlannedStart.State.WITHDRAWN:
        messages.success(request, "It is withdrawn.")
    else:
        messages.error(request, f"Its day has come: it is {start.get_state_display().lower()}.")
    return redirect("customer_detail", start.customer_id)


def coming_preview(start: PlannedStart) -> tuple[PlannedPreview | None, str]:
    """What one that waits will charge, or why it could not start as things stand."""
    if start.state != PlannedStart.State.WAITING:
        return None, ""
    try:
        return with_taxes(preview_waiting_start(start)), ""
    except (Conflict, InvalidInput) as refusal:
        return None, str(refusal)

"""Staff pages of outgoing webhooks: endpoints, their deliveries and every try."""

from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.errors import WebhookInvalid
from billing.forms.webhook_endpoints import EndpointForm
from billing.models import WebhookDelivery, WebhookEndpoint
from billing.services.announcements.webhook_deliveries import (
    event_body,
    replay_delivery,
    replay_failed,
)
from billing.services.announcements.webhook_endpoints import (
    create_endpoint,
    disable_endpoint,
    enable_endpoint,
    remove_endpoint,
    renew_secret,
)
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires
from tiktoktoe.web.chips import state_chips
from tiktoktoe.web.pagination import paginate


@never_cache
@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def endpoint_list(request: HttpRequest) -> HttpResponse:
    """The endpoints, and a form for another; its secret is shown on that answer alone."""
    form = EndpointForm(request.POST or None)
    secret = ""
    if request.method == "POST" and form.is_valid():
        try:
            secret = create_endpoint(**form.cleaned_data, at=now()).secret
            form = EndpointForm()
        except WebhookInvalid as refusal:
            form.add_error("url", f"{refusal.message} ({refusal.remedy})")
    kept = WebhookEndpoint.objects.exclude(state=WebhookEndpoint.State.REMOVED)
    context = {"endpoints": kept, "form": form, "secret": secret}
    return render(request, "billing/webhook_endpoint_list.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def endpoint_detail(request: HttpRequest, reference: str) -> HttpResponse:
    """One endpoint: what it is told, and what became of each event."""
    return _detail(request, _endpoint(reference))


@require_GET
@requires(Permission.VIEW_BILLING)
def delivery_detail(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """One event for one endpoint: its body, and every try."""
    rows = WebhookDelivery.objects.select_related("announcement__customer", "endpoint")
    delivery = get_object_or_404(rows, pk=delivery_id)
    context = {
        "delivery": delivery,
        "body": event_body(delivery.announcement),
        "tries": delivery.tries.order_by("-id"),
    }
    return render(request, "billing/webhook_delivery_detail.html", context)


@never_cache
@require_POST
@requires(Permission.CHANGE_BILLING)
def endpoint_secret_renewal(request: HttpRequest, reference: str) -> HttpResponse:
    """Give an endpoint another secret, shown on this answer alone."""
    made = renew_secret(endpoint=_endpoint(reference))
    return _detail(request, made.endpoint, secret=made.secret)


@require_POST
@requires(Permission.CHANGE_BILLING)
def endpoint_state(request: HttpRequest, reference: str) -> HttpResponse:
    """Switch an endpoint off or on, or remove it."""
    endpoint = _endpoint(reference)
    wanted = request.POST.get("state", "")
    if wanted == "disabled":
        assert isinstance(request.user, User)
        disable_endpoint(endpoint=endpoint, reason=f"switched off by {request.user.email}")
        messages.success(request, "It is told nothing for now; its events wait.")
    elif wanted == "active":
        enable_endpoint(endpoint=endpoint)
        messages.success(request, "It is told again.")
    elif wanted == "removed":
        remove_endpoint(endpoint=endpoint)
        messages.success(request, "It is removed; its log stays.")
        return redirect("webhook_endpoint_list")
    return redirect("webhook_endpoint_detail", reference)


@require_POST
@requires(Permission.CHANGE_BILLING)
def endpoint_replay(request: HttpRequest, reference: str) -> HttpResponse:
    """Send everything again that was given up."""
    count = replay_failed(endpoint=_endpoint(reference), at=now())
    messages.success(request, f"{count} events are sent again.")
    return redirect("webhook_endpoint_detail", reference)


@require_POST
@requires(Permission.CHANGE_BILLING)
def delivery_replay(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """Send one event again."""
    replay_delivery(delivery=get_object_or_404(WebhookDelivery, pk=delivery_id), at=now())
    messages.success(request, "It is sent again in a moment.")
    return redirect("webhook_delivery_detail", delivery_id)


def _detail(request: HttpRequest, endpoint: WebhookEndpoint, secret: str = "") -> HttpResponse:
    deliveries = WebhookDelivery.objects.filter(endpoint=endpoint)
    counts = dict(deliveries.values_list("state").annotate(n=Count("pk")).order_by())
    state = request.GET.get("state", "")
    shown = deliveries.filter(state=state) if state in WebhookDelivery.State.values else deliveries
    context = {
        "endpoint": endpoint,
        "secret": secret,
        "page": paginate(request, shown.select_related("announcement__customer")),
        "state": state,
        "choices": state_chips(WebhookDelivery.State, counts),
        "total_count": sum(counts.values()),
        "failed_count": counts.get("failed", 0),
    }
    return render(request, "billing/webhook_endpoint_detail.html", context)


def _endpoint(reference: str) -> WebhookEndpoint:
    return get_object_or_404(WebhookEndpoint, reference=reference)

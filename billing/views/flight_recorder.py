"""The flight recorder: everything that led to where a payment went, and what else might have."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from billing.models import GatewayCall, Payment, RoutingPolicy
from billing.queries.event_chain import broken_seals
from billing.queries.flight_recorder import decisions_of, replay
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.web.access import requires


@require_GET
@requires(Permission.VIEW_BILLING)
def flight_recorder(request: HttpRequest, payment_id: UUID) -> HttpResponse:
    """The decisions, calls and events of a payment; `?policy=2` decides again by version 2."""
    payment = get_object_or_404(
        Payment.objects.select_related("customer", "invoice"), pk=payment_id
    )
    views = decisions_of(payment)
    asked = request.GET.get("policy", "")
    other = RoutingPolicy.objects.prefetch_related("rules").filter(
        version=int(asked) if asked.isdecimal() and len(asked) < 9 else 0
    )
    policy = other.first()
    calls = GatewayCall.objects.filter(attempt__payment=payment) | GatewayCall.objects.filter(
        refund__payment=payment
    )
    context = {
        "payment": payment,
        "views": views,
        "policies": RoutingPolicy.objects.all()[:20],
        "replay": replay(views[0].decision, policy) if policy and views else None,
        "attempts": payment.attempts.exclude(authentication={}).order_by("sequence"),
        "calls": calls.select_related("attempt").order_by("started_at", "pk")[:200],
        "events": payment.events.order_by("pk"),
        "broken": broken_seals(payment.pk),
    }
    return render(request, "billing/flight_recorder.html", context)

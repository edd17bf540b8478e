"""The door for gateways' events, and the inbox as staff see it."""

import logging

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from kombu.exceptions import OperationalError

from billing.errors import GatewayRefused, GatewayUnavailable, WebhookForged, WebhookUnreadable
from billing.models import WebhookEvent
from billing.queries.webhook_events import inbox_health
from billing.services.payments.webhook_inbox import (
    BODY_MAX_BYTES,
    refuse_too_large,
    replay_event,
    take_in,
)
from billing.tasks import work_off_event
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict
from tiktoktoe.web.access import public, requires
from tiktoktoe.web.bodies import declared_length
from tiktoktoe.web.chips import state_chips
from tiktoktoe.web.pagination import paginate

logger = logging.getLogger(__name__)
ACCEPTED = "[accepted]"  # what Adyen wants to read; others only look at the status


@csrf_exempt
@require_POST
@public
def gateway_events(request: HttpRequest, gateway: str) -> HttpResponse:
    """Take in what a gateway posts: its signature is checked before anything else."""
    at = now()
    try:
        if declared_length(request) > BODY_MAX_BYTES:
            refuse_too_large(gateway=gateway, at=at)
            return HttpResponse("too large", status=413, content_type="text/plain")
        events = take_in(gateway=gateway, headers=request.headers, body=request.body, at=at)
    except GatewayRefused:
        return HttpResponse("no such gateway", status=404, content_type="text/plain")
    except GatewayUnavailable:
        # Whether it is genuine cannot be asked now; the gateway sends it again.
        return HttpResponse("not now", status=503, content_type="text/plain")
    except WebhookForged as refusal:
        return HttpResponse(str(refusal), status=401, content_type="text/plain")
    except WebhookUnreadable as refusal:
        return HttpResponse(str(refusal), status=400, content_type="text/plain")
    for event in events:
        try:
            work_off_event.delay(event.pk)
        except OperationalError:
            # A broker that is down must not turn the event away: the schedule finds it.
            logger.warning("no broker for a webhook event", extra={"event": event.pk})
    return HttpResponse(ACCEPTED, content_type="text/plain")


@require_GET
@requires(Permission.VIEW_BILLING)
def webhook_event_list(request: HttpRequest) -> HttpResponse:
    """What gateways have told, the latest first: signed or not, done or not, and how late."""
    events = WebhookEvent.objects.all()
    health = inbox_health(at=now())
    state = request.GET.get("state", "")
    wanted = state if state in WebhookEvent.State.values else ""
    context = {
        "page": paginate(request, events.filter(state=wanted) if wanted else events),
        "health": health,
        "state": wanted,
        "choices": state_chips(WebhookEvent.State, health.counts),
        "total_count": sum(health.counts.values()),
    }
    return render(request, "billing/webhook_event_list.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def webhook_event_replay(request: HttpRequest, event_id: int) -> HttpResponse:
    """Have an event looked into once more, now."""
    event = get_object_or_404(WebhookEvent, pk=event_id)
    try:
        replayed = replay_event(event=event, at=now())
    except Conflict as refusal:
        messages.error(request, f"Nothing was done: {refusal}.")
    else:
        messages.info(request, f"{replayed.name}: {replayed.result or replayed.state}.")
    return redirect("webhook_event_list")

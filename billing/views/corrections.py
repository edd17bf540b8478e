"""What people do, in the inbox of unknowns, about gateways that say the opposite of ours."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from billing.models import OutcomeCorrection, PaymentEvent
from billing.queries.contradictions import CONTRADICTS
from billing.services.payments.corrections import (
    agree_to_correction,
    propose_correction,
    refuse_correction,
)
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, GatewayError
from tiktoktoe.web.access import requires


@require_POST
@requires(Permission.CHANGE_BILLING)
def correction_proposal(request: HttpRequest, event_id: int) -> HttpResponse:
    """Propose to follow the gateway; or say what was done by hand, where a note is given."""
    events = PaymentEvent.objects.select_related("attempt__payment")
    event = get_object_or_404(events, pk=event_id, event=CONTRADICTS)
    note = request.POST.get("reason", "")
    try:
        propose_correction(contradiction=event, note=note, actor=_actor(request), at=now())
    except (Conflict, GatewayError) as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, "It is written down; it counts once another person agrees.")
    return redirect("unknown_list")


@require_POST
@requires(Permission.CHANGE_BILLING)
def correction_agreement(request: HttpRequest, correction_id: int) -> HttpResponse:
    """Agree: what is here, and the books, follow the gateway."""
    related = ("attempt__payment", "contradiction__attempt__payment")
    corrections = OutcomeCorrection.objects.select_related(*related)
    correction = get_object_or_404(corrections, pk=correction_id)
    try:
        agree_to_correction(correction=correction, actor=_actor(request), at=now())
    except (Conflict, GatewayError) as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, "It is done; the books follow with the next posting.")
    return redirect("unknown_list")


@require_POST
@requires(Permission.CHANGE_BILLING)
def correction_refusal(request: HttpRequest, correction_id: int) -> HttpResponse:
    """Let a proposal count for nothing."""
    correction = get_object_or_404(OutcomeCorrection, pk=correction_id)
    try:
        refuse_correction(correction=correction, actor=_actor(request), at=now())
    except Conflict as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, "It does not count; the contradiction still waits.")
    return redirect("unknown_list")


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)
    return Actor(source="finance", user=request.user)

"""The inbox of what is not known to have been done, and what people may do about it."""

from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from billing.forms.payments import OutcomeClaimForm
from billing.models import OutcomeClaim, PaymentAttempt, PaymentOperation, Refund
from billing.queries.contradictions import open_contradictions
from billing.queries.unknowns import (
    UnknownMovement,
    UnknownRow,
    unknown_attempts,
    unknown_movements,
    untold_hold_rows,
)
from billing.services.payments.claim_targets import Target, look_at, word_for
from billing.services.payments.unknowns import agree_to_claim, claim_outcome, refuse_claim
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, GatewayError
from tiktoktoe.web.access import requires


@require_GET
@requires(Permission.VIEW_BILLING)
def unknown_list(request: HttpRequest) -> HttpResponse:
    """Attempts, refunds, captures and voids that are not known, and what gateways contradict."""
    at = now()
    context = {
        "rows": [(row, _form_of_attempt(row)) for row in unknown_attempts(at=at)],
        "movements": [(row, _form_of_movement(row)) for row in unknown_movements(at=at)],
        "holds": untold_hold_rows(at=at),
        "contradictions": open_contradictions(),
    }
    return render(request, "billing/unknown_list.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def unknown_look(request: HttpRequest, kind: str, target_id: UUID) -> HttpResponse:
    """Ask the gateway now: read, replay while that is safe, or search."""
    target = _find(kind, target_id)
    try:
        seen = look_at(target=target, actor=_actor(request), at=now())
    except (Conflict, GatewayError) as refusal:
        messages.error(request, f"The gateway could not be asked: {refusal}.")
    else:
        messages.info(request, _told(seen))
    return redirect("unknown_list")


@require_POST
@requires(Permission.CHANGE_BILLING)
def unknown_claim(request: HttpRequest, kind: str, target_id: UUID) -> HttpResponse:
    """Say what became of it, by evidence that a person has; another has to agree."""
    target = _find(kind, target_id)
    form = OutcomeClaimForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say what proves it and why you mark it; nothing was changed.")
        return redirect("unknown_list")
    wanted = form.cleaned_data
    try:
        claim_outcome(
            target=target,
            verdict=OutcomeClaim.Verdict(wanted["verdict"]),
            reference=wanted["reference"],
            proof=wanted["proof"],
            reason=wanted["reason"],
            actor=_actor(request),
            at=now(),
        )
    except (Conflict, GatewayError) as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, "It is written down; it counts once another person agrees.")
    return redirect("unknown_list")


@require_POST
@requires(Permission.CHANGE_BILLING)
def unknown_agreement(request: HttpRequest, claim_id: int) -> HttpResponse:
    """Agree to what somebody else says became of it."""
    claim = get_object_or_404(_claims(), pk=claim_id)
    try:
        settled = agree_to_claim(claim=claim, actor=_actor(request), at=now())
    except (Conflict, GatewayError) as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, _told(settled))
    return redirect("unknown_list")


@require_POST
@requires(Permission.CHANGE_BILLING)
def unknown_refusal(request: HttpRequest, claim_id: int) -> HttpResponse:
    """Let what somebody says became of it count for nothing."""
    claim = get_object_or_404(_claims(), pk=claim_id)
    try:
        refuse_claim(claim=claim, actor=_actor(request), at=now())
    except Conflict as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, "It does not count; the outcome is still unknown.")
    return redirect("unknown_list")


def _form_of_attempt(row: UnknownRow) -> OutcomeClaimForm:
    # Each row's dialog has fields, and so ids, of its own.
    return OutcomeClaimForm(auto_id=f"attempt-{row.attempt.pk}-%s")


def _form_of_movement(row: UnknownMovement) -> OutcomeClaimForm:
    return OutcomeClaimForm(what=row.what, auto_id=f"{row.kind}-{row.pk}-%s")


def _find(kind: str, target_id: UUID) -> Target:
    found: Target
    if kind == "attempt":
        found = get_object_or_404(PaymentAttempt, pk=target_id)
    elif kind == "refund":
        found = get_object_or_404(Refund, pk=target_id)
    elif kind == "operation":
        found = get_object_or_404(PaymentOperation, pk=target_id)
    else:
        raise Http404(kind)
    return found


def _claims() -> QuerySet[OutcomeClaim]:
    return OutcomeClaim.objects.select_related(
        "attempt__payment", "refund__attempt__payment", "operation__attempt__payment"
    )


def _told(seen: Target) -> str:
    return f"The {word_for(seen)} is {str(seen.state).replace('_', ' ')} now."


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)
    return Actor(source="finance", user=request.user)

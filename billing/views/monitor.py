"""Pages of operations: the live monitor, and the inbox of what is not known."""

from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timesince import timesince
from django.views.decorators.http import require_GET, require_POST

from billing.charts import decline_mix
from billing.forms.payments import OutcomeClaimForm
from billing.models import OutcomeClaim, PaymentAttempt
from billing.queries.fee_truth import fee_truths
from billing.queries.monitor import monitor
from billing.queries.unknowns import unknown_attempts, unknown_movements
from billing.services.payments.reconciling import look_into
from billing.services.payments.unknowns import (
    agree_to_claim,
    claim_outcome,
    refuse_claim,
)
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, GatewayError
from tiktoktoe.kernel.rates import round_half_away
from tiktoktoe.web.access import requires

HOURS = {"1": "hour", "24": "day", "168": "week"}


@require_GET
@requires(Permission.VIEW_BILLING)
def payment_monitor(request: HttpRequest) -> HttpResponse:
    """Rates, latency, unknowns, breakers, fees, declines; the page asks again by itself."""
    asked = request.GET.get("hours", "")
    hours = asked if asked in HOURS else "24"
    at = now()
    seen = monitor(at=at, hours=int(hours))
    context = {
        "seen": seen,
        "gateway_rows": [(row, _percent(row.first_rate)) for row in seen.gateways],
        "net_rate": _percent(seen.net_rate),
        "oldest": _oldest(seen.oldest_unknown_at, at),
        "wait": _duration(seen.inbox.oldest_wait),
        "lag": _duration(seen.inbox.lag),
        "missed": _missed(seen.inbox.missed),
        "dispute_rate": _percent(seen.disputes.rate, places=2),
        "hours": hours,
        "fee_rows": [(row, _basis_points(row.off_by)) for row in seen.fees],
        # Not asked again every five seconds: it looks at 90 days.
        "truths": [] if request.headers.get("HX-Request") else fee_truths(at),
        "choices": HOURS.items(),
        "figure": decline_mix(seen.declines),
        "table": {"headers": ["Reason", "Declines"], "rows": seen.declines},
    }
    return render(request, "billing/payment_monitor.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def unknown_list(request: HttpRequest) -> HttpResponse:
    """Attempts, refunds and captures whose outcome is not known, with what is known of them."""
    return _inbox(request)


@require_POST
@requires(Permission.CHANGE_BILLING)
def unknown_look(request: HttpRequest, attempt_id: UUID) -> HttpResponse:
    """Ask the gateway now: read, replay while that is safe, or search."""
    attempt = _find(attempt_id)
    try:
        seen = look_into(attempt=attempt, actor=_actor(request), at=now())
    except (Conflict, GatewayError) as refusal:
        messages.error(request, f"The gateway could not be asked: {refusal}.")
    else:
        messages.info(request, f"The attempt is {str(seen.state).replace('_', ' ')} now.")
    return redirect("unknown_list")


@require_POST
@requires(Permission.CHANGE_BILLING)
def unknown_claim(request: HttpRequest, attempt_id: UUID) -> HttpResponse:
    """Say what became of an attempt, by evidence that a person has; another has to agree."""
    attempt = _find(attempt_id)
    form = OutcomeClaimForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say what proves it and why you mark it; nothing was changed.")
        return redirect("unknown_list")
    wanted = form.cleaned_data
    try:
        claim_outcome(
            attempt=attempt,
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
    """Agree to what somebody else says became of an attempt."""
    claim = get_object_or_404(OutcomeClaim.objects.select_related("attempt"), pk=claim_id)
    try:
        settled = agree_to_claim(claim=claim, actor=_actor(request), at=now())
    except (Conflict, GatewayError) as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, f"The attempt is {str(settled.state).replace('_', ' ')} now.")
    return redirect("unknown_list")


@require_POST
@requires(Permission.CHANGE_BILLING)
def unknown_refusal(request: HttpRequest, claim_id: int) -> HttpResponse:
    """Let what somebody says of an attempt count for nothing."""
    claim = get_object_or_404(OutcomeClaim.objects.select_related("attempt__payment"), pk=claim_id)
    try:
        refuse_claim(claim=claim, actor=_actor(request), at=now())
    except Conflict as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, "It does not count; the outcome is still unknown.")
    return redirect("unknown_list")


def _inbox(request: HttpRequest) -> HttpResponse:
    # Each row's dialog has fields, and so ids, of its own.
    rows = [
        (row, OutcomeClaimForm(auto_id=f"attempt-{row.attempt.pk}-%s"))
        for row in unknown_attempts(at=now())
    ]
    context: dict[str, Any] = {"rows": rows, "movements": unknown_movements()}
    return render(request, "billing/unknown_list.html", context)


def _percent(rate: Fraction | None, *, places: int = 1) -> str:
    return "—" if rate is None else f"{round_half_away(rate * 100, places)} %"


def _basis_points(share: Fraction | None) -> str:
    return "—" if share is None else f"{round_half_away(share * 10_000, 1):+} bps"


def _missed(events: int) -> str:
    return f"{events} never came: we asked" if events else "from happening to arrival"


def _duration(span: timedelta | None) -> str:
    """How long, in whole seconds below two minutes and in minutes beyond."""
    if span is None:
        return "—"
    seconds = int(span.total_seconds())
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"


def _oldest(since: datetime | None, at: datetime) -> str:
    return f"the oldest for {timesince(since, at)}" if since else ""


def _find(attempt_id: UUID) -> PaymentAttempt:
    return get_object_or_404(PaymentAttempt, pk=attempt_id)


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)
    return Actor(source="finance", user=request.user)

"""Holding money by hand: authorise an invoice's amount, take it in parts, let it go."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from billing.forms.holds import CaptureForm
from billing.models import PaymentAttempt
from billing.services.payments.holds import capture_hold, hold_invoice, void_hold
from billing.services.payments.lapsed_holds import say_hold_has_lapsed
from billing.views.invoices import find_invoice
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, GatewayError
from tiktoktoe.kernel.money import Money
from tiktoktoe.web.access import requires


@require_POST
@requires(Permission.CHANGE_BILLING)
def invoice_hold(request: HttpRequest, key: str) -> HttpResponse:
    """Hold what is due on an invoice, on the customer's default method."""
    invoice = find_invoice(key)
    try:
        attempt = hold_invoice(invoice=invoice, actor=_actor(request), at=now())
    except (Conflict, GatewayError) as refusal:
        messages.error(request, f"Nothing is held: {refusal}.")
        return redirect("invoice_detail", invoice.address_key)
    messages.info(request, f"The attempt is {str(attempt.state).replace('_', ' ')}.")
    return redirect("payment_detail", attempt.payment_id)


@require_POST
@requires(Permission.CHANGE_BILLING)
def hold_capture(request: HttpRequest, attempt_id: UUID) -> HttpResponse:
    """Take part or all of a hold."""
    attempt = _find(attempt_id)
    form = CaptureForm(request.POST, attempt=attempt)
    if not form.is_valid():
        wrong = "; ".join(str(error) for errors in form.errors.values() for error in errors)
        messages.error(request, f"Nothing was captured: {wrong}")
        return redirect("payment_detail", attempt.payment_id)
    wanted = form.cleaned_data
    try:
        operation = capture_hold(
            attempt=attempt,
            amount=Money(wanted["amount"], attempt.currency),
            is_last=wanted["is_last"],
            actor=_actor(request),
            idempotency_key=f"capture:{wanted['key']}",
            at=now(),
        )
    except (Conflict, GatewayError) as refusal:
        messages.error(request, f"Nothing was captured: {refusal}.")
    else:
        messages.info(request, f"The capture is {operation.state}.")
    return redirect("payment_detail", attempt.payment_id)


@require_POST
@requires(Permission.CHANGE_BILLING)
def hold_void(request: HttpRequest, attempt_id: UUID) -> HttpResponse:
    """Let a hold go."""
    attempt = _find(attempt_id)
    key = f"void:{attempt.pk}:{attempt.operations.count()}"
    try:
        operation = void_hold(attempt=attempt, actor=_actor(request), idempotency_key=key, at=now())
    except (Conflict, GatewayError) as refusal:
        messages.error(request, f"Nothing was let go: {refusal}.")
    else:
        messages.info(request, f"The void is {operation.state}.")
    return redirect("payment_detail", attempt.payment_id)


@require_POST
@requires(Permission.CHANGE_BILLING)
def hold_lapse(request: HttpRequest, attempt_id: UUID) -> HttpResponse:
    """Say that a hold is over, of which its gateway has not told the end."""
    attempt, proof = _find(attempt_id), request.POST.get("reason", "")
    try:
        seen = say_hold_has_lapsed(attempt=attempt, proof=proof, actor=_actor(request), at=now())
    except (Conflict, GatewayError) as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, f"The hold is {str(seen.state).replace('_', ' ')} now.")
    return redirect("unknown_list")


def _find(attempt_id: UUID) -> PaymentAttempt:
    return get_object_or_404(PaymentAttempt, pk=attempt_id, is_hold=True)


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)
    return Actor(source="finance", user=request.user)

"""Staff pages of plan changes: seen first, then done."""

from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from billing.forms.lifecycle import PlanChangeForm
from billing.models import PlanChange
from billing.services.changes.following import invoice_after
from billing.services.changes.plan_changes import (
    PlanChangePreview,
    change_plan,
    preview_plan_change,
    withdraw_plan_change,
)
from billing.services.invoices.draft_parts import DraftInvoice
from billing.services.invoices.tax_previews import taxed_invoice, with_taxes
from subscriptions.errors import PlanVersionNotOnSale
from subscriptions.models import Subscription
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.web.access import requires


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def plan_change_create(request: HttpRequest, reference: str) -> HttpResponse:
    """Choose a plan and quantity; with `?plan_version=` see what it costs; POST does it."""
    subscription = get_object_or_404(
        Subscription.objects.select_related("customer", "plan_version__plan"), reference=reference
    )
    given = request.POST or (request.GET if "plan_version" in request.GET else None)
    form = PlanChangeForm(given, subscription=subscription)
    preview = None
    if form.is_bound and form.is_valid():
        if request.method == "POST" and _change(request, subscription, form):
            return redirect("subscription_detail", reference)
        if request.method == "GET":
            preview = _preview(subscription, form)
    context = {
        "subscription": subscription,
        "form": form,
        "preview": preview,
        "following": _following(request, preview) if preview else None,
        "scheduled": subscription.plan_changes.filter(state="scheduled")
        .select_related("plan_version__plan")
        .first(),
    }
    return render(request, "billing/plan_change_form.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def plan_change_withdrawal(request: HttpRequest, change_id: int) -> HttpResponse:
    """Take back a change that waits for the next period."""
    change = get_object_or_404(PlanChange.objects.select_related("subscription"), pk=change_id)
    assert isinstance(request.user, User)
    actor = Actor(source="finance", user=request.user)
    change = withdraw_plan_change(change=change, actor=actor, at=now())
    if change.state == PlanChange.State.WITHDRAWN:
        messages.success(request, "The change is withdrawn.")
    else:
        messages.error(request, "It has taken effect already.")
    return redirect("subscription_detail", change.subscription.reference)


def _preview(subscription: Subscription, form: PlanChangeForm) -> PlanChangePreview | None:
    try:
        return with_taxes(
            preview_plan_change(
                subscription=subscription,
                plan_version=form.cleaned_data["plan_version"],
                quantity=form.cleaned_data["quantity"],
                at=now(),
            )
        )
    except (InvalidInput, Conflict, PlanVersionNotOnSale) as refusal:
        form.add_error(None, str(refusal))
        return None


def _following(request: HttpRequest, preview: PlanChangePreview) -> DraftInvoice | None:
    """The next invoice once it is changed."""
    assert isinstance(request.user, User)
    act = partial(
        change_plan,
        subscription=preview.subscription,
        plan_version=preview.plan_version,
        quantity=preview.quantity,
        actor=Actor(source="finance", user=request.user),
        at=now(),
    )
    return taxed_invoice(invoice_after(act, subscription=preview.subscription))


def _change(request: HttpRequest, subscription: Subscription, form: PlanChangeForm) -> bool:
    assert isinstance(request.user, User)
    try:
        change = change_plan(
            subscription=subscription,
            plan_version=form.cleaned_data["plan_version"],
            quantity=form.cleaned_data["quantity"],
            actor=Actor(source="finance", user=request.user),
            expected=request.POST.get("expected", "")[:64],
            at=now(),
        )
    except (InvalidInput, Conflict, PlanVersionNotOnSale) as refusal:
        form.add_error(None, str(refusal))
        return False
    plan = change.plan_version.plan
    if change.state == PlanChange.State.APPLIED:
        messages.success(request, f"It is on {plan} now.")
    else:
        messages.success(request, f"It goes to {plan} on {change.effective_at:%-d %b %Y}.")
    return True

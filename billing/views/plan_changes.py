"""Staff pages of plan changes: seen first, then done."""

from datetime import date
from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from billing.forms.lifecycle import DatedPlanChangeForm
from billing.models import PlanChange
from billing.services.changes.dated_changes import Wanted, schedule_dated_change
from billing.services.changes.dated_previews import preview_dated_change
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
    """Choose a plan and quantity; with `?plan_version=` see what it costs; POST does it.

    With a day it is shown as it would be then, and scheduled.
    """
    subscription = get_object_or_404(
        Subscription.objects.select_related("customer", "plan_version__plan"), reference=reference
    )
    given = request.POST or (request.GET if "plan_version" in request.GET else None)
    form = DatedPlanChangeForm(given, subscription=subscription)
    preview = None
    if form.is_bound and form.is_valid():
        if request.method == "POST" and _change(request, subscription, form):
            return redirect("subscription_detail", reference)
        if request.method == "GET":
            preview = _preview(request, subscription, form)
    context = {
        "subscription": subscription,
        "form": form,
        "preview": preview,
        "following": _following(request, preview) if preview and not _day(form) else None,
        "day": _day(form),
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
    change = withdraw_plan_change(change=change, actor=_actor(request), at=now())
    if change.state == PlanChange.State.WITHDRAWN:
        messages.success(request, "The change is withdrawn.")
    else:
        messages.error(request, "It has taken effect already.")
    return redirect("subscription_detail", change.subscription.reference)


def _day(form: DatedPlanChangeForm) -> date | None:
    """The day that it was asked for; None: today, or as the policy says."""
    day: date | None = form.cleaned_data.get("on") if form.is_bound and form.is_valid() else None
    return day


def _wanted(form: DatedPlanChangeForm, on: date) -> Wanted:
    return Wanted(
        on=on,
        plan_version=form.cleaned_data["plan_version"],
        quantity=form.cleaned_data["quantity"],
    )


def _preview_on(
    request: HttpRequest, subscription: Subscription, form: DatedPlanChangeForm, on: date
) -> PlanChangePreview:
    seen = preview_dated_change(
        subscription=subscription, wanted=_wanted(form, on), actor=_actor(request), at=now()
    )
    assert isinstance(seen.effect, PlanChangePreview)
    return seen.effect


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)
    return Actor(source="finance", user=request.user)


def _preview(
    request: HttpRequest, subscription: Subscription, form: DatedPlanChangeForm
) -> PlanChangePreview | None:
    day = _day(form)
    try:
        if day is not None:
            return with_taxes(_preview_on(request, subscription, form, day))
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
    act = partial(
        change_plan,
        subscription=preview.subscription,
        plan_version=preview.plan_version,
        quantity=preview.quantity,
        actor=_actor(request),
        at=now(),
    )
    return taxed_invoice(invoice_after(act, subscription=preview.subscription))


def _change(request: HttpRequest, subscription: Subscription, form: DatedPlanChangeForm) -> bool:
    expected = request.POST.get("expected", "")[:64]
    day = _day(form)
    try:
        if day is not None:
            schedule_dated_change(
                subscription=subscription,
                wanted=_wanted(form, day),
                actor=_actor(request),
                expected=expected,
                at=now(),
            )
            messages.success(request, f"It changes on {day:%-d %b %Y}.")
            return True
        change = change_plan(
            subscription=subscription,
            plan_version=form.cleaned_data["plan_version"],
            quantity=form.cleaned_data["quantity"],
            actor=_actor(request),
            expected=expected,
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

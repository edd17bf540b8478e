"""Staff pages of plan changes: seen first, then done."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from billing.forms.lifecycle import StaffPlanChangeForm
from billing.models import PlanChange
from billing.services.changes.dated_changes import schedule_dated_change
from billing.services.changes.dated_previews import preview_dated_change
from billing.services.changes.following import invoice_after
from billing.services.changes.plan_change_previews import PlanChangePreview, preview_plan_change
from billing.services.changes.plan_changes import change_plan, withdraw_plan_change
from billing.services.changes.wanted import Wanted
from billing.services.invoices.draft_parts import DraftInvoice
from billing.services.invoices.tax_previews import taxed_invoice, with_taxes
from subscriptions.errors import PlanVersionNotOnSale
from subscriptions.models import Subscription
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.kernel.periods import local_date
from tiktoktoe.web.access import requires

REFUSALS = (InvalidInput, Conflict, PlanVersionNotOnSale)


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def plan_change_create(request: HttpRequest, reference: str) -> HttpResponse:
    """Choose a plan and quantity; with `?plan_version=` see what it costs; POST does it.

    With a day to come it is shown as it would be then, and scheduled; with one that is over it
    counts from then on.
    """
    subscription = get_object_or_404(
        Subscription.objects.select_related("customer", "plan_version__plan"), reference=reference
    )
    given = request.POST or (request.GET if "plan_version" in request.GET else None)
    form = StaffPlanChangeForm(given, subscription=subscription)
    preview = following = None
    is_ahead = False
    if form.is_bound and form.is_valid():
        is_ahead = form.is_ahead(local_date(now(), subscription.time_zone))
        change = _schedule if is_ahead else _change
        if request.method == "POST" and _done(request, subscription, form, change):
            return redirect("subscription_detail", reference)
        if request.method == "GET":
            preview = _preview(request, subscription, form, is_ahead=is_ahead)
        if preview is not None and not is_ahead:
            following = _following(request, subscription, form)
    context = {
        "subscription": subscription,
        "form": form,
        "asked": {name: given.get(name, "") for name in form.fields} if given else {},
        "preview": preview,
        "following": following,
        "day": form.cleaned_data.get("on") if preview else None,
        "is_ahead": is_ahead,
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


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)
    return Actor(source="finance", user=request.user)


def _wanted(form: StaffPlanChangeForm) -> Wanted:
    """What is to happen on a day to come."""
    given, override = form.cleaned_data, form.override()
    return Wanted(
        on=given["on"],
        plan_version=given["plan_version"],
        quantity=given["quantity"],
        prorates=override.prorates,
        unused=override.unused_time,
    )


def _terms(form: StaffPlanChangeForm) -> dict[str, Any]:
    """What is to happen now, or as of a day that is over."""
    given = form.cleaned_data
    return {
        "plan_version": given["plan_version"],
        "quantity": given["quantity"],
        "override": form.override(),
        "since": given["on"],
        "at": now(),
    }


def _preview(
    request: HttpRequest, subscription: Subscription, form: StaffPlanChangeForm, *, is_ahead: bool
) -> PlanChangePreview | None:
    try:
        if is_ahead:
            dated = preview_dated_change(
                subscription=subscription, wanted=_wanted(form), actor=_actor(request), at=now()
            )
            assert isinstance(dated.effect, PlanChangePreview)
            return with_taxes(dated.effect)
        return with_taxes(preview_plan_change(subscription=subscription, **_terms(form)))
    except REFUSALS as refusal:
        form.add_error(None, str(refusal))
        return None


def _following(
    request: HttpRequest, subscription: Subscription, form: StaffPlanChangeForm
) -> DraftInvoice | None:
    """The next invoice once it is changed."""
    act = partial(change_plan, subscription=subscription, actor=_actor(request), **_terms(form))
    return taxed_invoice(invoice_after(act, subscription=subscription))


def _done(
    request: HttpRequest,
    subscription: Subscription,
    form: StaffPlanChangeForm,
    change: Callable[[HttpRequest, Subscription, StaffPlanChangeForm], str],
) -> bool:
    try:
        messages.success(request, change(request, subscription, form))
    except REFUSALS as refusal:
        form.add_error(None, str(refusal))
        return False
    return True


def _schedule(request: HttpRequest, subscription: Subscription, form: StaffPlanChangeForm) -> str:
    schedule_dated_change(
        subscription=subscription,
        wanted=_wanted(form),
        actor=_actor(request),
        reason=form.cleaned_data["reason"],
        expected=request.POST.get("expected", "")[:64],
        at=now(),
    )
    return f"It changes on {form.cleaned_data['on']:%-d %b %Y}."


def _change(request: HttpRequest, subscription: Subscription, form: StaffPlanChangeForm) -> str:
    change = change_plan(
        subscription=subscription,
        actor=_actor(request),
        reason=form.cleaned_data["reason"],
        expected=request.POST.get("expected", "")[:64],
        **_terms(form),
    )
    plan = change.plan_version.plan
    if change.state == PlanChange.State.APPLIED:
        since = form.cleaned_data["on"]
        return f"It is on {plan} since {since:%-d %b %Y}." if since else f"It is on {plan} now."
    return f"It goes to {plan} on {change.effective_at:%-d %b %Y}."

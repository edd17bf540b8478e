"""What customers take up again: what is paused, what has ended, what was to happen on a day."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from billing.forms.portal import PortalResumptionForm, PortalReturnForm
from billing.models import DatedChange
from billing.services.changes.dated_changes import withdraw_dated_change
from billing.services.changes.following import invoice_after
from billing.services.changes.pausing import preview_resumption, resume
from billing.services.changes.resumption_days import resume_on_day
from billing.services.changes.returning import (
    plan_return,
    preview_planned_return,
    preview_return,
    start_again,
)
from billing.services.invoices.tax_previews import taxed_invoice, with_taxes
from billing.views.portal_access import acting_customers, portal_actor
from billing.views.portal_changes import REFUSALS, done, mine, sentence
from subscriptions.models import Subscription
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.periods import local_date
from tiktoktoe.web.access import requires


@require_http_methods(["GET", "POST"])
@requires(Permission.USE_PORTAL)
def portal_resumption(request: HttpRequest, reference: str) -> HttpResponse:
    """Go on now, or on a day; what is charged for it is shown first."""
    subscription, at = mine(request, reference), now()
    asked = request.POST if request.method == "POST" else request.GET
    form = PortalResumptionForm(asked if "on" in asked else None, subscription=subscription, at=at)
    day = form.cleaned_data["on"] if form.is_bound and form.is_valid() else None
    actor = portal_actor(request)
    act: Callable[..., object] = partial(resume, subscription=subscription, actor=actor, at=at)
    if day is not None:
        act = partial(resume_on_day, subscription=subscription, resume_on=day, actor=actor, at=at)
    if request.method == "POST" and not form.errors:
        if done(request, partial(act, expected=request.POST.get("token") or None)):
            words = "It goes on from today." if day is None else f"It goes on {day:%-d %b %Y}."
            messages.success(request, words)
        return redirect("portal_home")
    try:
        preview = with_taxes(preview_resumption(subscription=subscription, at=at))
    except REFUSALS as refusal:
        messages.error(request, sentence(refusal))
        return redirect("portal_home")
    context = {
        "subscription": subscription,
        "customer": subscription.customer,
        "form": form,
        "day": day,
        "preview": preview,
        "following": taxed_invoice(invoice_after(act, subscription=subscription)),
    }
    return render(request, "portal/resumption.html", context)


@require_POST
@requires(Permission.USE_PORTAL)
def portal_resumption_withdrawal(request: HttpRequest, reference: str) -> HttpResponse:
    """Let what is paused until a day rest until it is taken up."""
    act = partial(
        resume_on_day,
        subscription=mine(request, reference),
        resume_on=None,
        actor=portal_actor(request),
        at=now(),
    )
    if done(request, act):
        messages.success(request, "It rests until you let it go on.")
    return redirect("portal_home")


@require_POST
@requires(Permission.USE_PORTAL)
def portal_day_withdrawal(request: HttpRequest, reference: str, change_id: int) -> HttpResponse:
    """Take back what a customer has arranged for a day; not what staff have."""
    change = get_object_or_404(
        DatedChange.objects.select_related("subscription"),
        pk=change_id,
        subscription=mine(request, reference),
        source=portal_actor(request).source,
    )
    change = withdraw_dated_change(change=change, actor=portal_actor(request), at=now())
    if change.state == DatedChange.State.WITHDRAWN:
        messages.success(request, "It is taken back.")
    else:
        messages.error(request, "Its day has begun; it is made already, or right now.")
    return redirect("portal_plan", reference)


@require_http_methods(["GET", "POST"])
@requires(Permission.USE_PORTAL)
def portal_return(request: HttpRequest, reference: str) -> HttpResponse:
    """Begin anew what has ended, today or on a day; what is billed for it is shown first."""
    mine = Subscription.objects.filter(customer__in=acting_customers(request))
    rows = mine.exclude(ended_at=None).select_related("customer", "plan_version__plan")
    subscription = get_object_or_404(rows, reference=reference)
    actor, at = portal_actor(request), now()
    asked = request.POST if request.method == "POST" else request.GET
    today = local_date(at, subscription.customer.time_zone)
    form = PortalReturnForm(asked if "on" in asked else None, today=today)
    day = form.cleaned_data["on"] if form.is_bound and form.is_valid() else None
    terms: dict[str, Any] = {"subscription": subscription, "actor": actor, "at": at}
    if request.method == "POST" and not form.errors:
        act = (
            partial(start_again, **terms) if day is None else partial(plan_return, **terms, on=day)
        )
        if done(request, act):
            begins = "it runs from today" if day is None else f"it starts on {day:%-d %b %Y}"
            messages.success(request, f"Welcome back: {begins}.")
        return redirect("portal_home")
    try:
        preview = with_taxes(preview_return(**terms))
        planned = with_taxes(preview_planned_return(**terms, on=day)) if day else None
    except REFUSALS as refusal:
        messages.error(request, sentence(refusal))
        return redirect("portal_home")
    version = planned.start.plan_version if planned else preview.plan_version
    context = {
        "subscription": subscription,
        "customer": subscription.customer,
        "form": form,
        "day": day,
        "preview": preview,
        "planned": planned,
        "prices": version.prices.select_related("meter").prefetch_related("tiers"),
    }
    return render(request, "portal/return.html", context)

"""What customers do with their own subscription: change it, cancel it, pause it, take that back.

Each is seen before it is done, and done only as it was seen: the token of the preview comes
back with the form, and whatever happened in between is shown first.
"""

from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from billing.forms.portal import PortalCancelForm, PortalPauseForm, PortalPlanForm
from billing.models import OfferMade, PlanChange
from billing.queries.days import days_of
from billing.queries.price_moves import price_change_ahead
from billing.services.changes.cancelling import (
    CancelWhen,
    cancel_subscription,
    preview_cancellation,
)
from billing.services.changes.dated_changes import schedule_dated_change
from billing.services.changes.dated_previews import preview_dated_change
from billing.services.changes.following import invoice_after
from billing.services.changes.intervals import interval_offers
from billing.services.changes.pausing import pause, preview_pause
from billing.services.changes.plan_change_previews import PlanChangePreview, preview_plan_change
from billing.services.changes.plan_changes import change_plan, withdraw_plan_change
from billing.services.changes.retention import decline_offers, make_offer
from billing.services.changes.wanted import Wanted
from billing.services.invoices.draft_parts import DraftInvoice
from billing.services.invoices.tax_previews import taxed_invoice, with_taxes
from billing.views.portal_access import acting_customers, estimated_invoice, portal_actor
from subscriptions.models import Subscription
from subscriptions.services.changes import withdraw_cancellation
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.web.access import requires

REFUSALS = (InvalidInput, Conflict)


@require_http_methods(["GET", "POST"])
@requires(Permission.USE_PORTAL)
def portal_plan(request: HttpRequest, reference: str) -> HttpResponse:
    """Choose a plan and quantity and see at once what it costs; POST does what was seen."""
    subscription = mine(request, reference)
    given = request.POST or (request.GET if "plan_version" in request.GET else None)
    form = PortalPlanForm(given, subscription=subscription, at=now())
    preview = None
    if form.is_bound and form.is_valid():
        if request.method == "POST" and _change(request, subscription, form):
            return redirect("portal_home")
        preview = _preview(request, subscription, form)
    context = {
        "subscription": subscription,
        "customer": subscription.customer,
        "form": form,
        "preview": preview,
        "following": _following(request, subscription, preview)
        if preview and not form.is_ahead()
        else None,
        "intervals": interval_offers(subscription, now()),
        "scheduled": _scheduled(subscription),
        "days": days_of(subscription),
        "day": form.cleaned_data["on"] if preview else None,
        "ahead": price_change_ahead(subscription, now()),
        "next": estimated_invoice(subscription=subscription) if preview is None else None,
    }
    is_partial = request.headers.get("HX-Request") == "true"
    template = "portal/_plan_preview.html" if is_partial else "portal/plan.html"
    return render(request, template, context)


@require_POST
@requires(Permission.USE_PORTAL)
def portal_plan_withdrawal(request: HttpRequest, reference: str) -> HttpResponse:
    """Take back a change that waits for the next period."""
    change = _scheduled(mine(request, reference))
    if change is None or change.source == "price_move":
        messages.info(request, "No change of yours is waiting.")
        return redirect("portal_home")
    change = withdraw_plan_change(change=change, actor=portal_actor(request), at=now())
    if change.state == PlanChange.State.WITHDRAWN:
        messages.success(request, "The change is withdrawn; you stay on your plan.")
    else:
        messages.error(request, "It has taken effect already.")
    return redirect("portal_home")


@require_http_methods(["GET", "POST"])
@requires(Permission.USE_PORTAL)
def portal_cancellation(request: HttpRequest, reference: str) -> HttpResponse:
    """End with the current period, and say why."""
    subscription = mine(request, reference)
    form = PortalCancelForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        made = _offered(request, subscription, form)
        if made is not None:
            context = {
                "subscription": subscription,
                "customer": subscription.customer,
                "form": form,
                "made": made,
                "token": request.POST.get("token", ""),
            }
            return render(request, "portal/offer.html", context)
        act = partial(
            cancel_subscription,
            subscription=subscription,
            actor=portal_actor(request),
            at=now(),
            when=CancelWhen.PERIOD_END,
            reason=form.reason(),
            expected=request.POST.get("token") or None,
        )
        if done(request, act):
            decline_offers(subscription=subscription, at=now())
            messages.success(request, "Your cancellation is scheduled. You can take it back here.")
            return redirect("portal_home")
    act = partial(
        cancel_subscription,
        subscription=subscription,
        actor=portal_actor(request),
        at=now(),
        when=CancelWhen.PERIOD_END,
    )
    return _asked(request, "portal/cancellation.html", subscription, form, _end_of, act=act)


@require_POST
@requires(Permission.USE_PORTAL)
def portal_cancellation_withdrawal(request: HttpRequest, reference: str) -> HttpResponse:
    """Stay after all."""
    act = partial(
        withdraw_cancellation,
        subscription=mine(request, reference),
        actor=portal_actor(request),
        at=now(),
    )
    if done(request, act):
        messages.success(request, "Good that you stay: it renews as before.")
    return redirect("portal_home")


@require_http_methods(["GET", "POST"])
@requires(Permission.USE_PORTAL)
def portal_pause(request: HttpRequest, reference: str) -> HttpResponse:
    """Pause with the end of the current period, until a day or until it is resumed."""
    subscription = mine(request, reference)
    form = PortalPauseForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        act = partial(
            pause,
            subscription=subscription,
            actor=portal_actor(request),
            at=now(),
            at_period_end=True,
            resume_on=form.cleaned_data["resume_on"],
            expected=request.POST.get("token") or None,
        )
        if done(request, act):
            messages.success(request, "It pauses at the end of the period.")
            return redirect("portal_home")
    act = partial(
        pause,
        subscription=subscription,
        actor=portal_actor(request),
        at=now(),
        at_period_end=True,
    )
    return _asked(request, "portal/pause.html", subscription, form, _pause_of, act=act)


def mine(request: HttpRequest, reference: str) -> Subscription:
    """A subscription of a customer whom this person acts for; any other is not there."""
    mine = Subscription.objects.filter(customer__in=acting_customers(request), ended_at=None)
    return get_object_or_404(
        mine.select_related("customer", "plan_version__plan"), reference=reference
    )


def _scheduled(subscription: Subscription) -> PlanChange | None:
    waiting = subscription.plan_changes.filter(state=PlanChange.State.SCHEDULED)
    return waiting.select_related("plan_version__plan").first()


def _wanted(form: PortalPlanForm) -> Wanted:
    given = form.cleaned_data
    return Wanted(on=given["on"], plan_version=given["plan_version"], quantity=given["quantity"])


def _preview(
    request: HttpRequest, subscription: Subscription, form: PortalPlanForm
) -> PlanChangePreview | None:
    try:
        if form.is_ahead():
            dated = preview_dated_change(
                subscription=subscription,
                wanted=_wanted(form),
                actor=portal_actor(request),
                at=now(),
            )
            assert isinstance(dated.effect, PlanChangePreview)
            return with_taxes(dated.effect)
        return with_taxes(
            preview_plan_change(
                subscription=subscription,
                plan_version=form.cleaned_data["plan_version"],
                quantity=form.cleaned_data["quantity"],
                at=now(),
            )
        )
    except REFUSALS as refusal:
        form.add_error(None, sentence(refusal))
        return None


def _following(
    request: HttpRequest, subscription: Subscription, preview: PlanChangePreview
) -> DraftInvoice | None:
    """The next invoice once it is changed."""
    act = partial(
        change_plan,
        subscription=subscription,
        plan_version=preview.plan_version,
        quantity=preview.quantity,
        actor=portal_actor(request),
        at=now(),
    )
    return taxed_invoice(invoice_after(act, subscription=subscription))


def _change(request: HttpRequest, subscription: Subscription, form: PortalPlanForm) -> bool:
    actor, given = portal_actor(request), form.cleaned_data
    expected = request.POST.get("token") or None
    try:
        if form.is_ahead():
            schedule_dated_change(
                subscription=subscription,
                wanted=_wanted(form),
                actor=actor,
                at=now(),
                expected=expected,
            )
            messages.success(request, f"It is arranged for {given['on']:%-d %b %Y}.")
            return True
        change = change_plan(
            subscription=subscription,
            plan_version=given["plan_version"],
            quantity=given["quantity"],
            actor=actor,
            at=now(),
            expected=expected,
        )
    except REFUSALS as refusal:
        form.add_error(None, sentence(refusal))
        return False
    if change.state == PlanChange.State.APPLIED:
        messages.success(request, f"You are on {change.plan_version.plan} now.")
    else:
        messages.success(request, f"You go to {change.plan_version.plan} with the next period.")
    return True


def _offered(
    request: HttpRequest, subscription: Subscription, form: PortalCancelForm
) -> OfferMade | None:
    """What is offered to whoever wants to leave, unless they have decided."""
    if request.POST.get("decided") == "yes" or subscription.cancel_at is not None:
        return None
    return make_offer(subscription=subscription, reason=form.cleaned_data["why"], at=now())


def _end_of(subscription: Subscription) -> object:
    return with_taxes(
        preview_cancellation(subscription=subscription, at=now(), when=CancelWhen.PERIOD_END)
    )


def _pause_of(subscription: Subscription) -> object:
    return with_taxes(preview_pause(subscription=subscription, at=now(), at_period_end=True))


def _asked(
    request: HttpRequest,
    template: str,
    subscription: Subscription,
    form: object,
    look: Callable[[Subscription], object],
    *,
    act: Callable[[], object],
) -> HttpResponse:
    """A page that asks once more, with what would happen; or home, when it cannot be done."""
    try:
        preview = look(subscription)
    except REFUSALS as refusal:
        messages.error(request, sentence(refusal))
        return redirect("portal_home")
    context = {
        "subscription": subscription,
        "customer": subscription.customer,
        "form": form,
        "preview": preview,
        "following": taxed_invoice(invoice_after(act, subscription=subscription)),
    }
    return render(request, template, context)


def done(request: HttpRequest, act: Callable[[], object]) -> bool:
    try:
        act()
    except REFUSALS as refusal:
        messages.error(request, sentence(refusal))
        return False
    return True


def sentence(refusal: Exception) -> str:
    words = refusal.message if isinstance(refusal, InvalidInput) else str(refusal)
    return f"Nothing was changed: {words}."

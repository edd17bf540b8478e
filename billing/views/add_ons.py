"""Add-ons of a subscription, for staff and in the portal: seen first, then done."""

from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from billing.forms.add_ons import PortalAddOnForm, StaffAddOnForm
from billing.queries.days import days_of
from billing.services.changes.add_ons import AddOnPreview, change_add_on, preview_add_on
from billing.services.changes.dated_changes import schedule_dated_change
from billing.services.changes.dated_previews import preview_dated_change
from billing.services.changes.following import invoice_after
from billing.services.changes.wanted import Wanted
from billing.services.invoices.draft_parts import DraftInvoice
from billing.services.invoices.tax_previews import taxed_invoice, with_taxes
from billing.views.portal_access import acting_customers, portal_actor
from subscriptions.errors import PlanVersionNotOnSale
from subscriptions.models import Subscription
from subscriptions.services.policies import NO_OVERRIDE
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.kernel.periods import local_date
from tiktoktoe.web.access import requires

AnyForm = StaffAddOnForm | PortalAddOnForm
REFUSALS = (InvalidInput, Conflict, PlanVersionNotOnSale)


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def subscription_add_ons(request: HttpRequest, reference: str) -> HttpResponse:
    """Choose an add-on and how many; with `?plan_version=` see what it costs; POST does it."""
    subscription = _load(reference)
    assert isinstance(request.user, User)
    actor = Actor(source="finance", user=request.user)
    form = StaffAddOnForm(_given(request), subscription=subscription, at=now())
    back = reverse("subscription_detail", args=[reference])
    return _shown(request, form, actor, template="billing/add_on_form.html", back=back)


@require_http_methods(["GET", "POST"])
@requires(Permission.USE_PORTAL)
def portal_add_ons(request: HttpRequest, reference: str) -> HttpResponse:
    """Choose an add-on and see at once what it costs; POST does what was seen."""
    subscription = get_object_or_404(
        Subscription.objects.live().select_related("customer", "plan_version__plan"),
        reference=reference,
        customer__in=acting_customers(request),
    )
    form = PortalAddOnForm(_given(request), subscription=subscription, at=now())
    back = reverse("portal_home")
    actor = portal_actor(request)
    return _shown(request, form, actor, template="portal/add_ons.html", back=back)


def _shown(
    request: HttpRequest, form: AnyForm, actor: Actor, *, template: str, back: str
) -> HttpResponse:
    subscription = form.subscription
    preview = None
    if form.is_bound and form.is_valid():
        if request.method == "POST" and _change(request, subscription, form, actor):
            return redirect(back)
        preview = _preview(subscription, form, actor)
    is_partial = request.headers.get("HX-Request") == "true"
    given = _given(request)
    context = {
        "subscription": subscription,
        "customer": subscription.customer,
        "form": form,
        "asked": {name: given.get(name, "") for name in form.fields} if given else {},
        "since": form.cleaned_data.get("on") if preview else None,
        "preview": preview,
        "following": _following(form, actor) if preview and not _is_ahead(form) else None,
        "is_ahead": bool(preview) and _is_ahead(form),
        "add_ons": _held(subscription),
        "days": days_of(subscription),
        "address": request.path,
        "back": back,
    }
    return render(request, "billing/_add_on_preview.html" if is_partial else template, context)


def _given(request: HttpRequest) -> Any:
    if request.method == "POST":
        return request.POST
    return request.GET if "plan_version" in request.GET else None


def _held(subscription: Subscription) -> list[Any]:
    """What it has now, and what it will have."""
    rows = subscription.add_ons.select_related("plan_version__plan").order_by("starts_at")
    at = now()
    return [row for row in rows if row.ends_at is None or row.ends_at > at]


def _load(reference: str) -> Subscription:
    return get_object_or_404(
        Subscription.objects.select_related("customer", "plan_version__plan"), reference=reference
    )


def _is_ahead(form: AnyForm) -> bool:
    """Whether it is asked for a day to come."""
    if isinstance(form, PortalAddOnForm):
        return form.is_ahead()
    return form.is_ahead(local_date(now(), form.subscription.time_zone))


def _wanted(form: AnyForm) -> Wanted:
    """What is asked for a day; customers' own changes go as the policy says."""
    given = form.cleaned_data
    override = form.override() if isinstance(form, StaffAddOnForm) else NO_OVERRIDE
    return Wanted(
        on=given["on"],
        plan_version=given["plan_version"],
        quantity=given["quantity"],
        is_add_on=True,
        prorates=override.prorates,
        unused=override.unused_time,
    )


def _preview(subscription: Subscription, form: AnyForm, actor: Actor) -> AddOnPreview | None:
    try:
        if _is_ahead(form):
            dated = preview_dated_change(
                subscription=subscription, wanted=_wanted(form), actor=actor, at=now()
            )
            assert isinstance(dated.effect, AddOnPreview)
            return with_taxes(dated.effect)
        return with_taxes(preview_add_on(subscription=subscription, at=now(), **_terms(form)))
    except REFUSALS as refusal:
        if not form.non_field_errors():
            form.add_error(None, str(refusal))
        return None


def _following(form: AnyForm, actor: Actor) -> DraftInvoice | None:
    """The next invoice once it is changed."""
    subscription = form.subscription
    act = partial(change_add_on, subscription=subscription, actor=actor, at=now(), **_terms(form))
    return taxed_invoice(invoice_after(act, subscription=subscription))


def _terms(form: AnyForm) -> dict[str, Any]:
    """What is asked for; customers' own changes go as the policy says."""
    given = form.cleaned_data
    terms = {"plan_version": given["plan_version"], "quantity": given["quantity"]}
    if isinstance(form, StaffAddOnForm):
        terms |= {"override": form.override(), "since": given["on"]}
    return terms


def _change(request: HttpRequest, subscription: Subscription, form: AnyForm, actor: Actor) -> bool:
    asked = {
        "subscription": subscription,
        "actor": actor,
        "reason": form.cleaned_data.get("reason", ""),
        "expected": request.POST.get("token", "")[:64],
        "at": now(),
    }
    given = form.cleaned_data
    what = f"{given['quantity']} × {given['plan_version'].plan.name}"
    try:
        if _is_ahead(form):
            schedule_dated_change(wanted=_wanted(form), **asked)
            messages.success(request, f"{what} from {given['on']:%-d %b %Y} on.")
            return True
        done = change_add_on(**asked, **_terms(form))
    except REFUSALS as refusal:
        form.add_error(None, str(refusal))
        return False
    begins_on = local_date(done.preview.effective_at, subscription.time_zone)
    is_now = done.preview.is_immediate and not given.get("on")
    when = "now" if is_now else f"from {begins_on:%-d %b %Y} on"
    messages.success(request, f"{what} {when}.")
    return True

"""A subscription is started by staff for a customer, or planned for a day to come."""

from datetime import datetime

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from billing.forms.subscribing import SubscriptionForm
from billing.services.changes.planned_previews import PlannedPreview, preview_planned_start
from billing.services.changes.planned_starts import StartWanted, plan_start
from billing.services.changes.start_previews import StartPreview, preview_start
from billing.services.changes.subscribing import start_subscription
from billing.services.invoices.tax_previews import with_taxes
from subscriptions.models import Customer
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.web.access import requires

REFUSALS = (Conflict, InvalidInput)


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def subscription_create(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Put a customer on a plan and bill the first fee, or plan that for a day to come.

    With `see` it is only shown what that will charge.
    """
    customer = get_object_or_404(Customer, pk=customer_id)
    at = now()
    form = SubscriptionForm(request.POST or None, at=at)
    preview = None
    if request.method == "POST" and form.is_valid():
        try:
            if "see" not in request.POST:
                return _started(request, customer, form, at)
            preview = _preview(request, customer, form, at)
        except REFUSALS as refusal:
            form.add_error(None, str(refusal))
    context = {
        "form": form,
        "customer": customer,
        "preview": preview,
        "day": form.cleaned_data["starts_on"] if preview else None,
    }
    return render(request, "billing/subscription_form.html", context)


def _started(
    request: HttpRequest, customer: Customer, form: SubscriptionForm, at: datetime
) -> HttpResponse:
    given = form.cleaned_data
    if given["starts_on"] is not None:
        plan_start(
            customer=customer,
            wanted=_wanted(form),
            reference=given["reference"],
            reason=given["reason"],
            actor=_actor(request),
            at=at,
        )
        messages.success(request, f"The subscription starts on {given['starts_on']:%-d %B %Y}.")
        return redirect("customer_detail", customer.pk)
    started = start_subscription(
        customer=customer,
        plan_version=given["plan_version"],
        quantity=given["quantity"],
        trial_days=given["trial_days"],
        coupon_code=given["coupon_code"],
        reference=given["reference"],
        actor=_actor(request),
        at=at,
    )
    messages.success(request, "The subscription has started.")
    return redirect("subscription_detail", started.subscription.reference)


def _preview(
    request: HttpRequest, customer: Customer, form: SubscriptionForm, at: datetime
) -> PlannedPreview | StartPreview:
    given = form.cleaned_data
    if given["starts_on"] is not None:
        wanted, actor = _wanted(form), _actor(request)
        return with_taxes(
            preview_planned_start(customer=customer, wanted=wanted, actor=actor, at=at)
        )
    return with_taxes(
        preview_start(
            customer=customer,
            plan_version=given["plan_version"],
            quantity=given["quantity"],
            trial_days=given["trial_days"],
            coupon_code=given["coupon_code"],
            at=at,
        )
    )


def _wanted(form: SubscriptionForm) -> StartWanted:
    given = form.cleaned_data
    return StartWanted(
        on=given["starts_on"],
        plan_version=given["plan_version"],
        quantity=given["quantity"],
        trial_days=given["trial_days"],
        coupon_code=given["coupon_code"],
    )


def _actor(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)
    return Actor(source="finance", user=request.user)

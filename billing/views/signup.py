"""A subscription is started: by staff for a customer, or by a customer itself."""

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from billing.errors import CouponInvalid
from billing.forms.subscribing import SignUpForm, SubscriptionForm
from billing.services.changes.subscribing import sign_up as take_in
from billing.services.changes.subscribing import start_subscription
from subscriptions.models import Customer
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.accounts.throttling import SIGN_UP, TooManyTries, take_try
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.web.access import public, requires
from tiktoktoe.web.limits import client_address, too_many_tries
from tiktoktoe.web.middleware import ZONE_COOKIE


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def subscription_create(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Put a customer on a plan and bill the first fee."""
    customer = get_object_or_404(Customer, pk=customer_id)
    at = now()
    form = SubscriptionForm(request.POST or None, at=at)
    if request.method == "POST" and form.is_valid():
        assert isinstance(request.user, User)
        try:
            started = start_subscription(
                customer=customer,
                at=at,
                actor=Actor(source="finance", user=request.user),
                **form.cleaned_data,
            )
        except (Conflict, InvalidInput) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "The subscription has started.")
            return redirect("subscription_detail", started.subscription.reference)
    context = {"form": form, "customer": customer}
    return render(request, "billing/subscription_form.html", context)


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
@public
def sign_up(request: HttpRequest) -> HttpResponse:
    """A company chooses a plan, becomes a customer, and goes on to its portal."""
    if request.user.is_authenticated:
        return redirect("home")
    at = now()
    zone = request.COOKIES.get(ZONE_COOKIE, "UTC")
    form = SignUpForm(request.POST or None, at=at, time_zone=zone)
    if request.method == "POST":
        try:
            take_try(SIGN_UP, who=client_address(request), at=at)
        except TooManyTries as refusal:
            return too_many_tries(request, refusal)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            made = take_in(
                details=form.details(),
                password=given["password"],
                plan_version=given["plan_version"],
                quantity=given["quantity"],
                coupon_code=given["coupon_code"],
                at=at,
            )
        except CouponInvalid as refusal:
            form.add_error("coupon_code", refusal.message)
        except (Conflict, InvalidInput) as refusal:
            form.add_error(None, str(refusal))
        else:
            login(request, made.user)
            messages.success(request, "Welcome. Store a card, or pay the first invoice below.")
            return redirect("portal_home")
    offers = form.fields["plan_version"].queryset.prefetch_related("prices__tiers", "prices__meter")  # type: ignore[attr-defined]
    return render(request, "billing/sign_up.html", {"form": form, "offers": offers})

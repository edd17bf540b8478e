"""A subscription is started by staff for a customer."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from billing.forms.subscribing import SubscriptionForm
from billing.services.changes.planned_starts import plan_start
from billing.services.changes.subscribing import start_subscription
from subscriptions.models import Customer
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.web.access import requires


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def subscription_create(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Put a customer on a plan and bill the first fee, or plan that for a day to come."""
    customer = get_object_or_404(Customer, pk=customer_id)
    at = now()
    form = SubscriptionForm(request.POST or None, at=at)
    if request.method == "POST" and form.is_valid():
        assert isinstance(request.user, User)
        actor = Actor(source="finance", user=request.user)
        terms = dict(form.cleaned_data)
        starts_on = terms.pop("starts_on")
        try:
            if starts_on is not None:
                plan_start(customer=customer, starts_on=starts_on, at=at, actor=actor, **terms)
                messages.success(request, f"The subscription starts on {starts_on:%-d %B %Y}.")
                return redirect("customer_detail", customer.pk)
            started = start_subscription(customer=customer, at=at, actor=actor, **terms)
        except (Conflict, InvalidInput) as refusal:
            form.add_error(None, str(refusal))
        else:
            messages.success(request, "The subscription has started.")
            return redirect("subscription_detail", started.subscription.reference)
    context = {"form": form, "customer": customer}
    return render(request, "billing/subscription_form.html", context)

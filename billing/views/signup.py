"""A subscription is started by staff for a customer."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from billing.forms.subscribing import SubscriptionForm
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

"""How a customer is invoiced, for staff: each subscription alone, or all of them together."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from billing.forms.invoicing import InvoicingForm
from billing.services.invoices.consolidating import set_invoicing
from subscriptions.models import Customer
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def customer_invoicing(request: HttpRequest, customer_id: int) -> HttpResponse:
    """In which currencies a customer gets one invoice, and how long its drafts are held."""
    customer = get_object_or_404(Customer, pk=customer_id)
    form = InvoicingForm(request.POST if request.method == "POST" else None, customer=customer)
    if form.is_bound and form.is_valid():
        assert isinstance(request.user, User)
        for currency, is_consolidated in form.terms():
            set_invoicing(
                customer=customer,
                currency=currency,
                is_consolidated=is_consolidated,
                review_days=form.cleaned_data["review_days"],
                actor=Actor(source="finance", user=request.user),
                at=now(),
            )
        messages.success(request, "It counts from the next invoices on.")
        return redirect("customer_detail", customer.pk)
    context = {"customer": customer, "form": form}
    return render(request, "billing/customer_invoicing.html", context)

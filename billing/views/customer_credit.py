"""A customer's credit balance: what is on it, what moved it, granting and taking back."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from billing.errors import CreditInvalid
from billing.forms.credit import CreditForm
from billing.models import CreditEntry
from billing.queries.credit_balance import credit_balances, credit_history
from billing.services.credit.customer_credit import grant_credit, withdraw_credit
from subscriptions.models import Customer
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict
from tiktoktoe.web.access import requires


@require_http_methods(["GET", "POST"])
@requires(Permission.VIEW_BILLING)
def credit_detail(request: HttpRequest, customer_id: int) -> HttpResponse:
    """What a customer has in credit; who may, grants more or takes unused credit back."""
    customer = get_object_or_404(Customer, pk=customer_id)
    assert isinstance(request.user, User)
    may_grant = request.user.may(Permission.GRANT_CREDIT)
    form = CreditForm(request.POST or None, currency=customer.currency)
    if request.method == "POST":
        if not may_grant:
            raise PermissionDenied
        if form.is_valid() and _enter(request, customer, form) is not None:
            return redirect("credit_detail", customer.pk)
    context = {
        "customer": customer,
        "balances": credit_balances(customer),
        "rows": list(credit_history([customer])),
        "form": form,
        "may_grant": may_grant,
    }
    return render(request, "billing/credit_detail.html", context)


def _enter(request: HttpRequest, customer: Customer, form: CreditForm) -> CreditEntry | None:
    assert isinstance(request.user, User)
    act = grant_credit if form.cleaned_data["direction"] == "grant" else withdraw_credit
    try:
        entry = act(
            customer=customer,
            amount=form.money(),
            reason=form.cleaned_data["reason"],
            idempotency_key=f"page:{form.cleaned_data['key']}",
            actor=Actor(source="finance", user=request.user),
            at=now(),
        )
    except CreditInvalid as refusal:
        form.add_error(refusal.field or None, refusal.message)
    except Conflict as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, f"{entry.amount} is entered.")
        return entry
    return None

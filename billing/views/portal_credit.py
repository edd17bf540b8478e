"""The customer's credit: the balance, prepaid credits with what expires, and coupons in force."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_POST

from billing.errors import CreditInvalid
from billing.forms.portal import TopUpForm
from billing.models import Wallet
from billing.queries.credit_balance import credit_balances, credit_history
from billing.queries.portal_credit import coupons_in_force
from billing.queries.wallets import wallet_rows
from billing.services.credit.wallets import top_up
from billing.views.portal_access import acting_customer, acting_customers
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.money import Money
from tiktoktoe.web.access import requires


@require_GET
@requires(Permission.USE_PORTAL)
def portal_credit(request: HttpRequest) -> HttpResponse:
    """What pays the customer's invoices by itself, and what comes off them."""
    customer, at = acting_customer(request), now()
    context = {
        "customer": customer,
        "customers": acting_customers(request),
        "credits": credit_balances(customer),
        "credit_rows": list(credit_history([customer], limit=50)),
        "wallets": [(row, TopUpForm(wallet_id=row.wallet.pk)) for row in wallet_rows(customer, at)],
        "coupons": coupons_in_force(customer),
        "at": at,
    }
    return render(request, "portal/credit.html", context)


@require_POST
@requires(Permission.USE_PORTAL)
def portal_top_up(request: HttpRequest, wallet_id: int) -> HttpResponse:
    """Invoice more prepaid credits; once the invoice is paid they are there."""
    mine = Wallet.objects.filter(customer__in=acting_customers(request))
    wallet = get_object_or_404(mine.select_related("customer"), pk=wallet_id)
    form = TopUpForm(request.POST, wallet_id=wallet.pk)
    if not form.is_valid():
        messages.error(request, "Enter an amount above zero, such as 50.")
        return redirect("portal_credit")
    try:
        invoice = top_up(
            wallet=wallet,
            amount=Money(form.cleaned_data["amount"], wallet.currency),
            idempotency_key=f"portal:{wallet.pk}:{form.cleaned_data['key']}",
            at=now(),
        )
    except CreditInvalid as refusal:
        messages.error(request, f"Nothing was bought: {refusal.message}.")
        return redirect("portal_credit")
    messages.success(request, "Once this invoice is paid, the credits are in your wallet.")
    return redirect("portal_invoice", invoice.number)

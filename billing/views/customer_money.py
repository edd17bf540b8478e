"""What a customer owes, has paid and holds, and how it pays, for the top of the customer's page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from billing.models import Invoice, Payment
from billing.queries.credit_balance import credit_balances
from billing.queries.held_methods import held_methods
from billing.queries.invoices import invoice_sums
from billing.queries.payments import payment_sums
from subscriptions.models import Customer
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires

LATEST = 6


@require_GET
@requires(Permission.VIEW_BILLING)
def customer_money(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Sums by currency, ways to pay and the latest invoices: a part of another page."""
    customer = get_object_or_404(Customer, pk=customer_id)
    at = now()
    invoices = Invoice.objects.filter(customer=customer)
    context = {
        "customer": customer,
        "at": at,
        "owed": invoice_sums(invoices.owed()),
        "overdue": invoice_sums(invoices.overdue(at)),
        "paid": payment_sums(Payment.objects.filter(customer=customer, state="paid")),
        "credit": credit_balances(customer),
        "held": held_methods(customer),
        "invoices": invoices.final().order_by("-finalized_at", "-pk")[:LATEST],
    }
    return render(request, "billing/_customer_money.html", context)

"""Staff pages of customers."""

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from subscriptions.domain.lifecycle import LIVE_STATES
from subscriptions.errors import CustomerInvalid
from subscriptions.forms.customers import CustomerForm
from subscriptions.forms.invitations import InvitationForm
from subscriptions.forms.notes import NoteForm
from subscriptions.models import Customer, Invitation
from subscriptions.services.customers import correct_customer, create_customer
from subscriptions.services.invitations import invitation_token
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.web.access import requires
from tiktoktoe.web.pagination import paginate


@require_GET
@requires(Permission.VIEW_BILLING)
def customer_list(request: HttpRequest) -> HttpResponse:
    """Customers, searchable."""
    text = request.GET.get("q", "").strip()
    customers = Customer.objects.matching(text).annotate(
        live_count=Count("subscriptions", filter=Q(subscriptions__state__in=sorted(LIVE_STATES)))
    )
    context = {"page": paginate(request, customers), "q": text}
    return render(request, "subscriptions/customer_list.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def customer_detail(request: HttpRequest, customer_id: int) -> HttpResponse:
    """One customer: details, subscriptions, and the way to its invoices, payments and usage."""
    customer = get_object_or_404(Customer, pk=customer_id)
    subscriptions = customer.subscriptions.select_related("plan_version__plan")
    context = {
        "customer": customer,
        "subscriptions": subscriptions,
        "members": customer.members.select_related("user"),
        "invitations": [
            (invitation, request.build_absolute_uri(_link(invitation)))
            for invitation in customer.invitations.open()
        ],
        "invitation_form": InvitationForm(),
        "note_form": NoteForm(),
        "at": now(),
    }
    return render(request, "subscriptions/customer_detail.html", context)


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def customer_create(request: HttpRequest) -> HttpResponse:
    """Take a customer in."""
    form = CustomerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            customer = create_customer(details=form.details(), at=now())
        except CustomerInvalid as refusal:
            form.add_error(refusal.field or None, refusal.message)
        else:
            messages.success(request, f"{customer.name} is a customer now.")
            return redirect("customer_detail", customer.pk)
    return render(request, "subscriptions/customer_form.html", {"form": form})


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def customer_edit(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Correct a customer's details; invoices already issued keep the old ones."""
    customer = get_object_or_404(Customer, pk=customer_id)
    form = CustomerForm(request.POST or None, instance=customer)
    if request.method == "POST" and form.is_valid():
        correct_customer(customer=customer, details=form.details())
        messages.success(request, "The details are saved. Issued invoices keep the old ones.")
        return redirect("customer_detail", customer.pk)
    context = {"form": form, "customer": customer}
    return render(request, "subscriptions/customer_form.html", context)


def _link(invitation: Invitation) -> str:
    return reverse("invitation", args=[invitation_token(invitation)])

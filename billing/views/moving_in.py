"""The staff pages on which customers of another engine move in, with what they bring along."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from billing.domain.belongings import FIELDS, BelongingKind
from billing.services.moving_in.belongings import move_belongings_in
from billing.services.moving_in.customers import move_customers_in
from billing.services.moving_in.taking_back import take_opening_bill_back
from billing.views.invoices import find_invoice
from subscriptions.domain.moving_in import FIELDS as CUSTOMER_FIELDS
from subscriptions.domain.moving_in import FileKind
from subscriptions.services.transitions import Actor
from subscriptions.views.file_page import file_page
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.web.access import requires


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def moving_in(request: HttpRequest) -> HttpResponse:
    """Check a file of customers or subscriptions, or take it in."""
    return file_page(request, kinds=FileKind, fields=CUSTOMER_FIELDS, take_in=move_customers_in)


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def belongings(request: HttpRequest) -> HttpResponse:
    """Check a file, or take it in."""
    return file_page(
        request,
        kinds=BelongingKind,
        fields=FIELDS,
        take_in=move_belongings_in,
        shown={"are_belongings": True},
    )


@require_POST
@requires(Permission.CHANGE_BILLING)
def opening_bill_taking_back(request: HttpRequest, key: str) -> HttpResponse:
    """Let what was brought wrongly count no more."""
    invoice = find_invoice(key)
    assert isinstance(request.user, User)
    try:
        take_opening_bill_back(
            invoice=invoice,
            reason=request.POST.get("reason", ""),
            actor=Actor(source="finance", user=request.user),
            at=now(),
        )
    except (Conflict, InvalidInput) as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, f"{invoice} is taken back; it may be brought again.")
    return redirect("invoice_detail", invoice.address_key)

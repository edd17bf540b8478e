"""The staff page of one-off charges: written, looked at, then kept as a draft or issued."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods

from billing.forms.one_off import OneOffForm
from billing.models import Invoice
from billing.services.invoices.draft_parts import DraftInvoice
from billing.services.invoices.one_off import charge_once, preview_one_off
from billing.services.invoices.tax_previews import taxed_drafts
from subscriptions.models import Customer
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.web.access import requires


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def one_off_create(request: HttpRequest, customer_id: int) -> HttpResponse:
    """Write the lines, see what they come to, then keep a draft or issue the invoice."""
    customer = get_object_or_404(Customer, pk=customer_id)
    form = OneOffForm(request.POST if request.method == "POST" else None, customer=customer)
    preview, wanted = None, request.POST.get("act", "preview")
    if form.is_bound and form.is_whole():
        if wanted in {"draft", "issue"}:
            invoice = _charge(request, form, is_draft=wanted == "draft")
            if invoice is not None:
                return redirect("invoice_detail", invoice.address_key)
        else:
            preview = _preview(form)
    context = {"customer": customer, "form": form, "rows": form.rows, "preview": preview}
    return render(request, "billing/one_off_form.html", context)


def _preview(form: OneOffForm) -> DraftInvoice | None:
    try:
        (draft,) = taxed_drafts([preview_one_off(charge=form.charge(), at=now())])
    except InvalidInput as refusal:
        form.add_error(None, str(refusal))
        return None
    return draft


def _charge(request: HttpRequest, form: OneOffForm, *, is_draft: bool) -> Invoice | None:
    assert isinstance(request.user, User)
    try:
        invoice = charge_once(
            charge=form.charge(),
            idempotency_key=f"page:{form.cleaned_data['key']}",
            actor=Actor(source="finance", user=request.user),
            is_draft=is_draft,
            at=now(),
        )
    except (InvalidInput, Conflict) as refusal:
        form.add_error(None, str(refusal))
        return None
    said = f"{invoice.number} is issued." if invoice.number else "The draft waits to be issued."
    messages.success(request, said)
    return invoice

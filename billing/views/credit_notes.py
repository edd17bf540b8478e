"""Staff pages of credit notes."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from billing.errors import CreditInvalid
from billing.forms import CreditNoteForm
from billing.models import CreditNote, Invoice
from billing.services.credit_notes import issue_credit_note
from billing.views.invoices import find_invoice
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict
from tiktoktoe.web.access import requires


@require_GET
@requires(Permission.VIEW_BILLING)
def credit_note_detail(request: HttpRequest, number: str) -> HttpResponse:
    """One credit note with what it takes back of each line."""
    note = get_object_or_404(
        CreditNote.objects.select_related("invoice", "customer"), number=number
    )
    lines = note.lines.select_related("invoice_line").order_by("invoice_line__position")
    return render(request, "billing/credit_note_detail.html", {"note": note, "lines": lines})


@require_http_methods(["GET", "POST"])
@requires(Permission.CHANGE_BILLING)
def credit_note_create(request: HttpRequest, key: str) -> HttpResponse:
    """Take part of an invoice back, or all that is left of it."""
    invoice = find_invoice(key)
    left = (invoice.total - invoice.amount_credited).amount
    form = CreditNoteForm(request.POST or None, creditable=left)
    if request.method == "POST" and form.is_valid():
        note = _issue(request, invoice, form)
        if note is not None:
            messages.success(request, f"{note.number} is issued.")
            return redirect("credit_note_detail", note.number)
    context = {"invoice": invoice, "form": form, "left": left}
    return render(request, "billing/credit_note_form.html", context)


def _issue(request: HttpRequest, invoice: Invoice, form: CreditNoteForm) -> CreditNote | None:
    asked = form.cleaned_data
    try:
        return issue_credit_note(
            invoice=invoice,
            amount=asked["amount"],
            reason=asked["reason"],
            idempotency_key=f"page:{asked['key']}",
            at=now(),
        )
    except CreditInvalid as refusal:
        form.add_error("amount", refusal.message)
    except Conflict as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    return None

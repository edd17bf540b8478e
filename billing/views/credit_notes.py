"""Staff pages of credit notes."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.defaultfilters import pluralize
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from billing.errors import CreditInvalid
from billing.forms.credit import CreditNoteForm
from billing.models import CreditNote, Invoice
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.credit.credit_refunds import left_to_refund, refund_credit_note
from billing.views.invoices import find_invoice
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, GatewayError
from tiktoktoe.web.access import requires


@require_GET
@requires(Permission.VIEW_BILLING)
def credit_note_detail(request: HttpRequest, number: str) -> HttpResponse:
    """One credit note with what it takes back of each line."""
    note = get_object_or_404(
        CreditNote.objects.select_related("invoice", "customer"), number=number
    )
    lines = note.lines.select_related("invoice_line").order_by("invoice_line__position")
    context = {"note": note, "lines": lines, "left_to_refund": left_to_refund(note)}
    return render(request, "billing/credit_note_detail.html", context)


@require_POST
@requires(Permission.REFUND)
def credit_note_refund(request: HttpRequest, number: str) -> HttpResponse:
    """Give back what the note promises."""
    note = get_object_or_404(CreditNote.objects.select_related("invoice"), number=number)
    assert isinstance(request.user, User)
    try:
        refunds = refund_credit_note(
            note=note, actor=Actor(source="finance", user=request.user), at=now()
        )
    except (Conflict, GatewayError) as refusal:
        messages.error(request, f"Not refunded: {refusal}.")
    else:
        messages.success(request, f"{len(refunds)} refund{pluralize(len(refunds))} asked for.")
    return redirect("credit_note_detail", number)


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
            to_balance=asked["to_balance"],
            to_refund=asked["to_refund"],
            reason=asked["reason"],
            idempotency_key=f"page:{asked['key']}",
            at=now(),
        )
    except CreditInvalid as refusal:
        form.add_error(refusal.field if refusal.field in form.fields else "amount", refusal.message)
    except Conflict as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    return None

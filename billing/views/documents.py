"""Documents as PDF, for staff and for the customer they are for."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from billing.models import CreditNote, Invoice
from billing.services.documents.pdf import credit_note_pdf, invoice_pdf
from billing.views.invoices import find_invoice
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.web.access import requires


@require_GET
@requires(Permission.VIEW_BILLING)
def invoice_document(_request: HttpRequest, key: str) -> HttpResponse:
    """An invoice as PDF."""
    return _invoice_answer(find_invoice(key))


@require_GET
@requires(Permission.VIEW_BILLING)
def credit_note_document(_request: HttpRequest, number: str) -> HttpResponse:
    """A credit note as PDF."""
    note = get_object_or_404(CreditNote.objects.select_related("invoice"), number=number)
    return _pdf(credit_note_pdf(note=note), note.number)


@require_GET
@requires(Permission.USE_PORTAL)
def portal_invoice_document(request: HttpRequest, number: str) -> HttpResponse:
    """One of the customer's own invoices as PDF."""
    assert isinstance(request.user, User)
    mine = Invoice.objects.final().filter(customer__members__user=request.user)
    return _invoice_answer(get_object_or_404(mine, number=number))


def _invoice_answer(invoice: Invoice) -> HttpResponse:
    return _pdf(invoice_pdf(invoice=invoice), invoice.number or f"draft-{invoice.pk}")


def _pdf(content: bytes, name: str) -> HttpResponse:
    answer = HttpResponse(content, content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="{name}.pdf"'
    answer["Cache-Control"] = "private, no-store"
    return answer

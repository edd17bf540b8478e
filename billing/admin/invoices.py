"""Invoices, credit notes and their numbers; read-only."""

from django.contrib import admin

from billing.models import (
    CreditNote,
    CreditNoteLine,
    Invoice,
    InvoiceLine,
    NumberingRule,
    NumberSeries,
)
from tiktoktoe.web.admin import ReadOnlyAdmin, ReadOnlyInline


class InvoiceLineInline(ReadOnlyInline[InvoiceLine, Invoice]):
    """What is charged."""

    model = InvoiceLine
    fields = ["position", "kind", "description", "quantity", "amount", "tax_amount"]


class CreditNoteLineInline(ReadOnlyInline[CreditNoteLine, CreditNote]):
    """What is taken back."""

    model = CreditNoteLine
    fields = ["description", "amount", "tax_amount"]


@admin.register(Invoice)
class InvoiceAdmin(ReadOnlyAdmin[Invoice]):
    """Invoices; they are issued and corrected on the finance pages."""

    list_display = ["__str__", "customer", "state", "total", "amount_paid", "finalized_at"]
    list_filter = ["state", "kind", "currency", "finalized_at"]
    search_fields = ["number", "customer__name", "customer__email", "subscription__reference"]
    list_select_related = ["customer"]
    date_hierarchy = "finalized_at"
    inlines = [InvoiceLineInline]


@admin.register(CreditNote)
class CreditNoteAdmin(ReadOnlyAdmin[CreditNote]):
    """Credit notes."""

    list_display = ["number", "invoice", "customer", "total", "reason", "issued_at"]
    list_filter = ["currency", "issued_at"]
    search_fields = ["number", "invoice__number", "customer__name"]
    list_select_related = ["customer", "invoice"]
    inlines = [CreditNoteLineInline]


@admin.register(NumberingRule)
class NumberingRuleAdmin(ReadOnlyAdmin[NumberingRule]):
    """How invoices are numbered, and since when."""

    list_display = ["effective_from", "mode", "prefix", "actor"]


@admin.register(NumberSeries)
class NumberSeriesAdmin(ReadOnlyAdmin[NumberSeries]):
    """Where the numbers stand."""

    list_display = ["code", "prefix", "next_number"]

"""Files of everything in a table, for staff: CSV and JSON lines, streamed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET

from billing.forms.exports import ExportForm
from billing.models import CreditNote, Invoice, InvoiceLine, Payment
from subscriptions.models import Customer, Subscription
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.web.access import requires
from tiktoktoe.web.csv_export import csv_response
from tiktoktoe.web.days import day_end, day_start
from tiktoktoe.web.json_export import json_lines_response

CHUNK = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A table as it is written out: rows in an order that stays, by the instant that is asked for.

    `fields` are paths of columns by the name that they have in the file.
    """

    title: str
    rows: Callable[[], QuerySet[Any]]
    since: str
    fields: Mapping[str, str]


EXPORTS: Mapping[str, Export] = {
    "invoices": Export(
        title="Invoices",
        rows=lambda: Invoice.objects.final().order_by("finalized_at", "pk"),
        since="finalized_at",
        fields={
            "id": "id",
            "number": "number",
            "state": "state",
            "kind": "kind",
            "customer": "customer__external_id",
            "customer_name": "customer__name",
            "subscription": "subscription__reference",
            "currency": "currency",
            "period_start": "period_start",
            "period_end": "period_end",
            "issued_at": "finalized_at",
            "due_at": "due_at",
            "paid_at": "paid_at",
            "voided_at": "voided_at",
            "subtotal": "subtotal",
            "tax": "tax",
            "total": "total",
            "credited": "amount_credited",
            "to_balance": "amount_to_balance",
            "from_balance": "amount_from_balance",
            "from_wallets": "amount_from_wallets",
            "paid": "amount_paid",
            "refunded": "amount_refunded",
        },
    ),
    "invoice-lines": Export(
        title="Lines of invoices",
        rows=lambda: InvoiceLine.objects.filter(invoice__in=Invoice.objects.final()).order_by(
            "invoice__finalized_at", "invoice", "position"
        ),
        since="invoice__finalized_at",
        fields={
            "id": "id",
            "invoice": "invoice__number",
            "position": "position",
            "kind": "kind",
            "description": "description",
            "customer": "invoice__customer__external_id",
            "subscription": "subscription__reference",
            "plan": "price__plan_version__plan__code",
            "price": "price__code",
            "period_start": "period_start",
            "period_end": "period_end",
            "quantity": "quantity",
            "unit_amount": "unit_amount",
            "currency": "currency",
            "amount": "amount",
            "discount": "discount",
            "tax_amount": "tax_amount",
            "tax_code": "tax_code",
        },
    ),
    "credit-notes": Export(
        title="Credit notes",
        rows=lambda: CreditNote.objects.order_by("issued_at", "pk"),
        since="issued_at",
        fields={
            "id": "id",
            "number": "number",
            "invoice": "invoice__number",
            "customer": "customer__external_id",
            "currency": "currency",
            "issued_at": "issued_at",
            "reason": "reason",
            "subtotal": "subtotal",
            "tax": "tax",
            "total": "total",
            "to_invoice": "to_invoice",
            "to_wallets": "to_wallets",
            "to_refund": "to_refund",
            "to_balance": "to_balance",
        },
    ),
    "payments": Export(
        title="Payments",
        rows=lambda: Payment.objects.order_by("created_at", "pk"),
        since="created_at",
        fields={
            "id": "id",
            "state": "state",
            "customer": "customer__external_id",
            "invoice": "invoice__number",
            "currency": "currency",
            "amount": "amount",
            "refunded": "amount_refunded",
            "purpose": "purpose",
            "created_at": "created_at",
            "paid_at": "paid_at",
        },
    ),
    "customers": Export(
        title="Customers",
        rows=lambda: Customer.objects.order_by("created_at", "pk"),
        since="created_at",
        fields={
            "id": "external_id",
            "name": "name",
            "email": "email",
            "address_line1": "address_line1",
            "address_line2": "address_line2",
            "postal_code": "postal_code",
            "city": "city",
            "region": "region",
            "country": "country",
            "tax_number": "tax_number",
            "is_tax_exempt": "is_tax_exempt",
            "currency": "currency",
            "time_zone": "time_zone",
            "locale": "locale",
            "created_at": "created_at",
        },
    ),
    "subscriptions": Export(
        title="Subscriptions",
        rows=lambda: Subscription.objects.order_by("created_at", "pk"),
        since="created_at",
        fields={
            "reference": "reference",
            "customer": "customer__external_id",
            "plan": "plan_version__plan__code",
            "version": "plan_version__number",
            "quantity": "quantity",
            "currency": "currency",
            "state": "state",
            "started_at": "started_at",
            "trial_ends_at": "trial_ends_at",
            "period_start": "current_period_start",
            "period_end": "current_period_end",
            "next_billing_at": "next_billing_at",
            "cancel_at": "cancel_at",
            "resume_at": "resume_at",
            "ended_at": "ended_at",
            "created_at": "created_at",
        },
    ),
}


@require_GET
@requires(Permission.VIEW_BILLING)
def export_list(request: HttpRequest) -> HttpResponse:
    """What can be written out, and from which days."""
    form = ExportForm(request.GET or None)
    days = {}
    if form.is_bound and form.is_valid():
        days = {name: f"{day:%Y-%m-%d}" for name, day in form.cleaned_data.items() if day}
    context = {
        "form": form,
        "exports": [(name, export.title) for name, export in EXPORTS.items()],
        "days": days,
    }
    return render(request, "billing/export_list.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def export_file(request: HttpRequest, name: str, form_of: str) -> HttpResponseBase:
    """One table as a file, of some days or all."""
    export = EXPORTS.get(name)
    if export is None or form_of not in {"csv", "jsonl"}:
        raise Http404
    form = ExportForm(request.GET)
    if not form.is_valid():
        raise Http404
    rows = _rows(export, form.cleaned_data)
    answer = csv_response if form_of == "csv" else json_lines_response
    return answer(f"{name}.{form_of}", list(export.fields), rows)


def _rows(export: Export, days: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    found = export.rows()
    if days.get("start"):
        found = found.filter(**{f"{export.since}__gte": day_start(days["start"])})
    if days.get("end"):
        found = found.filter(**{f"{export.since}__lt": day_end(days["end"])})
    for row in found.values_list(*export.fields.values()).iterator(chunk_size=CHUNK):
        yield tuple(_written(value) for value in row)


def _written(value: object) -> object:
    """Instants as they are kept, in UTC."""
    return value.isoformat() if isinstance(value, datetime) else value

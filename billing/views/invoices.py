"""Staff pages of invoices: find one, read it, see why each line is what it is, move it on."""

from collections.abc import Callable, Iterator, Mapping
from datetime import tzinfo
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from billing.forms.drafts import DraftLineForm
from billing.forms.invoices import OVERDUE, OWED, InvoiceFilter
from billing.models import Invoice, InvoiceLine, UnusedCredit
from billing.models.invoices import InvoiceQuerySet
from billing.queries.drafts import drafts_seen
from billing.queries.explanation import explain_line
from billing.queries.invoices import invoice_history, invoice_sums
from billing.services.bank.coming_debits import coming_debit
from billing.services.credit.overpayments import credit_overpayment
from billing.services.invoices.draft_review import finalize_invoice
from billing.services.invoices.invoicing import (
    is_voidable,
    mark_uncollectible,
    void_invoice,
)
from billing.services.invoices.replacing import is_replaceable
from subscriptions.services.transitions import Actor
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.web.access import requires
from tiktoktoe.web.chips import state_chips
from tiktoktoe.web.csv_export import csv_response
from tiktoktoe.web.days import day_end, day_of, day_start
from tiktoktoe.web.pagination import paginate

CSV_HEADER = [
    "number",
    "state",
    "customer",
    "issued",
    "due",
    "currency",
    "subtotal",
    "tax",
    "total",
    "credited",
    "to_balance",
    "from_balance",
    "paid",
    "refunded",
    "amount_due",
]


@require_GET
@requires(Permission.VIEW_BILLING)
def invoice_list(request: HttpRequest) -> HttpResponse:
    """Invoices by state, words and days, and what they add up to."""
    form = InvoiceFilter(request.GET)
    found = _narrowed(form)
    counts = dict(found.order_by().values_list("state").annotate(n=Count("pk")))
    all_of_ours = sum(n for found_state, n in counts.items() if found_state != "elsewhere")
    overdue_count = found.overdue(now()).count()
    state = _asked(form)["state"]
    shown = _in_state(found, state)
    context = {
        "form": form,
        "page": paginate(request, shown.select_related("customer")),
        "sums": invoice_sums(shown),
        "state": state,
        "choices": [
            *state_chips(_states(counts), counts),
            (OVERDUE, "Overdue", overdue_count),
        ],
        "total_count": all_of_ours,
        "at": now(),
    }
    return render(request, "billing/invoice_list.html", context)


def _states(counts: Mapping[str, int]) -> list[Invoice.State]:
    """Those that an invoice of ours may be in; that of others only where there are such."""
    elsewhere = Invoice.State.ELSEWHERE
    return [s for s in Invoice.State if s != elsewhere or counts.get(elsewhere)]


@require_GET
@requires(Permission.VIEW_BILLING)
def invoice_csv(request: HttpRequest) -> HttpResponseBase:
    """What the list shows, as a file."""
    form = InvoiceFilter(request.GET)
    shown = _in_state(_narrowed(form), _asked(form)["state"])
    return csv_response("invoices.csv", CSV_HEADER, _csv_rows(shown))


@require_GET
@requires(Permission.VIEW_BILLING)
def invoice_detail(request: HttpRequest, key: str) -> HttpResponse:
    """One invoice: lines, tax, payments, credit notes and everything that happened to it."""
    invoice = find_invoice(key)
    context = {
        "invoice": invoice,
        "lines": invoice.lines.select_related("subscription").order_by("position"),
        "payments": invoice.payments.order_by("created_at"),
        "credit_notes": invoice.credit_notes.order_by("issued_at"),
        "history": invoice_history(invoice),
        "is_overdue": invoice.state == "open" and invoice.due_at and invoice.due_at < now(),
        "is_creditable": invoice.state in {"open", "paid", "uncollectible"}
        and invoice.kind != Invoice.Kind.TOP_UP
        and invoice.amount_credited < invoice.total,
        "is_voidable": is_voidable(invoice),
        "is_replaceable": is_replaceable(invoice),
        "debit": coming_debit(invoice),
        "replacement": invoice.replacements.exclude(state=Invoice.State.DISCARDED).first(),
    }
    if invoice.state == Invoice.State.DRAFT:
        context |= {
            "seen": drafts_seen([invoice])[0],
            "line_form": DraftLineForm(),
            "has_period": invoice.boundaries.exists(),
            "follows_usage": invoice.boundaries.filter(closed_from__isnull=False).exists(),
            "manual_lines": invoice.lines.filter(kind=InvoiceLine.Kind.ONE_OFF),
        }
    if invoice.state == Invoice.State.ELSEWHERE:
        netted = UnusedCredit.objects.filter(invoice_line__invoice=invoice, counts=True)
        context["netted"] = netted.filter(invoice__isnull=False).select_related("invoice")
    if invoice.state == Invoice.State.DISCARDED:
        again = Invoice.objects.filter(boundaries__again_of__invoice=invoice).distinct()
        context |= {"has_period": invoice.boundaries.exists(), "billed_again": again}
    return render(request, "billing/invoice_detail.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def invoice_line_detail(request: HttpRequest, key: str, line_id: UUID) -> HttpResponse:
    """Why a line is what it is: price, steps, days of usage, down to the events."""
    invoice = find_invoice(key)
    line = get_object_or_404(
        InvoiceLine.objects.select_related("price__plan_version__plan", "price__meter"),
        pk=line_id,
        invoice=invoice,
    )
    context = {"invoice": invoice, "line": line, "explanation": explain_line(line, invoice)}
    return render(request, "billing/invoice_line_detail.html", context)


@require_POST
@requires(Permission.CHANGE_BILLING)
def invoice_finalization(request: HttpRequest, key: str) -> HttpResponse:
    """Issue a draft."""
    return _act(request, key, lambda i: finalize_invoice(invoice=i, at=now()), "is issued")


@require_POST
@requires(Permission.CHANGE_BILLING)
def invoice_voiding(request: HttpRequest, key: str) -> HttpResponse:
    """Take an untouched open invoice back."""
    return _act(request, key, lambda i: void_invoice(invoice=i, at=now()), "is void")


@require_POST
@requires(Permission.GRANT_CREDIT)
def invoice_overpayment(request: HttpRequest, key: str) -> HttpResponse:
    """Move what was paid too much to the customer's credit balance."""
    invoice = get_object_or_404(Invoice, number=key)
    assert isinstance(request.user, User)
    actor = Actor(source="finance", user=request.user)
    reason = request.POST.get("reason", "")
    try:
        entries = credit_overpayment(invoice=invoice, reason=reason, actor=actor, at=now())
    except (Conflict, InvalidInput) as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        moved = " and ".join(str(entry.amount) for entry in entries)
        messages.success(request, f"{moved} is on the customer's credit balance.")
    return redirect("invoice_detail", key)


@require_POST
@requires(Permission.CHANGE_BILLING)
def invoice_write_off(request: HttpRequest, key: str) -> HttpResponse:
    """Give up on collecting an open invoice."""
    return _act(request, key, lambda i: mark_uncollectible(invoice=i, at=now()), "is given up")


def find_invoice(key: str) -> Invoice:
    """The invoice of a number, or of an id while it has none; 404 for anything else."""
    invoices = Invoice.objects.select_related("customer", "subscription")
    try:
        return invoices.get(pk=UUID(key))
    except ValueError:
        return get_object_or_404(invoices, number=key)
    except Invoice.DoesNotExist:
        raise Http404 from None


def _act(
    request: HttpRequest, key: str, act: Callable[[Invoice], Invoice], done: str
) -> HttpResponse:
    invoice = find_invoice(key)
    try:
        invoice = act(invoice)
    except Conflict as refusal:
        messages.error(request, f"Nothing was changed: {refusal}.")
    else:
        messages.success(request, f"{invoice.number} {done}.")
    return redirect("invoice_detail", invoice.address_key)


def _asked(form: InvoiceFilter) -> dict[str, Any]:
    """What was asked for; a filter that makes no sense asks for what of it does."""
    form.is_valid()
    return {name: form.cleaned_data.get(name) or "" for name in form.fields}


def _narrowed(form: InvoiceFilter) -> InvoiceQuerySet:
    asked = _asked(form)
    invoices = Invoice.objects.matching(asked["q"])
    if asked["customer"]:
        invoices = invoices.filter(customer=asked["customer"])
    if asked["run"]:
        invoices = invoices.of_run(asked["run"])
    if asked["currency"]:
        invoices = invoices.filter(currency=asked["currency"])
    if asked["start"]:
        invoices = invoices.filter(finalized_at__gte=day_start(asked["start"]))
    if asked["end"]:
        invoices = invoices.filter(finalized_at__lt=day_end(asked["end"]))
    return invoices


def _in_state(invoices: InvoiceQuerySet, state: str) -> InvoiceQuerySet:
    if state == OVERDUE:
        return invoices.overdue(now())
    if state == OWED:
        return invoices.owed()
    if state:
        return invoices.filter(state=state)
    return invoices.exclude(state=Invoice.State.ELSEWHERE)  # none of ours, and in no sum


def _csv_rows(invoices: InvoiceQuerySet) -> Iterator[list[object]]:
    # Streamed after the request, so the viewer's zone, by which the filter counts days, is
    # asked for now.
    zone = timezone.get_current_timezone()
    return _rows_in(zone, invoices.select_related("customer").order_by("number", "pk"))


def _rows_in(zone: tzinfo, ordered: InvoiceQuerySet) -> Iterator[list[object]]:
    for invoice in ordered.iterator(chunk_size=1000):
        yield [
            invoice.number,
            invoice.state,
            invoice.customer.name,
            day_of(invoice.finalized_at, zone),
            day_of(invoice.due_at, zone),
            invoice.currency,
            invoice.subtotal.amount,
            invoice.tax.amount,
            invoice.total.amount,
            invoice.amount_credited.amount,
            invoice.amount_to_balance.amount,
            invoice.amount_from_balance.amount,
            invoice.amount_paid.amount,
            invoice.amount_refunded.amount,
            invoice.amount_due.amount,
        ]

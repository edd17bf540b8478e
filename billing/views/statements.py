"""A customer's statement of account, as a page, a CSV file and a PDF."""

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from billing.forms.statements import StatementForm
from billing.queries.statement_tax import DocumentTax
from billing.queries.statements import Statement, statement_currencies, statement_of, year_so_far
from billing.services.documents.pdf import statement_pdf
from subscriptions.models import Customer
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.periods import local_date
from tiktoktoe.web.access import requires
from tiktoktoe.web.csv_export import csv_response

CSV_HEADER = [
    "day",
    "what",
    "number",
    "currency",
    "amount",
    "balance",
    "net",
    "tax",
    "gross",
    "taxes",
]
NO_TAX: list[object] = ["", "", "", ""]


@require_GET
@requires(Permission.VIEW_BILLING)
def statement_detail(request: HttpRequest, customer_id: int) -> HttpResponse:
    """What a customer owed, what happened, and what it owes."""
    customer = get_object_or_404(Customer, pk=customer_id)
    form, statement = _asked(request, customer)
    context = {"customer": customer, "form": form, "statement": statement}
    return render(request, "billing/statement_detail.html", context)


@require_GET
@requires(Permission.VIEW_BILLING)
def statement_csv(request: HttpRequest, customer_id: int) -> HttpResponseBase:
    """The same as a file."""
    customer = get_object_or_404(Customer, pk=customer_id)
    return _csv(_asked(request, customer)[1])


@require_GET
@requires(Permission.VIEW_BILLING)
def statement_document(request: HttpRequest, customer_id: int) -> HttpResponse:
    """The same as PDF."""
    customer = get_object_or_404(Customer, pk=customer_id)
    return _pdf(_asked(request, customer)[1])


@require_GET
@requires(Permission.USE_PORTAL)
def portal_statement_document(request: HttpRequest, external_id: str) -> HttpResponse:
    """The customer's own statement as PDF."""
    assert isinstance(request.user, User)
    mine = Customer.objects.of_user(request.user.pk)
    return _pdf(_asked(request, get_object_or_404(mine, external_id=external_id))[1])


def _asked(request: HttpRequest, customer: Customer) -> tuple[StatementForm, Statement]:
    """What was asked for; by default, or where it makes no sense, the year so far."""
    start, end = year_so_far(customer, now())
    currencies = statement_currencies(customer)
    form = StatementForm(request.GET or None, customer=customer, currencies=currencies)
    currency = customer.currency
    if form.is_bound and form.is_valid():
        currency = form.cleaned_data["currency"] or currency
        start, end = form.span(start, end)
    return form, statement_of(customer, currency, start=start, end=end)


def _csv(statement: Statement) -> HttpResponseBase:
    zone, currency = statement.customer.time_zone, statement.currency
    rows: list[list[object]] = [
        [
            local_date(statement.start, zone),
            "Opening",
            "",
            currency,
            "",
            statement.opening.amount,
            *NO_TAX,
        ]
    ]
    rows += [
        [
            local_date(row.at, zone),
            row.what,
            row.number,
            currency,
            row.amount.amount,
            row.balance.amount,
            *_taxed(row.document),
        ]
        for row in statement.rows
    ]
    last = local_date(statement.last_day, zone)
    closing = [statement.closing.amount, *_taxed(statement.taxed)]
    rows.append([last, "Closing", "", currency, "", *closing])
    return csv_response(f"statement-{statement.customer.external_id}.csv", CSV_HEADER, rows)


def _taxed(document: DocumentTax | None) -> list[object]:
    """Net, tax and gross of a document, and its taxes in words; of the closing, of all of them."""
    if document is None:
        return NO_TAX
    said = (
        f"{part.name} {part.percentage.normalize():f}% on {part.net.amount}: {part.tax.amount}"
        for part in document.parts
    )
    sums = [document.net.amount, document.tax.amount, document.gross.amount]
    return [*sums, "; ".join(said)]


def _pdf(statement: Statement) -> HttpResponse:
    answer = HttpResponse(statement_pdf(statement=statement), content_type="application/pdf")
    name = "".join(c for c in statement.customer.external_id if c.isalnum() or c in "-_")
    answer["Content-Disposition"] = f'inline; filename="statement-{name}.pdf"'
    answer["Cache-Control"] = "private, no-store"
    return answer

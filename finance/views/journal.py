"""Pages of the journal."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from finance.forms import JournalForm
from finance.models import JournalEntry
from finance.queries import (
    JournalPosition,
    JournalRow,
    entries_of_documents,
    journal_rows,
    unposted_count,
    with_postings,
)
from finance.queries import journal as journal_page
from finance.views.documents import document_links
from subscriptions.models import Customer
from tiktoktoe.accounts.roles import Permission
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.money import from_minor
from tiktoktoe.web.access import requires
from tiktoktoe.web.csv_export import csv_response

CSV_HEADER = (
    "day",
    "entry",
    "kind",
    "description",
    "account",
    "account name",
    "currency",
    "debit",
    "credit",
    "customer",
    "source type",
    "source id",
)


@require_GET
@requires(Permission.VIEW_BOOKS)
def journal(request: HttpRequest) -> HttpResponse:
    """Entries, the newest first, by account, kind, days, customer and document."""
    form = JournalForm(request.GET)
    context: dict[str, Any] = {"form": form, "waiting": unposted_count(at=now())}
    if form.is_valid():
        page = journal_page(wanted=form.wanted(), before=_position(request.GET.get("before")))
        links = document_links(row.entry for row in page.rows)
        names = _customer_names(page.rows)
        context["rows"] = [
            {
                "row": row,
                "document": links.get(row.entry.source_id),
                "customers": [(pk, names.get(pk, str(pk))) for pk in row.customer_ids],
            }
            for row in page.rows
        ]
        if page.older is not None:
            context["older"] = f"{page.older.effective_on}_{page.older.entry_id}"
    return render(request, "finance/journal.html", context)


@require_GET
@requires(Permission.VIEW_BOOKS)
def journal_csv(request: HttpRequest) -> HttpResponseBase:
    """Every posting of the entries that the filters ask for."""
    form = JournalForm(request.GET)
    if not form.is_valid():
        return redirect(f"{reverse('journal')}?{request.GET.urlencode()}")
    return csv_response("journal.csv", CSV_HEADER, _csv_rows(journal_rows(wanted=form.wanted())))


@require_GET
@requires(Permission.VIEW_BOOKS)
def journal_entry(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    """One entry: its postings, its document, and what else was posted for that."""
    entry = get_object_or_404(
        JournalEntry.objects.select_related("entity", "reverses", "reversed_by"), pk=entry_id
    )
    (row,) = with_postings([entry])
    names = _customer_names([row])
    related = entries_of_documents([entry.source_id]).exclude(pk=entry.pk)
    context = {
        "entry": entry,
        "row": row,
        "document": document_links([entry]).get(entry.source_id),
        "postings": [(posting, names.get(posting.customer_id or 0)) for posting in row.postings],
        "related": related,
        "body_hash": bytes(entry.body_hash).hex(),
    }
    return render(request, "finance/journal_entry.html", context)


@require_GET
@requires(Permission.VIEW_BOOKS)
def document_entries(_request: HttpRequest, source_id: UUID) -> HttpResponse:
    """From a document to its entry, or to the journal if it has several."""
    entries = list(entries_of_documents([source_id])[:2])
    if not entries:
        raise Http404
    if len(entries) == 1:
        return redirect("journal_entry", entries[0].pk)
    return redirect(f"{reverse('journal')}?document={source_id}")


def _position(text: str | None) -> JournalPosition | None:
    """Where a page starts, as the link to it says; nonsense starts at the beginning."""
    day, _, entry_id = (text or "").partition("_")
    try:
        return JournalPosition(date.fromisoformat(day), UUID(entry_id))
    except ValueError:
        return None


def _customer_names(rows: Sequence[JournalRow]) -> dict[int, str]:
    ids = {pk for row in rows for pk in row.customer_ids}
    return dict(Customer.objects.filter(pk__in=ids).values_list("pk", "name"))


def _csv_rows(rows: Iterator[JournalRow]) -> Iterator[tuple[object, ...]]:
    for row in rows:
        entry = row.entry
        for posting in row.postings:
            amount = from_minor(abs(posting.amount_minor), posting.currency).amount
            yield (
                entry.effective_on,
                entry.pk,
                entry.kind,
                entry.description,
                posting.account.code,
                posting.account.name,
                posting.currency,
                amount if posting.is_debit else None,
                None if posting.is_debit else amount,
                posting.customer_id,
                entry.source_type,
                entry.source_id,
            )

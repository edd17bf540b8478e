"""Ways from entries to the documents behind them."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.urls import NoReverseMatch, reverse

from finance.models import JournalEntry
from finance.queries import DocumentName, document_names


@dataclass(frozen=True, slots=True)
class DocumentLink:
    """A document in words, and its page if there is one."""

    words: str
    href: str


def document_links(entries: Iterable[JournalEntry]) -> dict[UUID, DocumentLink]:
    """The document of each entry, by its id."""
    names = document_names((entry.source_type, entry.source_id) for entry in entries)
    return {pk: link_of(name) for pk, name in names.items()}


def link_of(name: DocumentName) -> DocumentLink:
    """A document in words, with its page."""
    return DocumentLink(name.words, _address(name))


def _address(name: DocumentName) -> str:
    """Its own page, or else that of the invoice it belongs to."""
    own: dict[str, tuple[str, object]] = {
        "payment": ("payment_detail", name.source_id),
        "credit_note": ("credit_note_detail", name.number),
    }
    invoice = ("invoice_detail", name.invoice_number)
    for url_name, key in (own.get(name.source_type, invoice), invoice):
        try:
            return reverse(url_name, args=[key])
        except NoReverseMatch:
            continue
    return ""

"""Documents as PDF: the same bytes for the same document, every time.

Everything that is printed comes ready, as JSON, so that no customer's name can be read as
markup. The compiler is kept: a document takes some ten milliseconds.
"""

import json
from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from threading import Lock

import typst
from django.conf import settings

from billing.domain.issuing import IssuedBy
from billing.models import CreditNote, DisputeAnswer, Invoice
from billing.queries.statements import Statement
from billing.services.documents.credit_note_pages import credit_note_content
from billing.services.documents.evidence_pages import evidence_content
from billing.services.documents.invoice_pages import invoice_content
from billing.services.documents.letters import Row
from billing.services.documents.statement_pages import statement_content
from tiktoktoe.kernel.clock import utc

FOLDER = Path(settings.BASE_DIR) / "templates" / "documents"
FONTS = Path(str(files("font_source_sans_pro"))) / "files"
_compiling = Lock()


def invoice_pdf(*, invoice: Invoice) -> bytes:
    """An invoice as PDF."""
    return _compile("invoice.typ", invoice_content(invoice), invoice.finalized_at)


def sample_pdf(*, invoice: Invoice, seller: IssuedBy) -> bytes:
    """What an invoice would look like had somebody else issued it; nothing is kept."""
    invoice.issued_by = seller.to_json()
    return invoice_pdf(invoice=invoice)


def credit_note_pdf(*, note: CreditNote) -> bytes:
    """A credit note as PDF."""
    return _compile("credit_note.typ", credit_note_content(note), note.issued_at)


def statement_pdf(*, statement: Statement) -> bytes:
    """A statement of account as PDF."""
    return _compile("statement.typ", statement_content(statement), statement.end)


def evidence_pdf(
    *, answer: DisputeAnswer, at: datetime, only: Collection[str] | None = None
) -> bytes:
    """What we hold against a dispute, or some sections of it, as PDF."""
    return _compile("evidence.typ", evidence_content(answer, at, only), at)


def _compile(template: str, content: Row, issued: datetime | None) -> bytes:
    with _compiling:
        pdf = _compiler(template).compile(
            sys_inputs={"document": json.dumps(content, ensure_ascii=False)},
            format="pdf",
            timestamp=int(utc(issued).timestamp()) if issued else 0,
        )
    assert isinstance(pdf, bytes)
    return pdf


@lru_cache(maxsize=4)
def _compiler(template: str) -> typst.Compiler:
    """A compiler that sees only our templates and the fonts of a pinned package."""
    return typst.Compiler(
        input=str(FOLDER / template),
        root=str(FOLDER),
        font_paths=[str(FONTS)],
        ignore_system_fonts=True,
    )

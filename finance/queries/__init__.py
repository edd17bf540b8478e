"""Reads of the books: frozen rows, amounts in minor units with debits positive."""

from finance.queries.unposted import (
    DOCUMENT_KINDS,
    DocumentKind,
    Rows,
    UnpostedDocument,
    UnpostedKind,
    final_rows,
    unposted,
    unposted_count,
    unposted_documents,
    unposted_list,
)

__all__ = [
    "DOCUMENT_KINDS",
    "DocumentKind",
    "Rows",
    "UnpostedDocument",
    "UnpostedKind",
    "final_rows",
    "unposted",
    "unposted_count",
    "unposted_documents",
    "unposted_list",
]

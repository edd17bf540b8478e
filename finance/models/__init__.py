"""Tables of the books."""

from finance.models.ledger import (
    MAIN_BOOKS,
    Account,
    Entity,
    JournalEntry,
    NothingToPost,
    Posting,
    PostingRoute,
)

__all__ = [
    "MAIN_BOOKS",
    "Account",
    "Entity",
    "JournalEntry",
    "NothingToPost",
    "Posting",
    "PostingRoute",
]

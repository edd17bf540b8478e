"""Tables of the books."""

from finance.models.ledger import (
    Account,
    Entity,
    JournalEntry,
    NothingToPost,
    Posting,
    PostingRoute,
)

__all__ = [
    "Account",
    "Entity",
    "JournalEntry",
    "NothingToPost",
    "Posting",
    "PostingRoute",
]

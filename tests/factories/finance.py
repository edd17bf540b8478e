"""Entries for tests that need a ledger with something in it."""

from datetime import date
from uuid import UUID

from finance.domain.chart import GATEWAY_CLEARING, RECEIVABLE
from finance.domain.journal import Entry, Posting
from finance.models import Entity, JournalEntry
from finance.services.journal import SourcedEntry, post_entries
from tiktoktoe.kernel.ids import uuid7

JAN_15 = date(2026, 1, 15)


def main_books() -> Entity:
    """The books that migrations made."""
    return Entity.objects.get(pk=1)


def make_entry(
    key: str,
    *,
    amount_minor: int = 11_900,
    currency: str = "USD",
    on: date = JAN_15,
    kind: str = "payment_captured",
    debit: str = GATEWAY_CLEARING,
    credit: str = RECEIVABLE,
    customer: str = "",
) -> Entry:
    """A payment of 119.00, or any other entry of two postings."""
    return Entry(
        kind=kind,
        key=key,
        effective_on=on,
        postings=(
            Posting(
                account_code=debit, amount_minor=amount_minor, currency=currency, customer=customer
            ),
            Posting(
                account_code=credit,
                amount_minor=-amount_minor,
                currency=currency,
                customer=customer,
            ),
        ),
        description=f"Test entry {key}",
    )


def post_entry(
    entry: Entry, *, source_type: str = "payment", source_id: UUID | None = None
) -> JournalEntry:
    """Write an entry into the main books."""
    sourced = SourcedEntry(entry, source_type, source_id or uuid7())
    post_entries(books=main_books(), entries=[sourced])
    return JournalEntry.objects.get(idempotency_key=entry.key)

"""Writing entries into the ledger: many at once, each key once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from psycopg import Cursor
from psycopg.errors import CheckViolation, UniqueViolation

from finance.domain.journal import Entry
from finance.errors import EntryAlreadyReversed, EntryReused, PeriodClosed, UnknownAccount
from finance.models import Account, Entity, JournalEntry
from tiktoktoe.kernel.errors import InvariantViolation
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.standing import standing

# One statement: the guards look at entries and postings together when it ends. Only
# entries whose key is new come out of the first part, so only theirs get postings.
INSERT: LiteralString = """
WITH posted AS (
    INSERT INTO finance_journalentry (id, entity_id, effective_on, kind, source_type, source_id,
                                      idempotency_key, body_hash, description, reverses_id)
    SELECT e.id, %(books)b, e.effective_on, e.kind, e.source_type, e.source_id::uuid, e.key,
           e.body_hash, e.description, e.reverses_id
    FROM unnest(%(ids)b::uuid[], %(days)b::date[], %(kinds)b::text[], %(source_types)b::text[],
                %(source_ids)b::text[], %(keys)b::text[], %(hashes)b::bytea[],
                %(descriptions)b::text[], %(reverses)b::uuid[])
         AS e (id, effective_on, kind, source_type, source_id, key, body_hash, description,
               reverses_id)
    ON CONFLICT (entity_id, idempotency_key) DO NOTHING
    RETURNING id, effective_on
), lines AS (
    INSERT INTO finance_posting (entry_id, line_no, entity_id, effective_on, account_id, currency,
                                 amount_minor, functional_amount_minor, customer_id, document_id)
    SELECT l.entry_id, l.line_no, %(books)b, posted.effective_on, l.account_id, l.currency,
           l.amount_minor,
           CASE WHEN l.currency = %(functional_currency)b THEN l.amount_minor END,
           nullif(l.customer, '')::bigint, nullif(l.document, '')::uuid
    FROM unnest(%(line_entries)b::uuid[], %(line_nos)b::smallint[], %(accounts)b::bigint[],
                %(currencies)b::text[], %(amounts)b::bigint[], %(customers)b::text[],
                %(documents)b::text[])
         AS l (entry_id, line_no, account_id, currency, amount_minor, customer, document)
    JOIN posted ON posted.id = l.entry_id
)
SELECT count(*) FROM posted
"""


@dataclass(frozen=True, slots=True)
class SourcedEntry:
    """An entry and the document that it comes from."""

    entry: Entry
    source_type: str
    source_id: UUID | str


@dataclass(frozen=True, slots=True)
class PostedEntries:
    """How many entries were written, and how many had been already."""

    posted: int
    replayed: int


@transaction.atomic
def post_entries(*, books: Entity, entries: Sequence[SourcedEntry]) -> PostedEntries:
    """Write entries that are not in the books yet; the same ones again change nothing.

    Raises:
        EntryReused: If a key is in the books with another body.
        EntryAlreadyReversed: If one takes back what was taken back before.
        PeriodClosed: If one falls on a closed day.
        UnknownAccount: If an account is not in the chart of these books.
        InvariantViolation: If the database refuses an entry for any other reason.
    """
    if not entries:
        return PostedEntries(0, 0)
    # Everybody inserts keys in the same order, so that two at once wait and never deadlock.
    ordered = sorted(entries, key=lambda sourced: sourced.entry.key)
    values = values_of(books, ordered)
    try:
        posted = insert(INSERT, values)
    except IntegrityError as refusal:
        raise _explained(refusal) from refusal
    if posted < len(ordered):
        _check_replays(books, ordered)
    return PostedEntries(posted, len(ordered) - posted)


def insert(statement: LiteralString, values: Mapping[str, Any]) -> int:
    """Run the statement that writes entries with their postings; gives how many were new."""
    connection.ensure_connection()
    # Arrays travel in binary and apart from the statement, which Django's cursor cannot do.
    with connection.wrap_database_errors, Cursor(connection.connection) as cursor:
        row = cursor.execute(statement, values).fetchone()
    assert row is not None
    return int(row[0])


def values_of(books: Entity, ordered: Sequence[SourcedEntry]) -> dict[str, Any]:
    """What the statement is given: a column of values for each column of the two tables."""
    entries = [sourced.entry for sourced in ordered]
    ids = [uuid7() for _ in entries]
    lines = [(i, n, p) for i, e in zip(ids, entries, strict=True) for n, p in _numbered(e)]
    accounts = _account_ids(books)
    reversed_ids = _reversed_ids(books, entries)
    try:
        account_ids = [accounts[posting.account_code] for _, _, posting in lines]
    except KeyError as missing:
        raise UnknownAccount(f"{books} has no account {missing}") from None
    return {
        "books": books.pk,
        "functional_currency": books.functional_currency,
        "ids": ids,
        "days": [entry.effective_on for entry in entries],
        "kinds": [entry.kind for entry in entries],
        "source_types": [sourced.source_type for sourced in ordered],
        "source_ids": [str(sourced.source_id) for sourced in ordered],
        "keys": [entry.key for entry in entries],
        "hashes": [entry.body_hash for entry in entries],
        "descriptions": [entry.description[:200] for entry in entries],
        "reverses": [reversed_ids[entry.reverses] for entry in entries],
        "line_entries": [entry_id for entry_id, _, _ in lines],
        "line_nos": [number for _, number, _ in lines],
        "accounts": account_ids,
        "currencies": [posting.currency for _, _, posting in lines],
        "amounts": [posting.amount_minor for _, _, posting in lines],
        "customers": [posting.customer for _, _, posting in lines],
        "documents": [posting.document for _, _, posting in lines],
    }


def _numbered(entry: Entry) -> list[tuple[int, Any]]:
    return list(enumerate(entry.postings, start=1))


def _account_ids(books: Entity) -> dict[str, int]:
    return dict(_accounts.rows(entity=books.pk))


@standing
def _accounts(entity: int) -> QuerySet[Account, tuple[str, int]]:
    return Account.objects.filter(entity=entity).order_by().values_list("code", "pk")


def _reversed_ids(books: Entity, entries: Sequence[Entry]) -> dict[str, UUID | None]:
    keys = {entry.reverses for entry in entries if entry.reverses}
    found: dict[str, UUID | None] = {"": None}
    if keys:
        found |= JournalEntry.objects.filter(entity=books, idempotency_key__in=keys).values_list(
            "idempotency_key", "pk"
        )
    if missing := keys - found.keys():
        raise InvariantViolation(f"{sorted(missing)[0]} is not in the books, so cannot be reversed")
    return found


def _check_replays(books: Entity, ordered: Sequence[SourcedEntry]) -> None:
    kept = dict(
        JournalEntry.objects.filter(
            entity=books, idempotency_key__in=[sourced.entry.key for sourced in ordered]
        ).values_list("idempotency_key", "body_hash")
    )
    for sourced in ordered:
        if bytes(kept[sourced.entry.key]) != sourced.entry.body_hash:
            raise EntryReused(f"{sourced.entry.key} is in the books with another body")


def _explained(refusal: IntegrityError) -> Exception:
    cause = refusal.__cause__
    rule = cause.diag.constraint_name if isinstance(cause, CheckViolation | UniqueViolation) else ""
    if rule == "journal_period_open":
        return PeriodClosed(str(refusal).splitlines()[0])
    if rule == "journal_reversed_once":
        return EntryAlreadyReversed(str(refusal).splitlines()[0])
    return InvariantViolation(str(refusal).splitlines()[0])

"""Posting every final document to the books, once."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from finance.domain.journal import Entry
from finance.errors import DocumentInconsistent, EntryAlreadyReversed, EntryReused
from finance.models import MAIN_BOOKS, Entity, NothingToPost
from finance.queries import DocumentKind, final_rows, is_waiting, kinds_in_use, unposted
from finance.services.built_entries import Found
from finance.services.document_entries import entries_of
from finance.services.journal import SourcedEntry, post_entries
from tiktoktoe.kernel.errors import InvariantViolation

logger = logging.getLogger(__name__)

BATCH_SIZE = 2_000
POSTING_LOCK = 7004


@dataclass(slots=True)
class PostingReport:
    """What one pass did: entries by kind, documents that move nothing, and refused ones."""

    posted: Counter[str] = field(default_factory=Counter)
    nothing: int = 0
    refused: int = 0

    @property
    def total(self) -> int:
        """How many entries were written."""
        return self.posted.total()


def post_documents(*, at: datetime, limit: int | None = None) -> PostingReport:
    """Post every document that is final by an instant and not in the books yet.

    Safe to kill, to repeat and to run many times at once: each batch is one transaction, and
    the key of an entry is unique. A document that cannot be posted is logged, left waiting,
    and keeps no other from being posted. Wrap nothing around it.

    Args:
        limit: The most documents to look at; all by default.
    """
    report = PostingReport()
    left = limit
    for document in kinds_in_use():
        after: UUID | None = None
        is_more = is_waiting(document, at=at)
        while is_more and (left is None or left > 0):
            size = BATCH_SIZE if left is None else min(BATCH_SIZE, left)
            seen = _post_batch(document, after=after, size=size, at=at, report=report)
            is_more = len(seen) == size
            after = seen[-1] if seen else None
            left = None if left is None else left - len(seen)
    if report.total or report.refused:
        logger.info("documents posted", extra={"entries": report.total, "refused": report.refused})
    return report


@transaction.atomic
def _post_batch(
    document: DocumentKind, *, after: UUID | None, size: int, at: datetime, report: PostingReport
) -> list[UUID]:
    """Post the next documents of a kind; gives the ids looked at, none when there are no more."""
    _wait_for_turn()
    books = Entity.objects.get(pk=MAIN_BOOKS)
    waiting = unposted(document, at=at)
    if after is not None:
        waiting = waiting.filter(source_id__gt=after)
    ids = list(waiting.values_list("source_id", flat=True)[:size])
    if ids:
        rows = final_rows(document, at=at).filter(source_id__in=ids)
        _write(document, entries_of(document, rows, books=books, at=at), books, at, report)
    return ids


def _wait_for_turn() -> None:
    # One batch at a time: two workers would otherwise prepare the same documents, and the
    # unique key would throw half of their work away.
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [POSTING_LOCK])


def _write(
    document: DocumentKind,
    found: Sequence[Found],
    books: Entity,
    at: datetime,
    report: PostingReport,
) -> None:
    entries: list[SourcedEntry] = []
    for source_id, entry in found:
        if isinstance(entry, Entry):
            entries.append(SourcedEntry(entry, document.source_type, source_id))
        elif isinstance(entry, DocumentInconsistent):
            _refuse(f"{document.kind} of {source_id}", entry, report)
    report.posted[document.kind] += _post_or_split(books, entries, report)
    nothing = [source_id for source_id, entry in found if entry is None]
    _note_nothing(document, nothing, at)
    report.nothing += len(nothing)


def _post_or_split(books: Entity, entries: Sequence[SourcedEntry], report: PostingReport) -> int:
    """Post them together; if the books refuse, halve until the one that they refuse is alone."""
    try:
        return post_entries(books=books, entries=entries).posted
    except (InvariantViolation, EntryReused, EntryAlreadyReversed) as refusal:
        if len(entries) == 1:
            _refuse(entries[0].entry.key, refusal, report)
            return 0
    middle = len(entries) // 2
    return sum(_post_or_split(books, half, report) for half in (entries[:middle], entries[middle:]))


def _refuse(what: str, refusal: Exception, report: PostingReport) -> None:
    report.refused += 1
    logger.error("document refused", extra={"document": what, "reason": str(refusal)})


def _note_nothing(document: DocumentKind, source_ids: Sequence[UUID], at: datetime) -> None:
    NothingToPost.objects.bulk_create(
        [
            NothingToPost(
                kind=document.kind,
                source_type=document.source_type,
                source_id=source_id,
                noted_at=at,
            )
            for source_id in source_ids
        ],
        ignore_conflicts=True,
    )

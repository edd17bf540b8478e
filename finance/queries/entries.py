"""The journal: entries by filter, one entry whole, and the entries of a document."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet

from billing.models import CreditNote, DisputeEntry, Invoice, Payment, PaymentOperation, Refund
from finance.models import JournalEntry, Posting

Entries = QuerySet[JournalEntry, JournalEntry]


@dataclass(frozen=True, slots=True)
class JournalPosition:
    """An entry's place in the journal."""

    effective_on: date
    entry_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalFilter:
    """Which entries are asked for; what is empty does not matter."""

    account_id: int | None = None
    currency: str = ""
    kind: str = ""
    since: date | None = None
    until: date | None = None
    customer_id: int | None = None
    source_ids: Sequence[UUID] | None = None


@dataclass(frozen=True, slots=True)
class JournalRow:
    """An entry with its postings."""

    entry: JournalEntry
    postings: Sequence[Posting]

    @property
    def amounts(self) -> list[tuple[int, str]]:
        """What it moves: the sum of its debits, in minor units, by currency."""
        sums: dict[str, int] = defaultdict(int)
        for posting in self.postings:
            sums[posting.currency] += max(posting.amount_minor, 0)
        return [(amount, currency) for currency, amount in sorted(sums.items())]

    @property
    def customer_ids(self) -> list[int]:
        """The customers it concerns."""
        return sorted({p.customer_id for p in self.postings if p.customer_id is not None})


@dataclass(frozen=True, slots=True)
class JournalPage:
    """Some entries, the newest first; `older` is where the next page starts, if any."""

    rows: Sequence[JournalRow]
    older: JournalPosition | None


def journal(
    *, wanted: JournalFilter, before: JournalPosition | None = None, limit: int = 50
) -> JournalPage:
    """One page of the journal; pages are found by place, so that the last is as fast."""
    entries = _matching(wanted)
    if before is not None:
        entries = entries.filter(
            Q(effective_on__lt=before.effective_on) | Q(id__lt=before.entry_id),
            effective_on__lte=before.effective_on,
        )
    found = list(entries.order_by("-effective_on", "-id")[: limit + 1])
    shown = found[:limit]
    older = JournalPosition(shown[-1].effective_on, shown[-1].pk) if len(found) > limit else None
    return JournalPage(with_postings(shown), older)


def journal_rows(*, wanted: JournalFilter, chunk: int = 2_000) -> Iterator[JournalRow]:
    """All entries that match, the newest first, read in chunks."""
    place: JournalPosition | None = None
    while True:
        page = journal(wanted=wanted, before=place, limit=chunk)
        yield from page.rows
        if page.older is None:
            return
        place = page.older


def with_postings(entries: Sequence[JournalEntry]) -> list[JournalRow]:
    """Entries with their postings, which are read in one query."""
    by_entry: dict[UUID, list[Posting]] = defaultdict(list)
    postings = Posting.objects.filter(entry__in=[entry.pk for entry in entries])
    for posting in postings.select_related("account").order_by("entry_id", "line_no"):
        by_entry[posting.entry_id].append(posting)
    return [JournalRow(entry, by_entry[entry.pk]) for entry in entries]


def kinds_used() -> list[str]:
    """The kinds of entry that the journal holds."""
    return sorted(JournalEntry.objects.order_by().values_list("kind", flat=True).distinct())


def entry_for_document(*, source_type: str, source_id: UUID) -> JournalEntry | None:
    """The first entry of a document."""
    return entries_of_documents([source_id]).filter(source_type=source_type).first()


def entries_of_documents(source_ids: Iterable[UUID]) -> Entries:
    """Every entry of some documents, in the order in which they were posted."""
    return JournalEntry.objects.filter(source_id__in=list(source_ids)).order_by("seq")


def documents_named(number: str) -> list[UUID]:
    """What belongs to a number: the invoice, its credit notes, its payments, refunds and disputes.

    The number of a credit note, or the id of any document, stands for that document alone.
    """
    invoice = Invoice.objects.filter(number__iexact=number).first()
    if invoice is not None:
        return [
            invoice.pk,
            *CreditNote.objects.filter(invoice=invoice).values_list("pk", flat=True),
            *Payment.objects.filter(invoice=invoice).values_list("pk", flat=True),
            *Refund.objects.filter(payment__invoice=invoice).values_list("pk", flat=True),
            *PaymentOperation.objects.filter(attempt__payment__invoice=invoice).values_list(
                "pk", flat=True
            ),
            *DisputeEntry.objects.filter(dispute__payment__invoice=invoice).values_list(
                "pk", flat=True
            ),
        ]
    note = CreditNote.objects.filter(number__iexact=number).first()
    if note is not None:
        return [note.pk]
    try:
        return [UUID(number)]
    except ValueError:
        return []


def _matching(wanted: JournalFilter) -> Entries:
    entries = JournalEntry.objects.all()
    if wanted.kind:
        entries = entries.filter(kind=wanted.kind)
    if wanted.since is not None:
        entries = entries.filter(effective_on__gte=wanted.since)
    if wanted.until is not None:
        entries = entries.filter(effective_on__lte=wanted.until)
    if wanted.source_ids is not None:
        entries = entries.filter(source_id__in=wanted.source_ids)
    postings = _matching_postings(wanted)
    return entries if postings is None else entries.filter(Exists(postings))


def _matching_postings(wanted: JournalFilter) -> QuerySet[Posting, Posting] | None:
    terms: dict[str, object] = {}
    if wanted.account_id is not None:
        terms["account_id"] = wanted.account_id
    if wanted.currency:
        terms["currency"] = wanted.currency
    if wanted.customer_id is not None:
        terms["customer_id"] = wanted.customer_id
    return Posting.objects.filter(entry_id=OuterRef("pk"), **terms) if terms else None

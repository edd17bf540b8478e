"""Journal entries per second with every guarantee, against the same rows without triggers.

`run()` needs Django set up on a migrated database, to which it adds entries: give it one of
its own. All ways write entries of two postings in batches of 1,000, in turns, in one run.
The bare tables have the same columns and indexes, but no trigger; the one-by-one way writes
them through Django's ORM, a transaction each.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import count
from statistics import median
from time import perf_counter
from typing import Any, ClassVar
from uuid import UUID

from django.db import connection, models, transaction

from finance.domain.chart import GATEWAY_CLEARING, RECEIVABLE
from finance.domain.journal import Entry, Posting
from finance.models import Account, Entity
from finance.services import journal
from finance.services.journal import SourcedEntry, post_entries
from tiktoktoe.kernel.ids import uuid7

BATCH = 1_000
BATCHES = 10
ROUNDS = 5
ONE_BY_ONE = 200
DAY = date(2026, 1, 15)
Say = Callable[[str], object]
_sequence = count()

BARE = """
DROP TABLE IF EXISTS bare_journalentry, bare_posting;
CREATE TABLE bare_journalentry (LIKE finance_journalentry INCLUDING DEFAULTS INCLUDING IDENTITY
                                INCLUDING INDEXES);
CREATE TABLE bare_posting (LIKE finance_posting INCLUDING INDEXES);
"""
DROP_BARE = "DROP TABLE bare_journalentry, bare_posting"


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured rate, and its ratio to the bare tables'."""

    name: str
    per_second: float
    ratio: float


class BareEntry(models.Model):
    """An entry without guards, for the way that most programs would write it."""

    id = models.UUIDField(primary_key=True)
    entity_id = models.BigIntegerField()
    effective_on = models.DateField()
    kind = models.CharField(max_length=48)
    source_type = models.CharField(max_length=32)
    source_id = models.UUIDField()
    idempotency_key = models.CharField(max_length=120)
    body_hash = models.BinaryField()
    description = models.CharField(max_length=200)

    objects: ClassVar[models.Manager["BareEntry"]] = models.Manager()

    class Meta:
        app_label = "finance_benchmark"
        managed = False
        db_table = "bare_journalentry"

    def __str__(self) -> str:
        return self.description


class BarePosting(models.Model):
    """A posting without guards."""

    pk = models.CompositePrimaryKey("entry_id", "line_no")
    entry_id = models.UUIDField()
    line_no = models.SmallIntegerField()
    entity_id = models.BigIntegerField()
    effective_on = models.DateField()
    account_id = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    amount_minor = models.BigIntegerField()
    functional_amount_minor = models.BigIntegerField()

    objects: ClassVar[models.Manager["BarePosting"]] = models.Manager()

    class Meta:
        app_label = "finance_benchmark"
        managed = False
        db_table = "bare_posting"

    def __str__(self) -> str:
        return f"{self.entry_id}:{self.line_no}"


def run(say: Say = print) -> list[Figure]:
    """Measure, tell, and give the figures."""
    books = Entity.objects.get(pk=1)
    with connection.cursor() as cursor:
        cursor.execute(BARE)
    try:
        rates = _measure(books)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(DROP_BARE)
    figures = [
        Figure(name, median(found), median(_ratios(found, rates["bare tables"])))
        for name, found in rates.items()
    ]
    for figure in figures:
        say(f"ledger, {figure.name}: {figure.per_second:,.0f} entries/s ({figure.ratio:.2f})")
    return figures


def _measure(books: Entity) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {"bare tables": [], "guarded": [], "one by one, bare": []}
    post_entries(books=books, entries=_entries(BATCH))  # warm up
    for _ in range(ROUNDS):
        batches = [_entries(BATCH) for _ in range(2 * BATCHES)]
        rates["bare tables"].append(_rate(batches[:BATCHES], lambda b: _post_bare(books, b)))
        rates["guarded"].append(
            _rate(batches[BATCHES:], lambda b: post_entries(books=books, entries=b))
        )
        singles = [[entry] for entry in _entries(ONE_BY_ONE)]
        rates["one by one, bare"].append(_rate(singles, lambda b: _post_by_orm(books, b[0])))
    return rates


def _rate(
    batches: Sequence[Sequence[SourcedEntry]], post: Callable[[Sequence[SourcedEntry]], Any]
) -> float:
    started = perf_counter()
    for batch in batches:
        post(batch)
    return sum(len(batch) for batch in batches) / (perf_counter() - started)


def _post_bare(books: Entity, entries: Sequence[SourcedEntry]) -> None:
    """The service's own statement and values, aimed at the bare tables."""
    statement = journal.INSERT.replace("finance_", "bare_")
    with transaction.atomic():
        journal.insert(statement, journal.values_of(books, entries))


def _post_by_orm(books: Entity, sourced: SourcedEntry) -> None:
    entry = sourced.entry
    accounts = dict(Account.objects.filter(entity=books).values_list("code", "pk"))
    with transaction.atomic():
        head = BareEntry.objects.create(
            id=uuid7(),
            entity_id=books.pk,
            effective_on=entry.effective_on,
            kind=entry.kind,
            source_type=sourced.source_type,
            source_id=sourced.source_id,
            idempotency_key=entry.key,
            body_hash=entry.body_hash,
            description=entry.description,
        )
        for number, posting in enumerate(entry.postings, start=1):
            BarePosting.objects.create(
                entry_id=head.pk,
                line_no=number,
                entity_id=books.pk,
                effective_on=entry.effective_on,
                account_id=accounts[posting.account_code],
                currency=posting.currency,
                amount_minor=posting.amount_minor,
                functional_amount_minor=posting.amount_minor,
            )


def _entries(size: int) -> list[SourcedEntry]:
    return [_entry(next(_sequence), uuid7()) for _ in range(size)]


def _entry(number: int, source_id: UUID) -> SourcedEntry:
    who = {"currency": "USD", "customer": str(number % 5_000 + 1), "document": str(source_id)}
    entry = Entry(
        kind="payment_captured",
        key=f"payment:{source_id}:captured:v1",
        effective_on=DAY,
        postings=(
            Posting(account_code=GATEWAY_CLEARING, amount_minor=9_900, **who),
            Posting(account_code=RECEIVABLE, amount_minor=-9_900, **who),
        ),
        description="Payment",
    )
    return SourcedEntry(entry, "payment", source_id)


def _ratios(found: Sequence[float], bare: Sequence[float]) -> list[float]:
    return [ours / theirs for ours, theirs in zip(found, bare, strict=True)]

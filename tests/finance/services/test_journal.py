from datetime import date, timedelta

import pytest

from finance.domain.chart import BANK, RECEIVABLE, SUBSCRIPTION_REVENUE
from finance.domain.journal import Entry
from finance.errors import EntryAlreadyReversed, EntryReused, PeriodClosed
from finance.models import Entity, JournalEntry, Posting
from finance.services.journal import SourcedEntry, post_entries
from tests.factories.finance import JAN_15, main_books, make_entry, post_entry
from tiktoktoe.kernel.errors import InvariantViolation
from tiktoktoe.kernel.ids import uuid7

pytestmark = pytest.mark.django_db


def test_post_entries_writes_entries_with_their_postings() -> None:
    entry = make_entry("payment:1:captured:v1", customer="7")

    result = post_entries(books=main_books(), entries=[SourcedEntry(entry, "payment", uuid7())])

    kept = JournalEntry.objects.get()
    lines = Posting.objects.values_list(
        "line_no",
        "account__code",
        "currency",
        "amount_minor",
        "functional_amount_minor",
        "customer_id",
        "effective_on",
    )
    assert (result.posted, result.replayed) == (1, 0)
    assert bytes(kept.body_hash) == entry.body_hash
    assert kept.effective_on == JAN_15
    assert list(lines) == [
        (1, "1100", "USD", 11_900, 11_900, 7, JAN_15),
        (2, "1200", "USD", -11_900, -11_900, 7, JAN_15),
    ]


def test_post_entries_leaves_the_functional_amount_open_in_another_currency() -> None:
    post_entry(make_entry("e1", currency="EUR"))

    assert set(Posting.objects.values_list("functional_amount_minor", flat=True)) == {None}


def test_post_entries_again_changes_nothing() -> None:
    source_id = uuid7()
    entries = [SourcedEntry(make_entry(f"e{n}"), "payment", source_id) for n in (2, 1)]
    post_entries(books=main_books(), entries=entries)

    again = post_entries(
        books=main_books(), entries=[*entries, SourcedEntry(make_entry("e3"), "payment", uuid7())]
    )

    assert (again.posted, again.replayed) == (1, 2)
    assert JournalEntry.objects.count() == 3
    assert Posting.objects.count() == 6


def test_post_entries_refuses_a_known_key_with_another_body() -> None:
    post_entry(make_entry("e1"))

    with pytest.raises(EntryReused, match="e1"):
        post_entry(make_entry("e1", amount_minor=1))

    assert sum(
        Posting.objects.filter(amount_minor__gt=0).values_list("amount_minor", flat=True)
    ) == (11_900)


def test_post_entries_reverses_an_entry_once() -> None:
    entry = make_entry("e1")
    original = post_entry(entry)
    reversal = post_entry(entry.reversed(effective_on=JAN_15 + timedelta(days=1)))
    second = Entry(
        kind="payment_captured_reversal",
        key="another key",
        effective_on=JAN_15,
        postings=tuple(posting.reversed() for posting in entry.postings),
        reverses="e1",
    )

    with pytest.raises(EntryAlreadyReversed):
        post_entry(second)

    assert reversal.reverses_id == original.pk
    assert JournalEntry.objects.count() == 2


def test_post_entries_refuses_to_reverse_what_is_not_in_the_books() -> None:
    with pytest.raises(InvariantViolation, match="is not in the books"):
        post_entry(make_entry("e1").reversed(effective_on=JAN_15))


def test_post_entries_refuses_a_closed_day_and_takes_the_next_one() -> None:
    Entity.objects.filter(pk=1).update(closed_through=JAN_15)

    with pytest.raises(PeriodClosed):
        post_entry(make_entry("e1", on=JAN_15))
    post_entry(make_entry("e2", on=date(2026, 1, 16)))

    assert JournalEntry.objects.get().idempotency_key == "e2"


def test_post_entries_refuses_a_balanced_but_absurd_entry() -> None:
    with pytest.raises(InvariantViolation, match="may not use such an account"):
        post_entry(make_entry("e1", debit=RECEIVABLE, credit=SUBSCRIPTION_REVENUE))

    assert not JournalEntry.objects.exists()


def test_post_entries_refuses_a_kind_that_nobody_knows() -> None:
    with pytest.raises(InvariantViolation):
        post_entry(make_entry("e1", kind="gift", debit=BANK))

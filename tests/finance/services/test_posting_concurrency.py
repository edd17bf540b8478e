"""Posting under stress: many workers at once, a worker killed, and any order of documents."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from multiprocessing import get_context
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models import Count, Sum
from hypothesis import given
from hypothesis import strategies as st

from billing.models import Invoice
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.invoices.invoicing import mark_uncollectible, void_invoice
from finance.models import Account, JournalEntry, Posting
from finance.queries import (
    account_balances,
    receivables,
    trial_balance,
    unposted_count,
)
from finance.services import posting
from finance.services.posting import post_documents
from tests.factories.billing import one_off_invoice, open_invoice
from tests.factories.subscriptions import JAN_1, make_customer, published_version, recurring
from tests.finance.services.test_posting import pay, refund
from tests.shared_world import shared_world, undone
from tests.strategies import histories
from tiktoktoe.kernel.money import Money

LATER = datetime(2026, 3, 1, tzinfo=UTC)


def make_documents(many: int) -> None:
    customer = make_customer()
    for _ in range(many):
        pay(one_off_invoice(customer=customer))


def post_one_by_one_and_die() -> None:
    """What a worker does in a process of its own, which ends before its sixth entry stays."""
    for inherited in connections.all():
        inherited.connection = None  # the parent's, and not ours to close
    posting.BATCH_SIZE = 1
    write, made = posting._write, count(1)

    def dying(*args: Any) -> None:
        write(*args)
        if next(made) == 6:
            os.kill(os.getpid(), signal.SIGKILL)

    posting._write = dying  # type: ignore[assignment]
    post_documents(at=LATER)


def assert_each_document_is_posted_once(many: int) -> None:
    assert unposted_count(at=LATER) == 0
    assert JournalEntry.objects.count() == many
    per_document = JournalEntry.objects.values("source_id", "kind").annotate(n=Count("pk"))
    assert {row["n"] for row in per_document} == {1}
    assert trial_balance(on=LATER.date(), currency="USD").difference_minor == 0


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_post_each_document_once(monkeypatch: pytest.MonkeyPatch) -> None:
    make_documents(8)
    monkeypatch.setattr(posting, "BATCH_SIZE", 2)

    def work(_: int) -> int:
        try:
            return post_documents(at=LATER).total
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as workers:
        totals = list(workers.map(work, range(4)))

    assert sum(totals) == 16
    assert_each_document_is_posted_once(16)


@pytest.mark.django_db(transaction=True)
def test_without_its_turn_a_worker_still_posts_nothing_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The lock only saves work: the unique key is what keeps the promise.
    make_documents(8)
    monkeypatch.setattr(posting, "_wait_for_turn", lambda: None)

    def work(_: int) -> int:
        try:
            return post_documents(at=LATER).total
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as workers:
        totals = list(workers.map(work, range(4)))

    assert sum(totals) == 16
    assert_each_document_is_posted_once(16)


@pytest.mark.django_db(transaction=True)
def test_a_worker_killed_half_way_leaves_nothing_twice_and_nothing_out() -> None:
    make_documents(6)
    worker = get_context("fork").Process(target=post_one_by_one_and_die)
    worker.start()
    worker.join(60)

    assert worker.exitcode == -signal.SIGKILL
    assert JournalEntry.objects.count() == 5
    post_documents(at=LATER)
    assert_each_document_is_posted_once(12)


issued = shared_world(lambda: open_invoice(version=published_version(recurring())))
ACTS = ["pay", "credit", "refund", "void", "give up", "post"]


@pytest.mark.django_db
@histories(10, thorough=25)
@given(st.lists(st.tuples(st.sampled_from(ACTS), st.integers(1, 98)), max_size=14))
@undone()
def test_any_sequence_of_documents_keeps_the_books_balanced_and_true(
    issued: Invoice, acts: list[tuple[str, int]]
) -> None:
    customer, mine = issued.customer, [issued]

    for act, units in acts:
        _do(act, units, mine)
    post_documents(at=LATER)

    assert unposted_count(at=LATER) == 0
    assert trial_balance(on=LATER.date(), currency="USD").difference_minor == 0
    sums = Posting.objects.values("entry").annotate(total=Sum("amount_minor"))
    assert {row["total"] for row in sums} <= {0}
    owed = sum(int(i.amount_due.amount * 100) for i in _fresh(mine) if i.state != "uncollectible")
    booked = {row.customer_id: row.balance_minor for row in receivables(on=LATER.date())}
    assert booked.get(customer.pk, 0) == owed
    codes = {row.account.code for row in account_balances(on=LATER.date())}
    assert codes <= set(Account.objects.values_list("code", flat=True))


def _fresh(invoices: list[Invoice]) -> list[Invoice]:
    return list(Invoice.objects.filter(pk__in=[invoice.pk for invoice in invoices]))


def _do(act: str, units: int, mine: list[Invoice]) -> None:
    """One thing that may happen to the invoices that are in a state for it."""
    if act == "post":
        post_documents(at=LATER)
        return
    for invoice in _fresh(mine):
        attempts = [a for p in invoice.payments.all() for a in p.attempts.all()]
        amount = Decimal(units)
        if act == "pay" and invoice.state in {"open", "uncollectible"}:
            if invoice.amount_due:
                pay(invoice)
        elif act == "credit" and invoice.state in {"open", "uncollectible"}:
            key = f"{invoice.pk}:{units}"
            is_new = not invoice.credit_notes.filter(idempotency_key=key).exists()
            if is_new and amount < invoice.amount_due.amount:
                issue_credit_note(
                    invoice=invoice,
                    reason="r",
                    idempotency_key=key,
                    at=JAN_1,
                    amount=amount,
                )
        elif (
            act == "void" and invoice.state == "open" and not (attempts or invoice.amount_credited)
        ):
            void_invoice(invoice=invoice, at=JAN_1)
        elif act == "give up" and invoice.state == "open":
            mark_uncollectible(invoice=invoice, at=JAN_1)
        elif act == "refund" and attempts and invoice.state == "paid":
            amount = min(amount, attempts[-1].payment.amount.amount)
            refund(attempts[-1], str(amount))
            invoice.amount_refunded += Money(amount, "USD")
            Invoice.objects.filter(pk=invoice.pk).update(
                amount_refunded=invoice.amount_refunded.amount,
                state="open" if invoice.amount_due else "paid",
            )

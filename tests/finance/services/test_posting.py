"""Posting real documents: made by billing's services, or as rows where only the books matter."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.db.models import Sum
from pytest_django import DjangoAssertNumQueries

from billing.models import CreditBalance, Invoice, Payment, PaymentAttempt, Refund
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.credit.customer_credit import grant_credit
from billing.services.invoices.invoicing import mark_uncollectible, void_invoice
from finance.models import Account, Entity, JournalEntry, NothingToPost, Posting
from finance.queries import kinds_in_use, unposted_count, unposted_documents, unposted_list
from finance.services.posting import post_documents
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    published_version,
    recurring,
)
from tests.shared_world import shared_world
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db

LATER = datetime.fromisoformat("2026-03-01T00:00:00+00:00")


def pay(invoice: Invoice, *, fee: str | None = "3.17", at: datetime = JAN_1) -> PaymentAttempt:
    """A payment of all that is due, as billing leaves it when the gateway says yes."""
    due = invoice.amount_due
    payment = Payment.objects.create(
        id=uuid7(),
        customer_id=invoice.customer_id,
        invoice=invoice,
        currency=invoice.currency,
        amount=due.amount,
        amount_refunded=Decimal(0),
        state=Payment.State.PAID,
        purpose="on_session",
        idempotency_key=str(uuid7()),
        paid_at=at,
    )
    attempt = PaymentAttempt.objects.create(
        id=uuid7(),
        payment=payment,
        sequence=1,
        gateway="stripe",
        channel="hosted_page",
        state=PaymentAttempt.State.SUCCEEDED,
        idempotency_key=str(uuid7()),
        currency=invoice.currency,
        fee=None if fee is None else Decimal(fee),
        dispatched_at=at,
        resolved_at=at,
    )
    paid = (invoice.amount_paid + due).amount
    Invoice.objects.filter(pk=invoice.pk).update(amount_paid=paid, state="paid", paid_at=at)
    invoice.refresh_from_db()
    return attempt


def refund(attempt: PaymentAttempt, amount: str, *, at: datetime = JAN_1) -> Refund:
    """A refund that went through."""
    return Refund.objects.create(
        id=uuid7(),
        payment=attempt.payment,
        attempt=attempt,
        currency=attempt.currency,
        amount=Decimal(amount),
        state=Refund.State.SUCCEEDED,
        reason="asked for",
        idempotency_key=str(uuid7()),
        requested_at=at,
        resolved_at=at,
    )


def balances() -> dict[str, int]:
    """The balance of each account that has moved, in minor units."""
    rows = Posting.objects.values_list("account__code").annotate(Sum("amount_minor"))
    return dict(rows.order_by("account__code"))


invoice = shared_world(open_invoice)


def test_tables_without_a_document_are_asked_about_together(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    with django_assert_num_queries(1):
        assert post_documents(at=LATER).total == 0

    open_invoice()
    in_use = {document.kind for document in kinds_in_use()}

    assert in_use == {
        "invoice_finalized",
        "invoice_finalized_reversal",
        "invoice_written_off",
        "moved_in_billed",
        "moved_in_billed_reversal",
        "invoice_written_off_reversal",
    }


def test_post_documents_posts_an_invoice_in_advance_as_deferred(invoice: Invoice) -> None:
    report = post_documents(at=LATER)

    entry = JournalEntry.objects.get()
    assert report.posted == {"invoice_finalized": 1}
    assert balances() == {"1200": 99_00, "2200": -99_00}
    assert (entry.source_type, entry.source_id) == ("invoice", invoice.pk)
    assert entry.effective_on == date(2026, 1, 1)
    assert entry.idempotency_key == f"invoice:{invoice.pk}:finalized:v1"
    assert unposted_count(at=LATER) == 0


def test_post_documents_twice_posts_nothing_more() -> None:
    open_invoice()
    post_documents(at=LATER)

    again = post_documents(at=LATER)

    assert again.total == 0
    assert JournalEntry.objects.count() == 1


def test_post_documents_leaves_what_is_final_later() -> None:
    open_invoice(LATER)

    assert post_documents(at=LATER - timedelta(seconds=1)).total == 0
    assert unposted_count(at=LATER) == 1


def test_post_documents_stops_at_its_limit() -> None:
    version = published_version(recurring())
    for _ in range(3):
        open_invoice(version=version)

    report = post_documents(at=LATER, limit=2)

    assert report.total == 2
    assert unposted_count(at=LATER) == 1


def test_post_documents_posts_a_payment_with_its_fee() -> None:
    pay(open_invoice())

    post_documents(at=LATER)

    assert balances() == {"1100": 95_83, "1200": 0, "2200": -99_00, "5000": 3_17}


def test_post_documents_posts_a_fee_that_came_later_as_an_entry_of_its_own() -> None:
    attempt = pay(open_invoice(), fee=None)
    post_documents(at=LATER)
    PaymentAttempt.objects.filter(pk=attempt.pk).update(fee=Decimal("3.17"))

    report = post_documents(at=LATER)
    again = post_documents(at=LATER)

    assert report.posted == {"processor_fee_charged": 1}
    assert again.total == 0
    assert balances() == {"1100": 95_83, "1200": 0, "2200": -99_00, "5000": 3_17}


def test_post_documents_posts_a_credit_note_and_its_refund(invoice: Invoice) -> None:
    attempt = pay(invoice)
    note = issue_credit_note(
        invoice=invoice, reason="outage", idempotency_key="k", at=JAN_1, amount=Decimal("40.00")
    )
    refund(attempt, "40.00")

    report = post_documents(at=LATER)

    assert report.posted["credit_note_issued"] == report.posted["refund_paid"] == 1
    assert balances()["1200"] == 0
    assert balances()["2200"] == -59_00
    assert balances()["1100"] == 55_83
    assert JournalEntry.objects.get(kind="credit_note_issued").source_id == note.pk


def test_post_documents_takes_a_void_invoice_back_by_a_reversal(invoice: Invoice) -> None:
    post_documents(at=LATER)
    void_invoice(invoice=invoice, at=datetime.fromisoformat("2026-02-03T10:00:00+00:00"))

    post_documents(at=LATER)

    reversal = JournalEntry.objects.get(kind="invoice_finalized_reversal")
    assert reversal.reverses is not None
    assert reversal.reverses.source_id == invoice.pk
    assert reversal.effective_on == date(2026, 2, 3)
    assert set(balances().values()) == {0}
    assert unposted_count(at=LATER) == 0


def test_post_documents_posts_an_invoice_that_is_void_already_and_its_reversal() -> None:
    void_invoice(invoice=open_invoice(), at=JAN_1)

    report = post_documents(at=LATER)

    assert report.posted == {"invoice_finalized": 1, "invoice_finalized_reversal": 1}


def test_post_documents_writes_off_what_is_uncollectible_until_it_is_paid(invoice: Invoice) -> None:
    mark_uncollectible(invoice=invoice, at=JAN_1)
    post_documents(at=LATER)
    assert balances() == {"1200": 0, "2200": -99_00, "5100": 99_00}
    invoice.refresh_from_db()

    pay(invoice, at=LATER)
    report = post_documents(at=LATER)

    assert report.posted == {"payment_captured": 1, "invoice_written_off_reversal": 1}
    assert balances() == {"1100": 95_83, "1200": 0, "2200": -99_00, "5000": 3_17, "5100": 0}


def test_post_documents_takes_back_a_write_off_of_what_is_credited_later(invoice: Invoice) -> None:
    mark_uncollectible(invoice=invoice, at=JAN_1)
    post_documents(at=LATER)

    issue_credit_note(invoice=invoice, reason="Mistake", idempotency_key="a", at=JAN_1)
    report = post_documents(at=LATER)

    assert report.posted == {"credit_note_issued": 1, "invoice_written_off_reversal": 1}
    assert balances() == {"1200": 0, "2200": 0, "5100": 0}
    assert unposted_count(at=LATER) == 0


def test_post_documents_takes_back_of_a_write_off_what_is_credited_in_part(
    invoice: Invoice,
) -> None:
    mark_uncollectible(invoice=invoice, at=JAN_1)
    post_documents(at=LATER)

    issue_credit_note(
        invoice=invoice, reason="Outage", idempotency_key="a", at=JAN_1, amount=Decimal("40.00")
    )
    report = post_documents(at=LATER)

    assert report.posted == {"credit_note_issued": 1, "invoice_written_off_reversal": 1}
    assert balances() == {"1200": 0, "2200": -59_00, "5100": 59_00}
    assert unposted_count(at=LATER) == 0
    assert post_documents(at=LATER).total == 0


def test_post_documents_writes_off_only_what_a_credit_note_of_the_same_hour_leaves(
    invoice: Invoice,
) -> None:
    mark_uncollectible(invoice=invoice, at=JAN_1)
    issue_credit_note(
        invoice=invoice, reason="Outage", idempotency_key="a", at=JAN_1, amount=Decimal("40.00")
    )

    post_documents(at=LATER)

    assert balances() == {"1200": 0, "2200": -59_00, "5100": 59_00}
    assert JournalEntry.objects.filter(kind__startswith="invoice_written_off").count() == 1


def test_post_documents_writes_an_invoice_off_again_after_it_was_recovered(
    invoice: Invoice,
) -> None:
    mark_uncollectible(invoice=invoice, at=JAN_1)
    post_documents(at=LATER)
    invoice.refresh_from_db()
    attempt = pay(invoice, fee="0")
    post_documents(at=LATER)
    refund(attempt, "99.00")
    Invoice.objects.filter(pk=invoice.pk).update(amount_refunded="99.00", state="open")
    post_documents(at=LATER)
    again_at = datetime.fromisoformat("2026-02-20T12:00:00+00:00")
    mark_uncollectible(invoice=invoice, at=again_at)

    report = post_documents(at=LATER)

    entries = JournalEntry.objects.filter(kind__startswith="invoice_written_off")
    assert report.posted == {"invoice_written_off": 1}
    assert balances() == {"1100": 0, "1200": 0, "2200": -99_00, "5100": 99_00}
    assert [(e.kind, e.effective_on.isoformat()) for e in entries.order_by("seq")] == [
        ("invoice_written_off", "2026-01-01"),
        ("invoice_written_off_reversal", "2026-01-01"),
        ("invoice_written_off", "2026-02-20"),
    ]
    assert unposted_count(at=LATER) == 0


def test_post_documents_writes_off_in_the_minor_units_of_each_currency() -> None:
    for currency, amount in (("JPY", "9900"), ("KWD", "9.905")):
        version = published_version(recurring(amount), currency=currency)
        invoice = open_invoice(customer=make_customer(currency=currency), version=version)
        mark_uncollectible(invoice=invoice, at=JAN_1)

    post_documents(at=LATER)

    lost = Posting.objects.filter(account__code="5100").values_list("currency", "amount_minor")
    assert dict(lost) == {"JPY": 9900, "KWD": 9905}
    assert unposted_count(at=LATER) == 0


def test_post_documents_takes_back_a_refund_that_the_bank_returned() -> None:
    attempt = pay(open_invoice(), fee="0")
    given = refund(attempt, "99.00")
    post_documents(at=LATER)
    Refund.objects.filter(pk=given.pk).update(state=Refund.State.FAILED)

    post_documents(at=LATER)

    assert balances()["1100"] == 99_00
    assert unposted_count(at=LATER) == 0


def test_post_documents_notes_a_document_that_moves_nothing() -> None:
    open_invoice(version=published_version(recurring("0.00")))

    report = post_documents(at=LATER)

    assert (report.total, report.nothing) == (0, 1)
    assert NothingToPost.objects.get().kind == "invoice_finalized"
    assert unposted_count(at=LATER) == 0


def test_post_documents_uses_the_first_open_day_for_a_closed_one() -> None:
    open_invoice()
    Entity.objects.filter(pk=1).update(closed_through=date(2026, 1, 31))

    post_documents(at=LATER)

    assert JournalEntry.objects.get().effective_on == date(2026, 2, 1)


def test_post_documents_posts_the_others_when_the_books_refuse_one() -> None:
    # A currency that the account does not take is what the books refuse.
    good = open_invoice(customer=make_customer())
    euro = published_version(recurring(), currency="EUR")
    bad = open_invoice(customer=make_customer(currency="EUR"), version=euro)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE finance_account DISABLE TRIGGER frozen")
        Account.objects.filter(code="1200").update(currency="USD")

    report = post_documents(at=LATER)

    assert (report.total, report.refused) == (1, 1)
    assert JournalEntry.objects.get().source_id == good.pk
    assert [waiting.source_id for waiting in unposted_list(at=LATER)] == [bad.pk]


def test_unposted_documents_counts_by_kind() -> None:
    pay(open_invoice())

    counts = {waiting.kind: waiting.count for waiting in unposted_documents(at=LATER)}

    assert counts["invoice_finalized"] == 1
    assert counts["payment_captured"] == 1
    assert counts["refund_paid"] == 0
    assert unposted_count(at=LATER) == 2


def test_post_documents_posts_what_moves_a_credit_balance() -> None:
    version = published_version(recurring())
    invoice = open_invoice(version=version)
    customer = invoice.customer
    grant_credit(
        customer=customer,
        amount=Money("120.00", "USD"),
        reason="Sorry",
        idempotency_key="g",
        actor=TEST_ACTOR,
        at=JAN_1,
    )  # pays the 99.00 at once
    invoice.refresh_from_db()
    void_invoice(invoice=invoice, at=JAN_1)
    second = open_invoice(customer=customer, version=version)
    issue_credit_note(
        invoice=second,
        reason="outage",
        idempotency_key="k",
        at=JAN_1,
        amount=Decimal("40.00"),
        to_balance=Decimal("40.00"),
    )

    report = post_documents(at=LATER)

    assert report.refused == 0
    assert unposted_count(at=LATER) == 0
    held = CreditBalance.objects.get(customer=customer).amount
    assert held == Money("61.00", "USD")
    assert balances() == {"1200": 0, "2200": -59_00, "2300": -61_00, "4090": 120_00}

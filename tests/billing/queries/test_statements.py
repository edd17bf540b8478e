"""A statement opens, lists and closes; it says what the books say about the receivable."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.models import Invoice
from billing.queries.statements import statement_currencies, statement_of
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.credit.customer_credit import grant_credit
from billing.services.invoices.invoicing import mark_uncollectible, void_invoice
from finance.queries import receivables
from finance.services.posting import post_documents
from subscriptions.models import Customer
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    published_version,
    recurring,
)
from tests.finance.services.test_posting import pay, refund
from tiktoktoe.kernel.money import Money, to_minor

pytestmark = pytest.mark.django_db
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
MAR_1 = datetime(2026, 3, 1, tzinfo=UTC)


def invoice_at(customer: Customer, at: datetime, amount: str = "100.00") -> Invoice:
    version = published_version(recurring(amount), at=at)
    return open_invoice(at, customer=customer, version=version)


def busy_customer() -> Customer:
    """Everything that can happen to what a customer owes, in January and February."""
    customer = make_customer()
    paid, void, lost = (invoice_at(customer, JAN_1) for _ in range(3))
    attempt = pay(paid, at=JAN_1)
    void_invoice(invoice=void, at=JAN_1)
    mark_uncollectible(invoice=lost, at=JAN_1)
    part = invoice_at(customer, FEB_1, "250.00")
    issue_credit_note(
        invoice=paid,
        reason="Outage",
        idempotency_key="n",
        amount=Decimal("40.00"),
        to_refund=Decimal("30.00"),
        to_balance=Decimal("10.00"),
        at=FEB_1,
    )
    refund(attempt, "30.00", at=FEB_1)
    Invoice.objects.filter(pk=paid.pk).update(amount_refunded=Decimal("30.00"))
    grant_credit(
        customer=customer,
        amount=Money("60.00", "USD"),
        reason="Sorry",
        idempotency_key="g",
        actor=TEST_ACTOR,
        at=FEB_1,
    )
    part.refresh_from_db()
    assert part.amount_due == Money("180.00", "USD")
    return customer


def test_a_statement_closes_with_what_the_books_say() -> None:
    customer = busy_customer()
    post_documents(at=MAR_1)

    statement = statement_of(customer, "USD", start=JAN_1, end=MAR_1)

    booked = {row.customer_id: row.balance_minor for row in receivables(on=MAR_1.date())}
    assert to_minor(statement.closing) == booked[customer.pk] == 180_00
    moved = sum((row.amount for row in statement.rows), statement.opening)
    assert moved == statement.closing
    assert [row.what for row in statement.rows].count("Invoice") == 4


def test_it_opens_with_what_was_owed_before() -> None:
    customer = busy_customer()
    invoice_at(customer, MAR_1)

    statement = statement_of(customer, "USD", start=FEB_1, end=MAR_1)

    assert statement.opening == Money(0, "USD")
    assert statement.closing == Money("180.00", "USD")
    assert statement.rows[0].what == "Invoice"
    assert statement.rows[0].balance == Money("250.00", "USD")


def test_currencies_do_not_mix() -> None:
    customer = make_customer()
    invoice_at(customer, JAN_1)
    yen = published_version(recurring("1200"), currency="JPY")
    open_invoice(JAN_1, customer=customer, version=yen)

    assert statement_currencies(customer) == ["JPY", "USD"]
    closing = statement_of(customer, "JPY", start=JAN_1, end=FEB_1).closing
    assert closing == Money(1200, "JPY")

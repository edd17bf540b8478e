"""What PostgreSQL itself refuses, tried through SQL as the owner of the tables."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction

from billing.models import CreditNote, Invoice, InvoiceLine
from billing.services.credit.credit_notes import issue_credit_note
from subscriptions.models import Price, SubscriptionTransition
from tests.factories.billing import only_line, open_invoice
from tests.factories.subscriptions import JAN_1, published_version, subscription_since
from tiktoktoe.kernel.ids import uuid7

pytestmark = pytest.mark.django_db


def sql(statement: str, *parameters: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def draft_of(invoice: Invoice, *, line_amount: str = "10", subtotal: str = "10") -> UUID:
    """A draft with one line, written past the services."""
    draft = Invoice.objects.create(
        id=uuid7(),
        customer=invoice.customer,
        kind="change",
        currency="USD",
        period_start=JAN_1,
        period_end=JAN_1,
        subtotal=Decimal(subtotal),
        total=Decimal(subtotal),
        idempotency_key=str(uuid7()),
    )
    add_line(draft.pk, line_amount)
    return draft.pk


def add_line(invoice_id: UUID, amount: str, position: int = 1) -> None:
    with transaction.atomic():
        InvoiceLine.objects.create(
            id=uuid7(),
            invoice_id=invoice_id,
            position=position,
            kind="recurring",
            description="Fee",
            period_start=JAN_1,
            period_end=JAN_1,
            currency="USD",
            amount=Decimal(amount),
        )


def add_to_note(note: CreditNote, line: InvoiceLine) -> None:
    with transaction.atomic():
        note.lines.create(
            id=uuid7(),
            invoice_line=line,
            description="more",
            currency="USD",
            amount=Decimal(1),
            tax_amount=Decimal(0),
        )
        sql("SET CONSTRAINTS ALL IMMEDIATE")


def as_role(role: str, statement: str) -> None:
    """Run a statement as replication does, or as everybody else."""
    with transaction.atomic():
        sql(f"SET LOCAL session_replication_role = {role}")
        sql(statement)


FINAL = "UPDATE billing_invoice SET state = %s, number = 'X-1', finalized_at = now() WHERE id = %s"


@pytest.mark.parametrize(
    "change",
    [
        "total = total + 1, subtotal = subtotal + 1",
        "number = 'INV-999999'",
        "due_at = now()",
        "bill_to = '{}'",
        "tax_breakdown = '[{}]'",
        "customer_id = customer_id + 1",
        "finalized_at = now()",
        "id = gen_random_uuid()",
        "state = 'draft', number = NULL, finalized_at = NULL",
    ],
)
def test_a_final_invoice_keeps_its_content(change: str) -> None:
    invoice = open_invoice()
    before = Invoice.objects.values().get()

    with pytest.raises(DatabaseError):
        sql(f"UPDATE billing_invoice SET {change} WHERE id = %s", invoice.pk)

    assert Invoice.objects.values().get() == before


def test_payment_may_move_it_on() -> None:
    invoice = open_invoice()

    sql(
        "UPDATE billing_invoice SET state = 'paid', amount_paid = total, paid_at = now() "
        "WHERE id = %s",
        invoice.pk,
    )

    assert Invoice.objects.get().state == "paid"


@pytest.mark.parametrize(
    ("state", "moves_to"),
    [("open", "paid"), ("void", "open"), ("void", "paid"), ("paid", "void"), ("paid", "open")],
)
def test_an_invoice_refuses_moves_that_its_amounts_contradict(state: str, moves_to: str) -> None:
    invoice = open_invoice()
    if state == "paid":
        sql("UPDATE billing_invoice SET state = 'paid', amount_paid = total")
    elif state == "void":
        sql("UPDATE billing_invoice SET state = 'void'")

    with pytest.raises(DatabaseError):
        sql("UPDATE billing_invoice SET state = %s WHERE id = %s", moves_to, invoice.pk)

    assert Invoice.objects.get().state == state


def test_a_returned_payment_opens_it_again() -> None:
    invoice = open_invoice()
    sql("UPDATE billing_invoice SET state = 'paid', amount_paid = total")

    sql("UPDATE billing_invoice SET state = 'open', amount_refunded = total")

    invoice.refresh_from_db()
    assert (invoice.state, invoice.amount_due) == ("open", invoice.total)


def test_an_invoice_is_born_a_draft() -> None:
    invoice = open_invoice()

    with pytest.raises(DatabaseError, match="starts as a draft"), transaction.atomic():
        Invoice.objects.create(
            id=uuid7(),
            number="INV-000002",
            state="open",
            finalized_at=JAN_1,
            customer=invoice.customer,
            kind="change",
            currency="USD",
            period_start=JAN_1,
            period_end=JAN_1,
            idempotency_key="forged",
        )

    assert Invoice.objects.count() == 1


def test_an_invoice_is_issued_only_with_the_lines_that_make_its_total() -> None:
    wrong = draft_of(open_invoice(), line_amount="10", subtotal="11")

    with pytest.raises(DatabaseError, match="lines of invoice"):
        sql(FINAL, "open", wrong)

    sql("UPDATE billing_invoice SET subtotal = 10, total = 10 WHERE id = %s", wrong)
    sql(FINAL, "open", wrong)
    assert Invoice.objects.get(pk=wrong).state == "open"


def test_a_draft_with_something_to_pay_is_not_paid_at_once() -> None:
    draft = draft_of(open_invoice())

    with pytest.raises(DatabaseError, match="cannot move"):
        sql(FINAL, "paid", draft)


def test_lines_of_a_final_invoice_can_be_neither_added_changed_nor_deleted() -> None:
    invoice = open_invoice()
    line = only_line(invoice)

    with pytest.raises(DatabaseError, match="lines belong to drafts"):
        add_line(invoice.pk, "0", position=2)
    with pytest.raises(DatabaseError, match="lines belong to drafts"):
        sql("UPDATE billing_invoiceline SET description = 'x' WHERE id = %s", line.pk)
    with pytest.raises(DatabaseError, match="lines belong to drafts"):
        sql("DELETE FROM billing_invoiceline WHERE id = %s", line.pk)
    with pytest.raises(DatabaseError, match="lines belong to drafts"):
        sql(
            "UPDATE billing_invoiceline SET invoice_id = %s, position = 9 WHERE id = %s",
            draft_of(invoice),
            line.pk,
        )

    assert only_line(invoice).description == line.description


def test_drafts_can_be_thrown_away_and_final_invoices_cannot() -> None:
    invoice = open_invoice()
    draft = draft_of(invoice)

    sql("DELETE FROM billing_invoiceline WHERE invoice_id = %s", draft)
    sql("DELETE FROM billing_invoice WHERE id = %s", draft)
    with pytest.raises(DatabaseError, match="cannot be deleted"):
        sql("DELETE FROM billing_invoice WHERE id = %s", invoice.pk)

    assert list(Invoice.objects.values_list("pk", flat=True)) == [invoice.pk]


def test_credit_notes_can_be_neither_changed_nor_deleted_nor_added_to() -> None:
    invoice = open_invoice()
    note = issue_credit_note(
        invoice=invoice, reason="Goodwill", idempotency_key="c1", amount=Decimal(10), at=JAN_1
    )

    for table in ("billing_creditnote", "billing_creditnoteline"):
        with pytest.raises(DatabaseError, match="final when made"):
            sql(f"UPDATE {table} SET currency = 'EUR'")
        with pytest.raises(DatabaseError, match="final when made"):
            sql(f"DELETE FROM {table}")
    with pytest.raises(DatabaseError, match="not its total"):
        add_to_note(note, only_line(invoice))


@pytest.mark.parametrize(
    "table",
    [
        "billing_invoice",
        "billing_invoiceline",
        "billing_creditnote",
        "billing_creditnoteline",
        "billing_paymentevent",
        "subscriptions_price",
        "subscriptions_subscriptiontransition",
    ],
)
@pytest.mark.parametrize("role", ["origin", "replica"])
def test_nothing_empties_the_documents(table: str, role: str) -> None:
    with pytest.raises(DatabaseError, match="is refused"):
        as_role(role, f"TRUNCATE {table} CASCADE")


def test_a_replication_role_does_not_open_a_final_invoice() -> None:
    open_invoice()

    with pytest.raises(DatabaseError, match="is final"):
        as_role("replica", "UPDATE billing_invoice SET due_at = now()")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE subscriptions_planversion SET currency = 'EUR'",
        "DELETE FROM subscriptions_planversion",
        "UPDATE subscriptions_price SET unit_amount = 1",
        "DELETE FROM subscriptions_price",
        "INSERT INTO subscriptions_tier (price_id, position, currency, unit_amount, flat_amount) "
        "SELECT id, 9, 'USD', 1, 0 FROM subscriptions_price",
    ],
)
def test_published_prices_are_frozen(statement: str) -> None:
    published_version()
    before = list(Price.objects.values())

    with pytest.raises(DatabaseError, match="frozen"):
        sql(statement)

    assert list(Price.objects.values()) == before


def test_what_happened_to_a_subscription_stays() -> None:
    subscription_since()

    with pytest.raises(DatabaseError, match="stays"):
        sql("UPDATE subscriptions_subscriptiontransition SET event = 'x'")
    with pytest.raises(DatabaseError, match="stays"):
        sql("DELETE FROM subscriptions_subscriptiontransition")

    assert SubscriptionTransition.objects.get().event == "subscribed"


@pytest.mark.django_db
def test_many_invoices_changed_at_once_are_not_compared_each_with_each() -> None:
    """A guard that is written anew in a migration loses how it is to look."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT proconfig FROM pg_proc WHERE proname = 'billing_invoice_changed'")
        found = cursor.fetchone()

    assert found == (["enable_nestloop=off"],)

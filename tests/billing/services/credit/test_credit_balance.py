"""Credit comes in, pays invoices and comes back; the database keeps it above zero."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from billing.errors import (
    CreditBalanceTooSmall,
    CreditInvalid,
    CreditKeyReused,
    InvoiceNotOpen,
)
from billing.models import CreditBalance, CreditEntry, Invoice
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.credit.customer_credit import grant_credit, withdraw_credit
from billing.services.invoices.invoicing import void_invoice
from billing.services.invoices.renewal import run_billing
from subscriptions.models import Customer
from tests.billing.services.credit.test_credit_notes import taxed_at
from tests.factories.billing import one_off_invoice, open_invoice
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    published_version,
    recurring,
)
from tests.golden import cents, in_cents, scenario
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)


def grant(customer: Customer, amount: str, key: str = "g") -> CreditEntry:
    return grant_credit(
        customer=customer,
        amount=Money(amount, customer.currency),
        reason="Sorry for the outage",
        idempotency_key=key,
        actor=TEST_ACTOR,
        at=JAN_1,
    )


def balance(customer: Customer, currency: str = "USD") -> Money:
    found = CreditBalance.objects.filter(customer=customer, currency=currency).first()
    return found.amount if found else Money(0, currency)


def invoice_of(amount: str = "99.00") -> Invoice:
    return one_off_invoice(amount=amount)


def states(customer: Customer) -> list[tuple[str, str, str]]:
    """State, total and what is left to pay of each invoice, in the order of issue."""
    rows = Invoice.objects.filter(customer=customer).order_by("number")
    return [(i.state, str(i.total.amount), str(i.amount_due.amount)) for i in rows]


def test_a_credit_larger_than_the_open_balance_pays_it_and_carries_over() -> None:
    facts = scenario("KB-CREDIT-59")
    unpaid, credit, renewal = (step["expected"] for step in facts["timeline"])
    price = cents(facts["price_cents"], "USD")
    invoice = open_invoice(version=published_version(recurring(str(price.amount))))
    assert in_cents(invoice.amount_due) == unpaid["account_balance_cents"]

    grant(invoice.customer, "300.00")

    invoice.refresh_from_db()
    assert (invoice.state, in_cents(invoice.amount_due)) == (
        "paid",
        credit["open_invoice_balance_cents"],
    )
    assert -in_cents(balance(invoice.customer)) == credit["account_balance_cents"]

    run_billing(at=FEB_1)

    second = Invoice.objects.exclude(pk=invoice.pk).get()
    assert in_cents(second.amount_due) == renewal["payment_cents"]
    assert in_cents(balance(invoice.customer)) == renewal["account_balance_cents"]


def test_an_invoice_that_the_balance_covers_is_paid_when_it_is_issued() -> None:
    customer = make_customer()
    grant(customer, "150.00")

    invoice = one_off_invoice(customer=customer)

    assert (invoice.state, invoice.amount_from_balance) == ("paid", Money("99.00", "USD"))
    assert invoice.paid_at == JAN_1
    assert balance(customer) == Money("51.00", "USD")
    assert [(e.kind, e.amount.amount) for e in CreditEntry.objects.order_by("pk")] == [
        ("granted", Decimal("150.00")),
        ("applied", Decimal("-99.00")),
    ]


def test_invoices_of_one_run_share_a_balance_in_order() -> None:
    customer = make_customer()
    version = published_version(recurring("40.00"))
    for _ in range(3):
        open_invoice(customer=customer, version=version)
    grant(customer, "220.00")  # 120.00 pays the first bills
    assert balance(customer) == Money("100.00", "USD")

    run_billing(at=FEB_1)

    assert states(customer)[3:] == [
        ("paid", "40.0000", "0.0000"),
        ("paid", "40.0000", "0.0000"),
        ("open", "40.0000", "20.0000"),
    ]
    assert balance(customer) == Money(0, "USD")


def test_a_credit_of_one_currency_pays_nothing_in_another() -> None:
    invoice = invoice_of()
    grant_credit(
        customer=invoice.customer,
        amount=Money("500.00", "EUR"),
        reason="In another currency",
        idempotency_key="e",
        actor=TEST_ACTOR,
        at=JAN_1,
    )

    invoice.refresh_from_db()
    assert invoice.amount_due == Money("99.00", "USD")
    assert balance(invoice.customer, "EUR") == Money("500.00", "EUR")


def test_a_void_invoice_gives_back_what_it_took() -> None:
    customer = make_customer()
    grant(customer, "120.00")
    invoice = one_off_invoice(customer=customer)

    void_invoice(invoice=invoice, at=JAN_1)

    invoice.refresh_from_db()
    assert (invoice.state, invoice.amount_from_balance) == ("void", Money(0, "USD"))
    assert balance(customer) == Money("120.00", "USD")


def test_what_a_void_invoice_gives_back_pays_the_next_open_one() -> None:
    customer = make_customer()
    grant(customer, "99.00")
    first, second = (one_off_invoice(customer=customer) for _ in range(2))

    void_invoice(invoice=first, at=JAN_1)

    second.refresh_from_db()
    assert (second.state, balance(customer)) == ("paid", Money(0, "USD"))


def test_an_invoice_paid_in_money_cannot_be_void() -> None:
    invoice = invoice_of()
    Invoice.objects.filter(pk=invoice.pk).update(amount_paid=Decimal(99), state="paid")
    with pytest.raises(InvoiceNotOpen):
        void_invoice(invoice=invoice, at=JAN_1)


def test_the_same_key_grants_once_and_another_amount_is_refused() -> None:
    customer = make_customer()
    assert grant(customer, "10.00") == grant(customer, "10.00")
    assert balance(customer) == Money("10.00", "USD")
    with pytest.raises(CreditKeyReused):
        grant(customer, "11.00")


def test_a_grant_needs_a_payable_amount_and_a_reason() -> None:
    customer = make_customer()
    for amount in ("0", "-1.00", "0.001"):
        with pytest.raises(CreditInvalid):
            grant(customer, amount)
    with pytest.raises(CreditInvalid, match="say why"):
        grant_credit(
            customer=customer,
            amount=Money(1, "USD"),
            reason=" ",
            idempotency_key="x",
            actor=TEST_ACTOR,
            at=JAN_1,
        )
    assert not CreditEntry.objects.exists()


def test_no_more_is_withdrawn_than_is_there() -> None:
    customer = make_customer()
    grant(customer, "10.00")

    def withdraw(amount: str, key: str) -> CreditEntry:
        return withdraw_credit(
            customer=customer,
            amount=Money(amount, "USD"),
            reason="Granted by mistake",
            idempotency_key=key,
            actor=TEST_ACTOR,
            at=JAN_1,
        )

    with pytest.raises(CreditBalanceTooSmall):
        withdraw("10.01", "a")
    withdraw("10.00", "b")
    assert withdraw("10.00", "b").amount == Money("-10.00", "USD")
    assert balance(customer) == Money(0, "USD")


def paid(invoice: Invoice) -> Invoice:
    """As billing leaves it when the gateway said yes."""
    amount = invoice.amount_due.amount
    Invoice.objects.filter(pk=invoice.pk).update(amount_paid=amount, state="paid", paid_at=JAN_1)
    return Invoice.objects.get(pk=invoice.pk)


def test_a_credit_note_goes_to_the_balance_refund_and_invoice_in_parts() -> None:
    invoice = paid(invoice_of("100.00"))

    note = issue_credit_note(
        invoice=invoice,
        reason="Outage",
        idempotency_key="n",
        amount=Decimal("60.00"),
        to_balance=Decimal("35.00"),
        to_refund=Decimal("25.00"),
        at=JAN_1,
    )

    assert (note.to_invoice, note.to_refund, note.to_balance) == (
        Money(0, "USD"),
        Money("25.00", "USD"),
        Money("35.00", "USD"),
    )
    assert balance(invoice.customer) == Money("35.00", "USD")
    invoice.refresh_from_db()
    assert (invoice.state, invoice.amount_due) == ("paid", Money(0, "USD"))


def test_a_credit_note_gives_back_the_way_it_was_paid() -> None:
    customer = make_customer()
    grant(customer, "30.00")
    invoice = one_off_invoice(customer=customer, amount="100.00")
    invoice = paid(invoice)  # the other 70.00

    note = issue_credit_note(invoice=invoice, reason="All of it", idempotency_key="n", at=JAN_1)

    parts = [note.to_invoice, note.to_refund, note.to_balance]
    assert parts == [Money(0, "USD"), Money(70, "USD"), Money(30, "USD")]


@pytest.mark.parametrize(
    "parts",
    [
        {"to_balance": "10.01"},
        {"to_balance": "-1"},
        {"to_refund": "1"},  # nothing was paid
        {"to_balance": "0.005"},
    ],
)
def test_parts_that_do_not_fit_are_refused_and_no_number_is_lost(parts: dict[str, str]) -> None:
    invoice = invoice_of("10.00")
    with pytest.raises(CreditInvalid):
        issue_credit_note(
            invoice=invoice,
            reason="x",
            idempotency_key="n",
            amount=Decimal(10),
            at=JAN_1,
            to_balance=Decimal(parts.get("to_balance", 0)),
            to_refund=Decimal(parts.get("to_refund", 0)),
        )
    note = issue_credit_note(invoice=invoice, reason="x", idempotency_key="n", at=JAN_1)
    assert note.number == "CN-000001"


def test_credit_notes_round_subtotal_and_tax_apart_and_add_up_to_the_invoice() -> None:
    """LAGO-CN-37, the manual cases: 872.23 and 50.57 are 922.80."""
    *_, first, rest = scenario("LAGO-CN-37")["cases"]
    invoice = taxed_at(Decimal(first["tax_rate"]), cents(first["invoice_fee_cents"]))
    assert in_cents(invoice.total) == rest["invoice_total_cents"]
    line = invoice.lines.get()

    for case in (first, rest):
        note = issue_credit_note(
            invoice=invoice,
            reason="x",
            idempotency_key=str(case["credit_item_cents"]),
            line_amounts={line.pk: cents(case["credit_item_cents"]).amount},
            to_balance=Decimal(0),
            at=JAN_1,
        )
        assert [in_cents(m) for m in (note.subtotal, note.tax, note.total)] == list(
            case["expected"].values()
        )
    invoice.refresh_from_db()
    assert invoice.amount_due == cents(0)


# ── What PostgreSQL itself refuses ───────────────────────────────────────────


def sql(statement: str, *parameters: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE billing_creditbalance SET amount = 1000",
        "DELETE FROM billing_creditbalance",
        "TRUNCATE billing_creditbalance",
        "INSERT INTO billing_creditbalance (customer_id, currency, amount) "
        "SELECT customer_id, 'EUR', 5 FROM billing_creditbalance",
        "UPDATE billing_creditentry SET amount = 1000",
        "DELETE FROM billing_creditentry",
        "TRUNCATE billing_creditentry",
        "UPDATE billing_invoice SET amount_from_balance = 1",
        "UPDATE billing_invoice SET amount_from_balance = 0",
    ],
)
def test_nobody_moves_a_balance_past_its_entries(attack: str) -> None:
    customer = make_customer()
    grant(customer, "10.00")
    one_off_invoice(customer=customer)

    with pytest.raises(DatabaseError):
        sql(attack)


def test_an_entry_that_its_invoice_does_not_count_is_refused() -> None:
    invoice = invoice_of()
    grant_credit(
        customer=invoice.customer,
        amount=Money(500, "EUR"),
        reason="x",
        idempotency_key="e",
        actor=TEST_ACTOR,
        at=JAN_1,
    )
    entry = (
        "INSERT INTO billing_creditentry (id, customer_id, currency, amount, kind, invoice_id, "
        "reason, actor, idempotency_key, at) VALUES (%s, %s, %s, %s, 'applied', %s, '', '', %s, "
        "now())"
    )
    with pytest.raises(DatabaseError, match="does not fit its document"):
        sql(entry, uuid7(), invoice.customer_id, "EUR", -1, invoice.pk, "a")
    with pytest.raises(IntegrityError, match="credit_balance_is_not_negative"):
        sql(entry, uuid7(), invoice.customer_id, "USD", -1, invoice.pk, "b")
    grant(invoice.customer, "200.00")  # 99.00 pays the invoice
    with pytest.raises(DatabaseError, match="does not say what it took"):
        sql(entry, uuid7(), invoice.customer_id, "USD", -1, invoice.pk, "c")


@pytest.mark.django_db(transaction=True)
def test_many_threads_never_take_more_than_there_is() -> None:
    customer = make_customer()
    grant(customer, "10.00")

    def take(number: int) -> bool:
        try:
            withdraw_credit(
                customer=customer,
                amount=Money("1.00", "USD"),
                reason="race",
                idempotency_key=f"w{number}",
                actor=TEST_ACTOR,
                at=JAN_1,
            )
        except CreditBalanceTooSmall:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(max_workers=8) as pool:
        done = list(pool.map(take, range(24)))

    assert done.count(True) == 10
    assert balance(customer) == Money(0, "USD")


@pytest.mark.django_db(transaction=True)
def test_many_invoices_at_once_share_one_balance_to_the_cent() -> None:
    customer = make_customer()
    grant(customer, "100.00")
    version = published_version(recurring("15.00"))

    def bill(_: int) -> Money:
        try:
            taken: Money = open_invoice(customer=customer, version=version).amount_from_balance
            return taken
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=8) as pool:
        taken = list(pool.map(bill, range(12)))

    assert sum(money.amount for money in taken) == 100
    assert balance(customer) == Money(0, "USD")
    due = sum(i.amount_due.amount for i in Invoice.objects.all())
    assert due == 12 * 15 - 100

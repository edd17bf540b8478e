from datetime import date
from decimal import Decimal

import pytest

from billing.errors import (
    CreditExceedsInvoice,
    CreditNoteKeyReused,
    InvoiceNotOpen,
    PaymentInFlight,
)
from billing.models import CreditNote, Invoice, Payment, PaymentAttempt, TaxRate
from billing.services.changes.plan_changes import change_plan
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.invoices.invoicing import bill_start, mark_uncollectible, void_invoice
from subscriptions.services.lifecycle import mark_past_due
from tests.factories.billing import only_line, open_invoice
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)
from tests.shared_world import shared_world
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db


def taxed_invoice() -> Invoice:
    """100.00 and 19 % VAT."""
    return taxed_at(Decimal(19), Money("100.00", "EUR"))


invoice = shared_world(taxed_invoice)


def taxed_at(percentage: Decimal, fee: Money) -> Invoice:
    """A fee in EUR with German VAT of some percentage."""
    TaxRate.objects.create(
        code="de-vat",
        name="VAT",
        country="DE",
        percentage=percentage,
        valid_from=date(2021, 1, 1),
    )
    customer = make_customer(country="DE", currency="EUR")
    version = published_version(recurring(str(fee.amount)), currency="EUR")
    return open_invoice(customer=customer, version=version)


def test_part_of_an_invoice_is_credited_with_its_tax(invoice: Invoice) -> None:
    note = issue_credit_note(
        invoice=invoice, reason="Outage", idempotency_key="a", amount=Decimal("11.90"), at=JAN_1
    )

    assert note.number == "CN-000001"
    assert (note.subtotal, note.tax) == (Money("10.00", "EUR"), Money("1.90", "EUR"))
    assert note.tax_breakdown[0] | {"base": "10.00", "tax": "1.90"} == note.tax_breakdown[0]
    invoice.refresh_from_db()
    assert (invoice.state, invoice.amount_due) == ("open", Money("107.10", "EUR"))


def test_a_line_beside_one_below_zero_gives_back_no_more_than_their_invoice() -> None:
    small, large = (published_version(recurring(fee), plan=make_plan()) for fee in ("10", "100"))
    subscription = subscription_since(JAN_1, version=small)
    bill_start(subscription=subscription, at=JAN_1)
    change_plan(
        subscription=subscription,
        plan_version=large,
        quantity=1,
        actor=TEST_ACTOR,
        at=JAN_1.replace(day=2),
    )
    invoice = Invoice.objects.get(kind=Invoice.Kind.CHANGE)
    charge = invoice.lines.get(kind="proration_charge")
    assert charge.amount > invoice.total

    with pytest.raises(CreditExceedsInvoice, match="is more than the"):
        issue_credit_note(
            invoice=invoice,
            reason="Mistake",
            idempotency_key="a",
            line_amounts={charge.pk: charge.amount.amount},
            at=JAN_1.replace(day=3),
        )
    assert not CreditNote.objects.exists()


def test_an_invoice_credited_in_full_is_settled(invoice: Invoice) -> None:
    note = issue_credit_note(invoice=invoice, reason="Mistake", idempotency_key="a", at=JAN_1)

    assert note.total == Money("119.00", "EUR")
    invoice.refresh_from_db()
    assert (invoice.state, invoice.paid_at) == ("paid", JAN_1)


def test_a_line_is_credited_by_its_net_amount(invoice: Invoice) -> None:
    line = only_line(invoice)

    note = issue_credit_note(
        invoice=invoice,
        reason="Outage",
        idempotency_key="a",
        line_amounts={line.pk: Decimal(50)},
        at=JAN_1,
    )

    assert note.total == Money("59.50", "EUR")
    assert note.lines.get().invoice_line == line


def test_the_same_key_gives_the_same_note(invoice: Invoice) -> None:
    first = issue_credit_note(
        invoice=invoice, reason="x", idempotency_key="a", amount=Decimal(1), at=JAN_1
    )
    again = issue_credit_note(
        invoice=invoice, reason="x", idempotency_key="a", amount=Decimal(1), at=JAN_1
    )

    assert first == again
    assert CreditNote.objects.count() == 1


def test_a_key_of_another_invoice_is_refused() -> None:
    first, second = open_invoice(), open_invoice()
    issue_credit_note(invoice=first, reason="x", idempotency_key="a", at=JAN_1)

    with pytest.raises(CreditNoteKeyReused):
        issue_credit_note(invoice=second, reason="x", idempotency_key="a", at=JAN_1)


def test_no_more_is_credited_than_was_billed_and_no_number_is_lost(invoice: Invoice) -> None:
    issue_credit_note(
        invoice=invoice, reason="x", idempotency_key="a", amount=Decimal(100), at=JAN_1
    )

    with pytest.raises(CreditExceedsInvoice):
        issue_credit_note(
            invoice=invoice, reason="x", idempotency_key="b", amount=Decimal("19.01"), at=JAN_1
        )
    rest = issue_credit_note(invoice=invoice, reason="x", idempotency_key="c", at=JAN_1)

    assert (rest.number, rest.total) == ("CN-000002", Money("19.00", "EUR"))
    with pytest.raises(CreditExceedsInvoice):
        issue_credit_note(invoice=invoice, reason="x", idempotency_key="d", at=JAN_1)


def test_a_void_invoice_cannot_be_credited_nor_voided_again() -> None:
    invoice = open_invoice()
    void_invoice(invoice=invoice, at=JAN_1)

    with pytest.raises(InvoiceNotOpen):
        issue_credit_note(invoice=invoice, reason="x", idempotency_key="a", at=JAN_1)
    with pytest.raises(InvoiceNotOpen):
        void_invoice(invoice=invoice, at=JAN_1)
    assert CreditNote.objects.count() == 0


def test_an_uncollectible_invoice_can_still_be_credited() -> None:
    invoice = open_invoice()
    mark_uncollectible(invoice=invoice, at=JAN_1)

    issue_credit_note(invoice=invoice, reason="x", idempotency_key="a", at=JAN_1)

    invoice.refresh_from_db()
    assert invoice.state == "uncollectible"


def test_nothing_is_taken_back_while_a_payment_is_on_its_way() -> None:
    invoice = open_invoice()
    payment = Payment.objects.create(
        id=uuid7(),
        customer=invoice.customer,
        invoice=invoice,
        currency="USD",
        amount=Decimal(99),
        purpose="off_session",
        idempotency_key="p",
    )
    PaymentAttempt.objects.create(
        id=uuid7(),
        payment=payment,
        sequence=1,
        gateway="stripe",
        channel="stored_method",
        state="unknown",
        idempotency_key="p1",
        currency="USD",
        dispatched_at=JAN_1,
    )

    with pytest.raises(PaymentInFlight):
        void_invoice(invoice=invoice, at=JAN_1)
    with pytest.raises(PaymentInFlight):
        issue_credit_note(invoice=invoice, reason="x", idempotency_key="a", at=JAN_1)

    invoice.refresh_from_db()
    assert (invoice.state, invoice.amount_credited) == ("open", Money(0, "USD"))


@pytest.mark.parametrize("settle", ["credit", "void"])
def test_a_subscription_that_owes_nothing_any_more_is_not_past_due(
    settle: str, invoice: Invoice
) -> None:
    assert invoice.subscription is not None
    mark_past_due(subscription=invoice.subscription, reason="overdue", at=JAN_1)

    if settle == "credit":
        issue_credit_note(invoice=invoice, reason="Mistake", idempotency_key="a", at=JAN_1)
    else:
        void_invoice(invoice=invoice, at=JAN_1)

    invoice.subscription.refresh_from_db()
    assert invoice.subscription.state == "active"

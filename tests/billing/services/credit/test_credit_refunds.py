"""What a credit note promises is sent back, once."""

from decimal import Decimal

import pytest

from billing.models import Invoice, Payment, Refund
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.credit.credit_refunds import (
    left_to_refund,
    refund_credit_note,
    refund_promised,
)
from billing.services.credit.customer_credit import grant_credit
from billing.services.payments.charging import charge_invoice
from billing.services.payments.collection import collect_due
from tests.stripe_world import NOW, PERSON, StripeWorld, customer_with_card, invoice_of
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def test_the_refund_part_of_a_note_is_sent_and_repeating_it_sends_nothing(
    stripe: StripeWorld,
) -> None:
    invoice = invoice_of(customer_with_card(stripe))
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    note = issue_credit_note(
        invoice=invoice,
        reason="Outage",
        idempotency_key="n",
        amount=Decimal("50.00"),
        to_refund=Decimal("30.00"),
        to_balance=Decimal("20.00"),
        at=NOW,
    )

    refunds = refund_credit_note(note=note, actor=PERSON, at=NOW)
    again = refund_credit_note(note=note, actor=PERSON, at=NOW)

    assert [(r.amount, r.state, r.credit_note) for r in refunds] == [
        (usd("30.00"), "succeeded", note)
    ]
    assert again == []
    assert left_to_refund(note) == usd("0")
    invoice.refresh_from_db()
    assert (invoice.state, invoice.amount_due) == ("paid", usd("0"))
    assert Refund.objects.count() == 1


def test_a_refund_that_nobody_sent_is_sent_by_the_scheduler_once(stripe: StripeWorld) -> None:
    invoice = invoice_of(customer_with_card(stripe))
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    note = issue_credit_note(
        invoice=invoice,
        reason="Unused time",
        idempotency_key="n",
        amount=Decimal("30.00"),
        to_refund=Decimal("30.00"),
        at=NOW,
    )

    first, second = refund_promised(at=NOW), refund_promised(at=NOW)

    assert (first, second) == (1, 0)
    refund = Refund.objects.get()
    assert (refund.amount, refund.state, refund.credit_note) == (usd("30.00"), "succeeded", note)
    assert left_to_refund(note) == usd("0")


def test_credit_is_used_before_a_card_is_charged(stripe: StripeWorld) -> None:
    customer = customer_with_card(stripe)
    invoice = invoice_of(customer)
    grant_credit(
        customer=customer,
        amount=usd("9.00"),
        reason="Sorry",
        idempotency_key="g",
        actor=PERSON,
        at=NOW,
    )

    collect_due(at=NOW)

    invoice = Invoice.objects.get(pk=invoice.pk)
    assert invoice.state == "paid"
    assert invoice.amount_from_balance == usd("9.00")
    assert Payment.objects.get().amount == invoice.total - usd("9.00")

"""What is left of an invoice that was paid in part is collected, by what had been planned."""

from decimal import Decimal

import pytest

from billing.domain.attempts import Answer
from billing.domain.declines import DeclineClass
from billing.gateways.base import Outcome
from billing.models import BankDelivery, BankEntry, Invoice, Payment, PaymentMethod
from billing.services.bank.transfers import take_transfer
from billing.services.payments.charging import charge_invoice
from billing.services.payments.collection import collect_due, resume_collection
from billing.services.payments.refunds import refund_payment
from tests.factories.subscriptions import make_customer
from tests.scripted_gateway import TwoGateways, declined, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # a fixture
pytestmark = pytest.mark.django_db


def test_the_rest_is_charged_by_the_next_pass(gateways: TwoGateways) -> None:
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    _arrive(invoice, "40.00")

    collect_due(at=later(hours=1))

    invoice.refresh_from_db()
    assert (invoice.state, invoice.amount_paid) == ("paid", Money("99.00", "USD"))
    assert [call.amount.amount for call in gateways.alpha.asked] == [Decimal("59.00")]
    assert collect_due(at=later(days=9)).attempts == 0


def test_a_planned_retry_stays_planned_for_the_rest(gateways: TwoGateways) -> None:
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    gateways.alpha.script = [declined(DeclineClass.SOFT_FUNDS)]
    collect_due(at=NOW)
    planned = Payment.objects.get().next_attempt_at

    _arrive(invoice, "40.00")

    rest = Payment.objects.get(state="open")
    assert (rest.next_attempt_at, rest.amount) == (planned, Money("59.00", "USD"))
    assert collect_due(at=later(hours=1)).attempts == 0
    assert collect_due(at=later(days=1)).succeeded == 1
    invoice.refresh_from_db()
    assert invoice.state == "paid"


def test_what_was_given_up_or_has_no_card_is_left_alone(gateways: TwoGateways) -> None:
    dead = invoice_of(gateways.customer_with_card(held_by="alpha"))
    gateways.alpha.script = [declined(DeclineClass.HARD_INSTRUMENT)]
    charge_invoice(invoice=dead, actor=PERSON, at=NOW)
    bare = invoice_of(make_customer())
    _arrive(dead, "40.00")
    _arrive(bare, "40.00")

    assert collect_due(at=later(days=9)).attempts == 0
    assert not Payment.objects.filter(state="open").exists()


def test_what_is_refunded_is_not_collected_by_itself(gateways: TwoGateways) -> None:
    customer = gateways.customer_with_card(held_by="alpha")
    invoice = invoice_of(customer)
    gateways.alpha.script = [declined(DeclineClass.DATA_FIX)]  # given up, then paid after all
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    gateways.alpha.refund = lambda _: _given_back()  # type: ignore[attr-defined]
    refund_payment(
        payment=Payment.objects.get(state="paid"),
        amount=Money("99.00", "USD"),
        reason="goodwill",
        actor=PERSON,
        idempotency_key="r",
        at=NOW,
    )

    resume_collection(customer=customer, actor=PERSON, at=later(days=8))  # another default card
    assert collect_due(at=later(days=9)).attempts == 0
    invoice.refresh_from_db()
    assert invoice.state == "open"
    assert PaymentMethod.objects.filter(customer=customer, is_default=True).exists()


def _given_back() -> Outcome:
    return Outcome(answer=Answer.SUCCEEDED, reference="re")


def _arrive(invoice: Invoice, amount: str) -> None:
    """Somebody sends part of it, and a person matches that."""
    delivery = BankDelivery.objects.create(
        id=uuid7(), gateway="alpha", name="camt", digest=uuid7().hex, received_at=NOW
    )
    entry = BankEntry.objects.create(
        id=uuid7(),
        gateway="alpha",
        reference=str(uuid7()),
        delivery=delivery,
        is_credit=True,
        currency="USD",
        amount=Decimal(amount),
        booked_on=NOW.date(),
        state=BankEntry.State.WAITING,
        created_at=NOW,
    )
    take_transfer(entry=entry, invoice=invoice, why="by hand", actor=PERSON, at=NOW)

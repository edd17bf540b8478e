"""Giving money back: never more than was paid, and never twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection

from billing.errors import PaymentNotRefundable, RefundExceedsPayment
from billing.models import Invoice, Payment, PaymentEvent, Refund
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.payments.charging import charge_invoice
from billing.services.payments.collection import collect_due
from billing.services.payments.refunds import (
    look_into_refund,
    open_refunds,
    reconcile_refunds,
    refund_payment,
)
from tests.gateway_scenes import Kept, gateway_scene
from tests.gateway_world import GatewayWorld, customer_with
from tests.stripe_world import NOW, PERSON, StripeWorld, invoice_of, later
from tiktoktoe.kernel.errors import Conflict, InvariantViolation
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def paid(world: GatewayWorld, card: str = "good") -> Payment:
    invoice = invoice_of(customer_with(world, card))
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    world.deliver()
    return Payment.objects.get(invoice=invoice)


kept = gateway_scene(paid)


@pytest.fixture
def paid_world(kept: Kept, request: pytest.FixtureRequest) -> GatewayWorld:
    """A gateway at which an invoice of 99.00 was paid."""
    world: GatewayWorld = kept.back(request)
    return world


def give_back(world: GatewayWorld, payment: Payment, amount: str, key: str = "k1") -> Refund:
    refund = ask(payment, amount, key)
    world.deliver()
    refund.refresh_from_db()
    return refund


def ask(payment: Payment, amount: str, key: str = "k1") -> Refund:
    return refund_payment(
        payment=payment,
        amount=usd(amount),
        reason="goodwill",
        actor=PERSON,
        idempotency_key=key,
        at=NOW,
    )


def test_a_part_is_given_back_and_owed_again(paid_world: GatewayWorld) -> None:
    payment = Payment.objects.get()

    refund = give_back(paid_world, payment, "30.00")

    payment.refresh_from_db()
    invoice = Invoice.objects.get()
    assert (refund.state, payment.state) == ("succeeded", "paid")
    assert payment.amount_refunded == usd("30.00")
    assert (invoice.state, invoice.amount_due) == ("open", usd("30.00"))
    assert paid_world.refunded() == 3000
    assert collect_due(at=later(days=1)).attempts == 0


def test_the_same_request_gives_the_same_refund(paid_world: GatewayWorld) -> None:
    payment = Payment.objects.get()

    first, second = give_back(paid_world, payment, "30.00"), give_back(paid_world, payment, "30.00")

    assert first.pk == second.pk
    assert paid_world.refunded() == 3000
    with pytest.raises(Conflict):
        give_back(paid_world, payment, "31.00")


@pytest.mark.parametrize("amount", ["99.01", "0.00", "-1.00", "0.001"])
def test_amounts_that_cannot_be_given_back_are_refused(
    paid_world: GatewayWorld, amount: str
) -> None:
    payment = Payment.objects.get()

    with pytest.raises((RefundExceedsPayment, PaymentNotRefundable)):
        give_back(paid_world, payment, amount)

    assert not Refund.objects.exists()
    assert paid_world.refunded() == 0


def test_what_was_not_paid_is_not_given_back(world: GatewayWorld) -> None:
    payment = paid(world, "generic")

    with pytest.raises(PaymentNotRefundable):
        give_back(world, payment, "1.00")


@pytest.mark.parametrize(
    "mode", ["reset_before", "reset_after", "http_500_before", "http_500_after", "hang_after"]
)
def test_a_fault_leaves_it_unknown_and_ends_in_one_refund_or_none(
    paid_world: GatewayWorld, mode: str
) -> None:
    payment = Payment.objects.get()
    paid_world.control.add_fault(paid_world.refunds, mode, times=1, seconds=4)

    refund = ask(payment, "30.00")
    assert refund.state == "unknown"
    for minutes in (1, 5, 10):
        paid_world.deliver()
        reconcile_refunds(at=later(minutes=minutes))

    paid_world.deliver()
    refund.refresh_from_db()
    payment.refresh_from_db()
    given = {"succeeded": 3000, "failed": 0}[refund.state]
    assert paid_world.refunded() == given
    assert payment.amount_refunded == usd("30.00" if given else "0.00")


def test_a_refund_that_is_refused_frees_what_it_had_reserved(paid_world: GatewayWorld) -> None:
    payment = Payment.objects.get()
    paid_world.control.add_fault(paid_world.refunds, "http_429", times=1)

    refund = give_back(paid_world, payment, "99.00")

    payment.refresh_from_db()
    assert refund.state == "failed"
    assert payment.amount_refunded == usd("0.00")
    assert give_back(paid_world, payment, "99.00", "k2").state == "succeeded"


def test_a_refund_that_the_bank_sends_back_is_taken_back(world: GatewayWorld) -> None:
    payment = paid(world, "refund_fails")
    refund = give_back(world, payment, "30.00")

    world.control.advance_clock(10 * 86_400)
    world.deliver()
    refund = look_into_refund(refund=refund, actor=PERSON, at=later(days=10))

    payment.refresh_from_db()
    invoice = Invoice.objects.get()
    assert refund.state == "failed"
    assert payment.amount_refunded == usd("0.00")
    assert invoice.amount_refunded == usd("0.00")


def test_a_refund_that_is_sent_back_leaves_the_invoice_paid_again(world: GatewayWorld) -> None:
    payment = paid(world, "refund_fails")
    refund = give_back(world, payment, "99.00")
    assert Invoice.objects.get().state == "open"

    world.control.advance_clock(10 * 86_400)
    world.deliver()
    look_into_refund(refund=refund, actor=PERSON, at=later(days=10))

    invoice = Invoice.objects.get()
    assert invoice.state == "paid"
    assert invoice.paid_at is not None
    assert (invoice.amount_due, invoice.amount_overpaid) == (usd("0.00"), usd("0.00"))


def test_a_full_refund_that_is_sent_back_after_the_invoice_was_paid_again_is_an_overpayment(
    world: GatewayWorld,
) -> None:
    first = paid(world, "refund_fails")
    refund = give_back(world, first, "99.00")
    charge_invoice(invoice=first.invoice, actor=PERSON, at=later(days=1))

    world.control.advance_clock(10 * 86_400)
    world.deliver()
    refund = look_into_refund(refund=refund, actor=PERSON, at=later(days=10))

    invoice = Invoice.objects.get()
    first.refresh_from_db()
    second = invoice.payments.exclude(pk=first.pk).get()
    assert refund.state == "failed"
    assert (first.amount_refunded, first.state, second.state) == (usd("0.00"), "paid", "paid")
    assert (invoice.state, invoice.amount_paid) == ("paid", usd("198.00"))
    assert (invoice.amount_due, invoice.amount_overpaid) == (usd("0.00"), usd("99.00"))
    noted = PaymentEvent.objects.get(event="invoice_overpaid")
    assert (noted.payment, noted.details["too_much"]) == (first, "99.00")


def test_what_was_overpaid_is_given_back_and_the_invoice_stays_paid(world: GatewayWorld) -> None:
    first = paid(world, "refund_fails")
    returned = give_back(world, first, "99.00")
    charge_invoice(invoice=first.invoice, actor=PERSON, at=later(days=1))
    world.control.advance_clock(10 * 86_400)
    world.deliver()
    look_into_refund(refund=returned, actor=PERSON, at=later(days=10))
    second = Payment.objects.exclude(pk=first.pk).get()

    give_back(world, second, "99.00", "k2")

    invoice = Invoice.objects.get()
    assert (invoice.state, invoice.amount_due) == ("paid", usd("0.00"))
    assert invoice.amount_overpaid == usd("0.00")


def test_a_pending_refund_is_settled_when_the_gateway_says_so(stripe: StripeWorld) -> None:
    payment = paid(stripe, "pending_refund")
    refund = give_back(stripe, payment, "30.00")
    assert refund.state == "pending"

    stripe.control.advance_clock(10 * 86_400)
    reconcile_refunds(at=later(days=10))

    refund.refresh_from_db()
    assert refund.state == "succeeded"


@pytest.mark.django_db(transaction=True)
def test_ten_at_once_never_give_back_more_than_was_paid(world: GatewayWorld) -> None:
    payment = paid(world)

    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(_attempted(payment), range(10)))

    payment.refresh_from_db()
    assert sorted(results) == ["kept"] * 3 + ["refused"] * 7
    world.deliver()
    assert {refund.state for refund in payment.refunds.all()} == {"succeeded"}
    assert payment.amount_refunded == usd("90.00")
    assert world.refunded() == 9000


def _attempted(payment: Payment) -> Callable[[int], str]:
    def attempt(number: int) -> str:
        try:
            ask(payment, "30.00", f"k{number}")
        except RefundExceedsPayment:
            return "refused"
        else:
            return "kept"
        finally:
            connection.close()

    return attempt


def test_a_refund_that_cannot_be_looked_into_keeps_no_other_from_it(
    stripe: StripeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = paid(stripe)
    terms: dict[str, Any] = {"payment": payment, "reason": "goodwill", "actor": PERSON, "at": NOW}
    first, second = (
        open_refunds(amount=usd("10.00"), idempotency_key=key, **terms)[0] for key in ("a", "b")
    )

    def look(*, refund: Refund, **rest: object) -> Refund:
        if refund.pk == first.pk:
            raise InvariantViolation("a fault of ours")
        return look_into_refund(refund=refund, actor=PERSON, at=later(minutes=5))

    monkeypatch.setattr("billing.services.payments.refunds.look_into_refund", look)
    reconcile_refunds(at=later(minutes=5))

    second.refresh_from_db()
    assert second.state == "succeeded"


def test_with_a_credit_note_no_more_is_given_back_than_it_takes_back(
    paid_world: GatewayWorld,
) -> None:
    payment = Payment.objects.get()
    note = issue_credit_note(
        invoice=payment.invoice,
        reason="Outage",
        idempotency_key="n",
        amount=Decimal("40.00"),
        at=NOW,
    )
    terms: dict[str, Any] = {"payment": payment, "reason": "outage", "actor": PERSON, "at": NOW}

    refund_payment(amount=usd("30.00"), credit_note=note, idempotency_key="a", **terms)
    with pytest.raises(PaymentNotRefundable):
        refund_payment(amount=usd("10.01"), credit_note=note, idempotency_key="b", **terms)
    refund_payment(amount=usd("10.00"), credit_note=note, idempotency_key="c", **terms)

    invoice = Invoice.objects.get()
    assert (invoice.state, invoice.amount_due) == ("paid", usd("0.00"))
    assert paid_world.refunded() == 4000

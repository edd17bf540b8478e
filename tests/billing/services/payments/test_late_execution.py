"""A gateway that executes what we have stopped waiting for, while our clock jumps."""

import pytest

from billing.models import Invoice, Payment, PaymentAttempt, PaymentOperation, Refund
from billing.services.payments.charging import charge_invoice
from billing.services.payments.collection import collect_due
from billing.services.payments.holds import capture_hold, hold_invoice
from billing.services.payments.operations import reconcile_operations
from billing.services.payments.reconciling import reconcile_attempts
from billing.services.payments.refunds import reconcile_refunds, refund_payment
from tests.gateway_world import customer_with
from tests.stripe_world import NOW, PERSON, StripeWorld, invoice_of, later
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
CAPTURES = "POST /v1/payment_intents/[^/]+/capture$"
HOUR = 3600
PAST_THE_KEY, LATER = later(hours=30), later(hours=31)  # by our clock; the gateway's stands


def _let_it_be_executed(stripe: StripeWorld) -> None:
    stripe.control.advance_clock(HOUR + 1)


def test_a_charge_that_looks_old_by_a_jump_of_our_clock_is_not_made_again(
    stripe: StripeWorld,
) -> None:
    invoice = invoice_of(customer_with(stripe, "good"))
    stripe.control.add_fault(stripe.charges, "late", seconds=HOUR)
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    reconcile_attempts(at=PAST_THE_KEY)
    looked = PaymentAttempt.objects.get()
    collect_due(at=PAST_THE_KEY)
    _let_it_be_executed(stripe)
    reconcile_attempts(at=LATER)

    assert (looked.state, looked.missed_at) == ("unknown", PAST_THE_KEY)
    assert PaymentAttempt.objects.get().state == "succeeded"
    assert stripe.charged(invoice) == [9900]


def test_a_second_look_that_finds_nothing_proves_it(stripe: StripeWorld) -> None:
    invoice = invoice_of(customer_with(stripe, "good"))
    stripe.control.add_fault(stripe.charges, "reset_before")
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    reconcile_attempts(at=PAST_THE_KEY)
    reconcile_attempts(at=LATER)

    assert PaymentAttempt.objects.get().state == "not_sent"
    assert stripe.charged(invoice) == []


def test_a_refund_that_is_executed_late_is_not_lost(stripe: StripeWorld) -> None:
    invoice = invoice_of(customer_with(stripe, "good"))
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    stripe.control.add_fault(stripe.refunds, "late", seconds=HOUR)
    refund_payment(
        payment=Payment.objects.get(),
        amount=Money("30.00", "USD"),
        reason="",
        actor=PERSON,
        idempotency_key="one",
        at=NOW,
    )

    reconcile_refunds(at=PAST_THE_KEY)
    looked = Refund.objects.get().state
    _let_it_be_executed(stripe)
    reconcile_refunds(at=LATER)

    assert (looked, Refund.objects.get().state) == ("unknown", "succeeded")
    assert stripe.refunded() == 3000


def test_a_capture_that_is_executed_late_is_not_taken_for_failed(stripe: StripeWorld) -> None:
    invoice = invoice_of(customer_with(stripe, "good"))
    hold = hold_invoice(invoice=invoice, actor=PERSON, at=NOW)
    stripe.control.add_fault(CAPTURES, "late", seconds=HOUR)
    capture_hold(
        attempt=hold, amount=Money("99.00", "USD"), actor=PERSON, idempotency_key="one", at=NOW
    )

    reconcile_operations(at=PAST_THE_KEY)
    looked = PaymentOperation.objects.get().state
    _let_it_be_executed(stripe)
    reconcile_operations(at=LATER)

    assert (looked, PaymentOperation.objects.get().state) == ("unknown", "succeeded")
    assert Invoice.objects.get().amount_paid == Money("99.00", "USD")
    assert stripe.charged(invoice) == [9900]


def test_a_capture_that_was_never_made_fails_at_the_second_look(stripe: StripeWorld) -> None:
    hold = hold_invoice(invoice=invoice_of(customer_with(stripe, "good")), actor=PERSON, at=NOW)
    stripe.control.add_fault(CAPTURES, "reset_before")
    capture_hold(
        attempt=hold, amount=Money("99.00", "USD"), actor=PERSON, idempotency_key="one", at=NOW
    )

    reconcile_operations(at=PAST_THE_KEY)
    reconcile_operations(at=LATER)

    assert PaymentOperation.objects.get().state == "failed"
    hold.refresh_from_db()
    assert hold.amount_captured.amount == 0


@pytest.mark.parametrize("fault", ["reset_after", "http_500_after"])
def test_a_charge_made_while_our_clock_was_ahead_is_found(stripe: StripeWorld, fault: str) -> None:
    invoice = invoice_of(customer_with(stripe, "good"))
    stripe.control.add_fault(stripe.charges, fault)
    charge_invoice(invoice=invoice, actor=PERSON, at=later(hours=30))

    for hours in (60, 61):  # the key is not replayed any more
        reconcile_attempts(at=later(hours=hours))
        collect_due(at=later(hours=hours))

    assert PaymentAttempt.objects.get().state == "succeeded"
    assert stripe.charged(invoice) == [9900]

"""What the drill asks PayPal's stand-in for: the truth, and what people can look up there."""

from datetime import datetime, timedelta

import pytest

from billing.gateways.registry import gateway_named
from billing.models import Invoice, OutcomeClaim, Payment, PaymentAttempt, PaymentMethod
from billing.services.payments.charging import charge_invoice
from billing.services.payments.holds import capture_hold, hold_invoice
from billing.services.payments.refunds import refund_payment
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import make_customer, published_version, recurring
from tests.paypal_world import PayPalWorld
from tests.stripe_world import PERSON, invoice_of
from tiktoktoe.drill.people import People
from tiktoktoe.drill.truth import Contest, Moved
from tiktoktoe.drill.wallets import PayPal
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db


@pytest.fixture
def sandbox(paypal: PayPalWorld) -> PayPal:
    return PayPal(paypal.address)


def further_invoice(sandbox: PayPal, wallet: str = "good") -> Invoice:
    """Another invoice of whoever has paid a first one by a wallet."""
    first = invoice_of(make_customer())
    sandbox.store(first, wallet, now())
    version = published_version(recurring("50.00"), currency="USD")
    return open_invoice(now(), customer=first.customer, version=version)


def charge(sandbox: PayPal, at: datetime, wallet: str = "good") -> PaymentAttempt:
    return charge_invoice(invoice=further_invoice(sandbox, wallet), actor=PERSON, at=at)


def test_the_first_payment_and_those_by_the_wallet_are_rows_of_their_own(sandbox: PayPal) -> None:
    attempt = charge(sandbox, now())

    rows = {row.attempt: row.taken for row in sandbox.truth()}

    first = PaymentAttempt.objects.exclude(pk=attempt.pk).get()
    assert rows == {str(first.pk): 9900, str(attempt.pk): 5000}


def test_a_request_that_was_executed_twice_is_two_rows(
    sandbox: PayPal, paypal: PayPalWorld
) -> None:
    attempt = charge(sandbox, now())
    token = PaymentMethod.objects.get().gateway_reference
    body = {
        "intent": "CAPTURE",
        "purchase_units": [
            {
                "custom_id": str(attempt.pk),
                "amount": {"currency_code": "USD", "value": "50.00"},
            }
        ],
        "payment_source": {"paypal": {"vault_id": token}},
    }
    gateway_named("paypal")._client.ask("POST", "/v2/checkout/orders", json=body)  # type: ignore[attr-defined]

    assert [row.taken for row in sandbox.truth() if row.attempt == str(attempt.pk)] == [5000, 5000]


def test_what_was_captured_of_a_hold_in_parts_is_one_row(sandbox: PayPal) -> None:
    invoice = further_invoice(sandbox)
    method = PaymentMethod.objects.get()
    attempt = hold_invoice(invoice=invoice, method=method, actor=PERSON, at=now())

    def row() -> Moved:
        return next(row for row in sandbox.truth() if row.attempt == str(attempt.pk))

    assert (row().taken, row().held) == (0, 5000)
    for amount, is_last in (("20.00", False), ("10.00", True)):
        capture_hold(
            attempt=attempt,
            amount=Money(amount, "USD"),
            is_last=is_last,
            actor=PERSON,
            idempotency_key=amount,
            at=now(),
        )

    assert (row().taken, row().held) == (3000, 0)


def test_what_is_pending_is_not_taken_yet(sandbox: PayPal, paypal: PayPalWorld) -> None:
    attempt = charge(sandbox, now(), "slow")
    assert str(attempt.pk) not in {row.attempt for row in sandbox.truth()}

    paypal.control.advance_clock(3601)

    assert str(attempt.pk) in {row.attempt for row in sandbox.truth()}


@pytest.mark.parametrize(("verdict", "withheld"), [("lost", 9900), ("won", 0)])
def test_disputes_withhold_until_they_are_won(
    sandbox: PayPal, paypal: PayPalWorld, verdict: str, withheld: int
) -> None:
    sandbox.store(invoice_of(make_customer()), "good", now())
    (moved,) = sandbox.truth()

    dispute = sandbox.contest(moved)
    assert sandbox.contests() == [Contest("paypal", dispute, "open")]
    paypal.control.decide_dispute(dispute, verdict)

    assert sandbox.contests() == [Contest("paypal", dispute, verdict)]
    assert [row.withheld for row in sandbox.truth()] == [withheld]


def test_people_say_what_was_never_executed_a_day_later(
    sandbox: PayPal, paypal: PayPalWorld
) -> None:
    people, at = People(sandbox), now()
    invoice = further_invoice(sandbox)
    paypal.control.add_fault(sandbox.charges, "reset_before", times=1)
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=at)
    assert attempt.state == "unknown"

    assert people.look(at + timedelta(hours=23)) is False
    assert people.look(at + timedelta(hours=25)) is True

    attempt.refresh_from_db()
    assert (attempt.state, people.said) == ("not_sent", 1)
    assert OutcomeClaim.objects.get().verdict == "not_executed"


def test_people_name_what_was_executed_as_paypal_does(sandbox: PayPal, paypal: PayPalWorld) -> None:
    people, at = People(sandbox), now()
    attempt = charge(sandbox, at)
    paypal.control.add_fault("POST .*/refund", "reset_after", times=1)
    refund = refund_payment(
        payment=Payment.objects.get(pk=attempt.payment_id),
        amount=Money("20.00", "USD"),
        reason="goodwill",
        actor=PERSON,
        idempotency_key="r",
        at=at,
    )
    assert refund.state == "unknown"

    people.look(at + timedelta(hours=25))

    refund.refresh_from_db()
    assert (refund.state, refund.gateway_reference) == (
        "succeeded",
        sandbox.names()[str(refund.pk)],
    )


def test_a_part_of_what_is_in_dispute_is_not_given_back(
    sandbox: PayPal, paypal: PayPalWorld
) -> None:
    attempt = charge(sandbox, now())
    paypal.control.dispute(attempt.gateway_reference, reason="CANCELED_RECURRING_BILLING")

    refund = refund_payment(
        payment=Payment.objects.get(pk=attempt.payment_id),
        amount=Money("20.00", "USD"),
        reason="goodwill",
        actor=PERSON,
        idempotency_key="r",
        at=now(),
    )

    assert refund.state == "failed"
    assert sum(row.refunded for row in sandbox.truth()) == 0

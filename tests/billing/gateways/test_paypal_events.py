"""PayPal's events: captures that are pending, denied or taken back; holds; refunds on their way."""

from datetime import timedelta

import pytest

from billing.errors import PaymentHeld, WebhookUnreadable
from billing.gateways.base import ChargeRequest
from billing.gateways.paypal_events import EVENTS, event_of
from billing.gateways.registry import gateway_named
from billing.models import (
    Dispute,
    Payment,
    PaymentAttempt,
    PaymentMethod,
    PaymentOperation,
    Refund,
    WebhookEvent,
)
from billing.services.payments.charging import charge_invoice
from billing.services.payments.holds import capture_hold, hold_invoice, void_hold
from billing.services.payments.operations import look_into_operation
from billing.services.payments.refunds import refund_payment
from billing.services.payments.settling import prove_not_executed
from billing.services.payments.webhook_inbox import work_off_waiting
from tests.billing.gateways.test_paypal import paid_on_page, second_invoice
from tests.gateway_scenes import Kept, gateway_scene
from tests.paypal_world import PayPalWorld
from tests.sandbox.server import ROOT
from tests.stripe_world import NOW, PERSON
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.money import Money

db = pytest.mark.django_db
HOUR = 3600
VOIDS = "POST /v2/payments/authorizations/.*/void"


def held(paypal: PayPalWorld, buyer: str = "good") -> PaymentAttempt:
    """99.00 USD, held by a stored wallet."""
    invoice = second_invoice(paypal, buyer)
    method = PaymentMethod.objects.get()
    paypal.deliver()
    return hold_invoice(invoice=invoice, method=method, actor=PERSON, at=NOW)


kept = gateway_scene(held, "paypal")


@pytest.fixture
def held_paypal(kept: Kept, request: pytest.FixtureRequest) -> PayPalWorld:
    """PayPal, where 99.00 are held."""
    world: PayPalWorld = kept.back(request)
    return world


def take(attempt: PaymentAttempt, amount: str, *, is_last: bool = True) -> PaymentOperation:
    return capture_hold(
        attempt=attempt,
        amount=Money(amount, "USD"),
        is_last=is_last,
        actor=PERSON,
        idempotency_key=f"take-{amount}",
        at=NOW,
    )


@db
@pytest.mark.parametrize(("buyer", "state"), [("later-slow", "paid"), ("later-bounced", "open")])
def test_a_pending_capture_ends_as_the_buyers_bank_says(
    paypal: PayPalWorld, buyer: str, state: str
) -> None:
    invoice = second_invoice(paypal, buyer)

    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    paypal.deliver()
    assert attempt.state == "pending"
    paypal.control.advance_clock(HOUR + 1)
    paypal.deliver()

    attempt.refresh_from_db()
    invoice.refresh_from_db()
    assert invoice.state == state
    assert attempt.state == {"paid": "succeeded", "open": "declined"}[state]


@db
@pytest.mark.parametrize(
    ("buyer", "state", "paid"),
    [("later-slow", "succeeded", "60.00"), ("later-bounced", "failed", "0.00")],
)
def test_a_pending_capture_of_a_hold_ends_so_too(
    paypal: PayPalWorld, buyer: str, state: str, paid: str
) -> None:
    attempt = held(paypal, buyer)

    operation = take(attempt, "60.00", is_last=False)
    assert operation.state == "pending"
    paypal.control.advance_clock(HOUR + 1)
    paypal.deliver()

    operation.refresh_from_db()
    attempt.refresh_from_db()
    assert operation.state == state
    assert attempt.payment.invoice.amount_paid == Money(paid, "USD")


@db
def test_a_capture_whose_answer_was_lost_is_proven_by_its_event(held_paypal: PayPalWorld) -> None:
    attempt = PaymentAttempt.objects.get(state="authorized")
    held_paypal.control.add_fault("POST .*/authorizations/.*/capture", "reset_after", times=1)

    operation = take(attempt, "60.00")
    assert operation.state == "unknown"
    held_paypal.deliver()

    operation.refresh_from_db()
    assert operation.state == "succeeded"
    assert operation.gateway_reference in [row["id"] for row in held_paypal.control.payments()]


@db
def test_a_hold_that_was_let_go_there_is_let_go_here(held_paypal: PayPalWorld) -> None:
    attempt = PaymentAttempt.objects.get(state="authorized")

    held_paypal.control.advance_clock(30 * 24 * HOUR)
    held_paypal.deliver()

    attempt.refresh_from_db()
    assert attempt.state == "abandoned"
    assert Payment.objects.get(pk=attempt.payment_id).state != "paid"


@db
def test_a_void_whose_answer_was_lost_is_proven_by_its_event(held_paypal: PayPalWorld) -> None:
    attempt = PaymentAttempt.objects.get(state="authorized")
    held_paypal.control.add_fault(VOIDS, "reset_after", times=1)

    void = void_hold(attempt=attempt, actor=PERSON, idempotency_key="v", at=NOW)
    assert void.state == "unknown"
    held_paypal.deliver()

    void.refresh_from_db()
    attempt.refresh_from_db()
    assert (void.state, attempt.state) == ("succeeded", "abandoned")


@db
def test_a_void_too_old_to_be_repeated_is_looked_up(held_paypal: PayPalWorld) -> None:
    attempt = PaymentAttempt.objects.get(state="authorized")
    held_paypal.control.add_fault(VOIDS, "reset_after", times=1)
    void = void_hold(attempt=attempt, actor=PERSON, idempotency_key="v", at=NOW)

    void = look_into_operation(operation=void, actor=PERSON, at=NOW + timedelta(days=1))

    assert void.state == "succeeded"


@db
def test_a_hold_whose_answer_was_lost_is_proven_by_its_event(paypal: PayPalWorld) -> None:
    invoice = second_invoice(paypal)
    method = PaymentMethod.objects.get()
    paypal.deliver()
    paypal.control.add_fault("POST /v2/checkout/orders$", "reset_after", times=1)

    attempt = hold_invoice(invoice=invoice, method=method, actor=PERSON, at=NOW)
    assert attempt.state == "unknown"
    paypal.deliver()

    attempt.refresh_from_db()
    assert attempt.state == "authorized"


@db
def test_a_refund_to_a_bank_account_is_pending_until_its_event(paypal: PayPalWorld) -> None:
    invoice = second_invoice(paypal, "later-slow")
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    paypal.control.advance_clock(HOUR + 1)
    paypal.deliver()

    refund = refund_payment(
        payment=Payment.objects.get(pk=attempt.payment_id),
        amount=Money("30.00", "USD"),
        reason="goodwill",
        actor=PERSON,
        idempotency_key="r",
        at=NOW,
    )
    assert refund.state == "pending"
    paypal.control.advance_clock(HOUR + 1)
    paypal.deliver()

    assert Refund.objects.get().state == "succeeded"


@db
def test_a_capture_that_is_taken_back_is_owed_again_once(paypal: PayPalWorld) -> None:
    invoice = paid_on_page(paypal)
    paypal.deliver()

    paypal.control.reverse(PaymentAttempt.objects.get().gateway_reference)
    paypal.deliver()
    invoice.refresh_from_db()
    assert invoice.state == "paid"  # a dispute may follow
    for minutes in (3, 4):
        WebhookEvent.objects.filter(about="reversal").update(
            state="waiting", next_try_at=now() + timedelta(minutes=minutes)
        )
        work_off_waiting(at=now() + timedelta(minutes=minutes))

    invoice.refresh_from_db()
    event = WebhookEvent.objects.get(about="reversal")
    assert (invoice.state, invoice.amount_due) == ("open", Money("99.00", "USD"))
    assert Payment.objects.filter(state="returned").count() == 1
    assert (event.state, event.result) == ("done", "payment returned before")


@db
def test_a_capture_of_a_hold_that_is_taken_back_is_owed_again(held_paypal: PayPalWorld) -> None:
    attempt = PaymentAttempt.objects.get(state="authorized")
    operation = take(attempt, "60.00")

    held_paypal.control.reverse(operation.gateway_reference)
    held_paypal.deliver()
    work_off_waiting(at=now() + timedelta(minutes=3))

    operation.refresh_from_db()
    attempt.refresh_from_db()
    assert operation.state == "failed"
    assert attempt.payment.invoice.amount_paid == Money("0.00", "USD")


@db
def test_what_was_given_back_in_part_before_is_left_to_a_person(paypal: PayPalWorld) -> None:
    invoice = paid_on_page(paypal)
    payment = Payment.objects.get()
    refund_payment(
        payment=payment,
        amount=Money("30.00", "USD"),
        reason="goodwill",
        actor=PERSON,
        idempotency_key="r",
        at=NOW,
    )
    paypal.deliver()
    invoice.refresh_from_db()
    before = (invoice.amount_paid, invoice.amount_refunded)

    paypal.control.reverse(PaymentAttempt.objects.get().gateway_reference)
    paypal.deliver()
    for minutes in (3, 9):
        WebhookEvent.objects.filter(about="reversal").update(state="waiting", next_try_at=now())
        work_off_waiting(at=now() + timedelta(minutes=minutes))

    invoice.refresh_from_db()
    payment.refresh_from_db()
    event = payment.events.get(event="gateway_contradicts")
    assert WebhookEvent.objects.get(about="reversal").result == "a person has to look"
    assert (payment.state, event.details["taken_back"]) == ("paid", "69.00")
    assert (invoice.amount_paid, invoice.amount_refunded) == before


@db
def test_how_much_was_taken_back_is_read_before_anything_is_owed_again(
    paypal: PayPalWorld,
) -> None:
    paid_on_page(paypal)
    paypal.control.reverse(PaymentAttempt.objects.get().gateway_reference)
    paypal.deliver()
    paypal.control.add_fault("GET /v2/payments/refunds/.*", "http_500_before", times=1)

    for minutes, state in ((3, "paid"), (9, "returned")):
        WebhookEvent.objects.filter(about="reversal").update(state="waiting", next_try_at=now())
        work_off_waiting(at=now() + timedelta(minutes=minutes))
        assert PaymentAttempt.objects.get().payment.state == state


def taken_again(attempt: PaymentAttempt) -> None:
    """Let PayPal take a payment under our name for it once more, as if it had lost our key."""
    method = PaymentMethod.objects.get()
    request = ChargeRequest(
        our_reference=str(attempt.pk),
        customer_reference="",
        method_reference=method.gateway_reference,
        amount=attempt.payment.amount,
        description="again",
        metadata={},
        idempotency_key="another",
    )
    assert gateway_named("paypal").charge(request).answer == "succeeded"


@db
def test_what_is_taken_a_second_time_is_written_down(paypal: PayPalWorld) -> None:
    attempt = charge_invoice(invoice=second_invoice(paypal), actor=PERSON, at=NOW)
    paypal.deliver()
    assert not attempt.payment.events.filter(event="gateway_contradicts").exists()

    taken_again(attempt)
    paypal.deliver()

    assert attempt.payment.events.filter(event="gateway_contradicts").count() == 1
    assert paypal.captured()[1:] == ["99.00", "99.00"]


@db
def test_what_is_taken_after_people_proved_that_it_was_not_is_not_charged_again(
    paypal: PayPalWorld,
) -> None:
    invoice = second_invoice(paypal)
    paypal.deliver()
    paypal.control.add_fault("POST /v2/checkout/orders$", "reset_before", times=1)
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    prove_not_executed(attempt=attempt, proof="a list", reason="a test", actor=PERSON, at=NOW)

    taken_again(attempt)
    paypal.deliver()

    assert attempt.payment.events.filter(event="gateway_contradicts").count() == 1
    with pytest.raises(PaymentHeld):
        charge_invoice(invoice=invoice, actor=PERSON, at=NOW + timedelta(days=1))


@db
def test_each_captures_fee_is_the_holds(held_paypal: PayPalWorld) -> None:
    attempt = PaymentAttempt.objects.get(state="authorized")

    take(attempt, "60.00", is_last=False)
    take(attempt, "39.00")

    attempt.refresh_from_db()
    assert attempt.fee == Money("4.43", "USD")  # 2.58 and 1.85
    assert attempt.next_check_at is None


@db
def test_a_reversal_with_a_dispute_behind_it_counts_as_the_dispute(paypal: PayPalWorld) -> None:
    paid_on_page(paypal)
    capture = PaymentAttempt.objects.get().gateway_reference
    paypal.control.dispute(capture, reason="UNAUTHORISED", is_external=True)
    paypal.control.reverse(capture)

    paypal.deliver()

    event = WebhookEvent.objects.get(about="reversal")
    assert event.result == "a dispute"
    assert (Payment.objects.get().state, Dispute.objects.get().held) == ("paid", Money(99, "USD"))


@db
def test_a_dispute_of_a_holds_capture_finds_its_payment(held_paypal: PayPalWorld) -> None:
    attempt = PaymentAttempt.objects.get(state="authorized")
    operation = take(attempt, "60.00")

    held_paypal.dispute(operation.gateway_reference)

    dispute = Dispute.objects.get()
    assert (dispute.attempt_id, dispute.amount) == (attempt.pk, Money("60.00", "USD"))


def test_every_event_that_is_heard_is_on_the_page_for_its_subscription() -> None:
    page = (ROOT / "docs" / "fidelity-paypal.md").read_text(encoding="utf-8")

    assert [name for name in EVENTS if f"`{name}`" not in page] == []


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 2_000, b'{"id": "\xff"}', b"[]", b"{}"])
def test_what_is_no_event_is_unreadable(body: bytes) -> None:
    with pytest.raises(WebhookUnreadable):
        event_of(body)

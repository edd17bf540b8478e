"""Holding money and taking it later, at both gateways: in parts, never too much, under faults."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum

from billing.errors import CaptureExceedsHold, HoldNotPossible, PaymentInFlight
from billing.models import Invoice, Payment, PaymentAttempt, PaymentOperation
from billing.queries.statements import statement_of
from billing.services.payments.charging import charge_invoice
from billing.services.payments.collection import collect_due
from billing.services.payments.holds import capture_hold, hold_invoice, open_operation, void_hold
from billing.services.payments.lapsing_holds import let_go_of_lapsing
from billing.services.payments.operations import reconcile_operations
from billing.services.payments.refunds import refund_payment
from finance.models import Posting
from finance.queries import unposted_count
from finance.services.posting import post_documents
from tests.adyen_world import AdyenWorld
from tests.gateway_scenes import Kept, gateway_scene
from tests.gateway_world import GatewayWorld, customer_with
from tests.stripe_world import NOW, PERSON, StripeWorld, invoice_of, later
from tiktoktoe.kernel.errors import Conflict
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db

CAPTURES = {
    "stripe": "POST /v1/payment_intents/[^/]+/capture$",
    "adyen": "POST /v72/payments/[^/]+/captures$",
}


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def held(world: GatewayWorld, card: str = "good") -> PaymentAttempt:
    customer = customer_with(world, card)
    invoice = invoice_of(customer)
    method = customer.payment_methods.get()
    attempt = hold_invoice(invoice=invoice, method=method, actor=PERSON, at=NOW)
    world.deliver()
    return PaymentAttempt.objects.get(pk=attempt.pk)


kept = gateway_scene(held)


@pytest.fixture
def held_world(kept: Kept, request: pytest.FixtureRequest) -> GatewayWorld:
    """A gateway at which 99.00 are held."""
    world: GatewayWorld = kept.back(request)
    return world


def take(
    attempt: PaymentAttempt, amount: str, key: str = "k1", *, is_last: bool = True
) -> PaymentOperation:
    return capture_hold(
        attempt=attempt,
        amount=usd(amount),
        is_last=is_last,
        actor=PERSON,
        idempotency_key=key,
        at=NOW,
    )


def captured(world: GatewayWorld) -> int:
    """The gateway's truth, in cents."""
    return sum(world.charged(Invoice.objects.get()))


def balances(*codes: str) -> list[int]:
    at = later(days=400)
    post_documents(at=at)
    assert unposted_count(at=at) == 0
    rows = Posting.objects.order_by().values_list("account__code").annotate(Sum("amount_minor"))
    found = dict(rows)
    assert sum(found.values()) == 0
    return [found.get(code, 0) for code in codes]


def test_a_hold_takes_nothing_and_lets_nobody_else_charge(held_world: GatewayWorld) -> None:
    attempt = PaymentAttempt.objects.get()

    invoice, payment = Invoice.objects.get(), Payment.objects.get()
    assert (attempt.state, attempt.is_hold) == ("authorized", True)
    assert attempt.authorized_until == NOW + timedelta(days=7)
    assert (invoice.state, payment.state) == ("open", "processing")
    assert captured(held_world) == 0
    with pytest.raises(PaymentInFlight):
        charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    assert collect_due(at=later(days=1)).attempts == 0
    assert balances("1100", "1200") == [0, 9900]


def test_all_of_it_is_captured_and_the_fee_is_told_later(held_world: GatewayWorld) -> None:
    attempt = PaymentAttempt.objects.get()

    operation = take(attempt, "99.00")
    held_world.deliver()

    operation.refresh_from_db()
    attempt.refresh_from_db()
    invoice, payment = Invoice.objects.get(), Payment.objects.get()
    assert (operation.state, attempt.state, payment.state) == ("succeeded",) * 2 + ("paid",)
    assert (invoice.state, invoice.amount_paid) == ("paid", usd("99.00"))
    assert captured(held_world) == 9900
    assert balances("1200") == [0]


def test_a_part_is_captured_and_the_rest_let_go(held_world: GatewayWorld) -> None:
    attempt = PaymentAttempt.objects.get()

    take(attempt, "30.00")
    held_world.deliver()

    invoice, payment = Invoice.objects.get(), Payment.objects.get()
    assert (payment.state, payment.amount) == ("paid", usd("30.00"))
    assert (invoice.state, invoice.amount_due) == ("open", usd("69.00"))
    assert captured(held_world) == 3000
    assert balances("1200") == [6900]
    end = later(days=400)
    statement = statement_of(invoice.customer, "USD", start=NOW - timedelta(days=1), end=end)
    assert statement.closing == usd("69.00")


def test_several_parts_count_as_they_come(adyen: AdyenWorld) -> None:
    attempt = held(adyen)

    take(attempt, "30.00", "k1", is_last=False)
    adyen.deliver()
    assert Invoice.objects.get().amount_paid == usd("30.00")
    assert Payment.objects.get().state == "processing"
    take(attempt, "40.00", "k2", is_last=False)
    take(attempt, "29.00", "k3", is_last=False)
    adyen.deliver()

    payment = Payment.objects.get()
    assert (payment.state, payment.amount) == ("paid", usd("99.00"))
    assert Invoice.objects.get().state == "paid"
    assert captured(adyen) == 9900


def test_a_gateway_that_takes_one_part_only_says_so(stripe: StripeWorld) -> None:
    with pytest.raises(HoldNotPossible, match="one part only"):
        take(held(stripe), "30.00", is_last=False)

    assert captured(stripe) == 0


def test_a_hold_is_let_go_and_the_invoice_can_be_charged(held_world: GatewayWorld) -> None:
    attempt = PaymentAttempt.objects.get()

    void_hold(attempt=attempt, actor=PERSON, idempotency_key="v", at=NOW)
    held_world.deliver()

    attempt.refresh_from_db()
    assert (attempt.state, Payment.objects.get().state) == ("abandoned", "open")
    assert collect_due(at=later(days=30)).attempts == 0
    charge_invoice(invoice=Invoice.objects.get(), actor=PERSON, at=later(hours=1))
    held_world.deliver()
    assert Invoice.objects.get().state == "paid"
    assert captured(held_world) == 9900


@pytest.mark.parametrize("amount", ["99.01", "0.00", "-1.00", "0.001"])
def test_amounts_that_cannot_be_captured_are_refused(held_world: GatewayWorld, amount: str) -> None:
    with pytest.raises((CaptureExceedsHold, HoldNotPossible)):
        take(PaymentAttempt.objects.get(), amount)

    assert captured(held_world) == 0
    assert not PaymentOperation.objects.exists()


def test_the_same_request_gives_the_same_capture(held_world: GatewayWorld) -> None:
    attempt = PaymentAttempt.objects.get()

    first, second = take(attempt, "30.00"), take(attempt, "30.00")
    held_world.deliver()

    assert first.pk == second.pk
    assert captured(held_world) == 3000
    with pytest.raises(Conflict):
        take(attempt, "31.00")


@pytest.mark.parametrize(
    "mode", ["reset_before", "reset_after", "http_500_before", "http_500_after", "hang_after"]
)
def test_a_fault_leaves_it_unknown_and_ends_in_one_capture(
    held_world: GatewayWorld, mode: str
) -> None:
    attempt = PaymentAttempt.objects.get()
    held_world.control.add_fault(CAPTURES[held_world.name], mode, times=1, seconds=4, is_kept=False)

    operation = take(attempt, "30.00")
    assert operation.state == "unknown"
    with pytest.raises(HoldNotPossible):
        take(attempt, "30.00", "k2")
    for minutes in (1, 5, 20):
        reconcile_operations(at=later(minutes=minutes))
        held_world.deliver()

    operation.refresh_from_db()
    assert operation.state == "succeeded"
    assert captured(held_world) == 3000
    assert Payment.objects.get().amount == usd("30.00")


def test_a_capture_that_is_refused_frees_what_it_had_reserved(held_world: GatewayWorld) -> None:
    attempt = PaymentAttempt.objects.get()
    held_world.control.add_fault(CAPTURES[held_world.name], "http_429", times=1)

    refused = take(attempt, "99.00")

    attempt.refresh_from_db()
    assert (refused.state, attempt.state) == ("failed", "authorized")
    assert attempt.amount_captured == usd("0.00")
    assert take(attempt, "99.00", "k2").state in {"succeeded", "pending"}


def test_a_capture_that_fails_after_it_counted_is_owed_again(adyen: AdyenWorld) -> None:
    attempt = held(adyen, "capture_fails")
    take(attempt, "99.00")
    adyen.deliver()
    assert Invoice.objects.get().state == "paid"
    assert balances("1100", "1200") == [9900, 0]

    adyen.control.advance_clock(3 * 3600)
    adyen.deliver()

    invoice, payment = Invoice.objects.get(), Payment.objects.get()
    assert PaymentOperation.objects.get().state == "failed"
    assert (invoice.state, invoice.amount_due) == ("open", usd("99.00"))
    assert (payment.shown_state, payment.amount_refundable) == ("charged_back", usd("0.00"))
    assert balances("1100", "1200") == [0, 9900]
    assert collect_due(at=later(days=30)).attempts == 0


def test_a_charge_whose_capture_fails_is_returned_and_owed_again(adyen: AdyenWorld) -> None:
    invoice = invoice_of(customer_with(adyen, "capture_fails"))
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    adyen.deliver()
    assert balances("1100", "1200") == [9900, 0]

    adyen.control.advance_clock(3 * 3600)
    adyen.deliver()

    invoice.refresh_from_db()
    paid = Payment.objects.get(state="returned")
    assert (paid.amount, paid.payment_return.code) == (usd("99.00"), "CAPTURE_FAILED")
    assert (invoice.state, invoice.amount_due) == ("open", usd("99.00"))
    assert captured(adyen) == 0
    assert balances("1100", "1200") == [0, 9900]


def test_the_gateways_word_that_a_hold_has_lapsed_ends_it(adyen: AdyenWorld) -> None:
    attempt = held(adyen)

    adyen.control.advance_clock(29 * 86_400)
    adyen.deliver()

    attempt.refresh_from_db()
    assert (attempt.state, Payment.objects.get().state) == ("abandoned", "open")
    assert attempt.message == "the authorisation has lapsed"


def test_a_hold_is_let_go_before_it_would_lapse(held_world: GatewayWorld) -> None:
    attempt = PaymentAttempt.objects.get()
    assert let_go_of_lapsing(at=later(days=6)) == 0

    assert let_go_of_lapsing(at=later(days=6, hours=13)) == 1
    held_world.deliver()

    attempt.refresh_from_db()
    assert attempt.state == "abandoned"
    assert let_go_of_lapsing(at=later(days=7)) == 0


def test_what_was_captured_of_a_hold_is_refunded_as_any_payment(held_world: GatewayWorld) -> None:
    take(PaymentAttempt.objects.get(), "30.00")
    held_world.deliver()

    refund = refund_payment(
        payment=Payment.objects.get(),
        amount=usd("30.00"),
        reason="goodwill",
        actor=PERSON,
        idempotency_key="r",
        at=NOW,
    )
    held_world.deliver()

    refund.refresh_from_db()
    assert refund.state == "succeeded"
    assert held_world.refunded() == 3000


def test_the_database_refuses_more_than_is_held(stripe: StripeWorld) -> None:
    attempt = held(stripe)

    with pytest.raises(IntegrityError, match="not_captured_above"), transaction.atomic():
        PaymentAttempt.objects.filter(pk=attempt.pk).update(amount_captured="99.01")


@pytest.mark.django_db(transaction=True)
def test_ten_workers_at_once_never_capture_more_than_is_held(adyen: AdyenWorld) -> None:
    attempt = held(adyen)

    def one(number: int) -> str:
        try:
            open_operation(
                attempt=attempt,
                kind=PaymentOperation.Kind.CAPTURE,
                amount=usd("30.00"),
                is_last=False,
                actor=PERSON,
                idempotency_key=f"w{number}",
                at=NOW,
            )
        except Conflict:
            return "refused"
        finally:
            connection.close()
        return "opened"

    with ThreadPoolExecutor(max_workers=10) as workers:
        ends = list(workers.map(one, range(10)))

    attempt.refresh_from_db()
    assert sorted(ends) == ["opened"] * 3 + ["refused"] * 7
    assert attempt.amount_captured == usd("90.00")

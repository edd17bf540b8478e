"""Charging stored methods, against the sandbox on the wire."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection

from billing.domain.attempts import Answer
from billing.domain.declines import stripe_decline
from billing.errors import InvoiceNotOpen, PaymentInFlight, PaymentMethodMissing
from billing.gateways.base import Outcome
from billing.models import Invoice, Payment, PaymentAttempt, PaymentMethod
from billing.services.payments.channels import Channel
from billing.services.payments.charging import charge_invoice, open_attempt
from billing.services.payments.collection import collect_due
from billing.services.payments.reconciling import look_into, reconcile_attempts
from billing.services.payments.refunds import refund_payment
from billing.services.payments.sending import send_attempt
from billing.services.payments.settling import settle_attempt
from subscriptions.models import Subscription
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import make_customer, published_version, recurring
from tests.gateway_scenes import Kept, gateway_scene
from tests.gateway_world import GatewayWorld, customer_with
from tests.stripe_world import (
    NOW,
    PERSON,
    StripeWorld,
    customer_with_card,
    first_invoice_of,
    invoice_of,
    later,
)
from tiktoktoe.kernel.errors import InvariantViolation
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
at_stripe = pytest.mark.parametrize("kept", ["stripe"], indirect=True)


def owes(world: GatewayWorld) -> None:
    invoice_of(customer_with(world))


kept = gateway_scene(owes)


@pytest.fixture
def world(kept: Kept, request: pytest.FixtureRequest) -> GatewayWorld:
    """Each gateway, and a customer with a good card who owes 99.00."""
    chosen: GatewayWorld = kept.back(request)
    return chosen


@pytest.fixture
def invoice(world: GatewayWorld) -> Invoice:
    """What the customer owes."""
    return Invoice.objects.select_related("customer").get()


def test_a_good_card_pays_the_invoice_once_and_the_fee_is_known(
    world: GatewayWorld, invoice: Invoice
) -> None:
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    invoice.refresh_from_db()
    payment = Payment.objects.get(invoice=invoice)
    assert (attempt.state, payment.state, invoice.state) == ("succeeded", "paid", "paid")
    assert invoice.amount_paid.amount == Decimal("99.00")
    assert (payment.paid_at, invoice.paid_at) == (NOW, NOW)
    world.tell_fees()
    attempt.refresh_from_db()
    assert attempt.fee.amount == Decimal(world.fee)
    assert attempt.next_check_at is None
    assert world.charged(invoice) == [9900]
    assert [event.event for event in payment.events.all()] == [
        "attempt_dispatched",
        "attempt_succeeded",
        "payment_paid",
    ]


def test_a_euro_invoice_is_paid_in_euro(stripe: StripeWorld) -> None:
    customer = make_customer(currency="EUR")
    stripe.store_card(customer)
    invoice = open_invoice(
        NOW, customer=customer, version=published_version(recurring("99.00"), currency="EUR")
    )

    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    payment = Payment.objects.get()
    invoice.refresh_from_db()
    assert payment.amount == Money("99.00", "EUR")
    assert (payment.currency, attempt.currency, invoice.currency) == ("EUR", "EUR", "EUR")
    assert (invoice.state, invoice.amount_paid) == ("paid", Money("99.00", "EUR"))


def test_the_role_that_the_application_works_as_may_do_all_of_it(stripe: StripeWorld) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE tiktoktoe_app")
        try:
            invoice = first_invoice_of(customer_with_card(stripe))
            assert collect_due(at=NOW).succeeded == 1
            refund = refund_payment(
                payment=Payment.objects.get(),
                amount=Money("1.00", "USD"),
                reason="goodwill",
                actor=PERSON,
                idempotency_key="r",
                at=NOW,
            )
        finally:
            cursor.execute("RESET ROLE")

    assert refund.state == "succeeded"
    assert stripe.charged(invoice) == [9900]


def test_a_paid_invoice_is_not_charged_again(world: GatewayWorld, invoice: Invoice) -> None:
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    with pytest.raises(InvoiceNotOpen):
        charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    assert world.charged(invoice) == [9900]


def test_without_a_stored_method_nothing_is_tried(world: GatewayWorld) -> None:
    invoice = invoice_of(make_customer())

    with pytest.raises(PaymentMethodMissing):
        charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    assert not Payment.objects.exists()


def test_another_customers_card_is_not_charged(world: GatewayWorld) -> None:
    stranger = customer_with(world)
    invoice = invoice_of(make_customer())

    with pytest.raises(PaymentMethodMissing):
        charge_invoice(invoice=invoice, method=stranger.payment_methods.get(), actor=PERSON, at=NOW)

    assert not Payment.objects.exists()


@pytest.mark.parametrize("gateway", ["stripe", "adyen", "paypal", "bank"])
def test_a_strangers_token_is_refused_whichever_gateway_holds_it(gateway: str) -> None:
    token = PaymentMethod.objects.create(
        customer=make_customer(), gateway=gateway, gateway_reference="t_1", kind="card"
    )

    with pytest.raises(PaymentMethodMissing):
        charge_invoice(invoice=invoice_of(make_customer()), method=token, actor=PERSON, at=NOW)

    assert not Payment.objects.exists()


def test_while_an_attempt_is_live_no_other_is_opened(world: GatewayWorld, invoice: Invoice) -> None:
    _open(invoice)

    with pytest.raises(PaymentInFlight):
        charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    assert PaymentAttempt.objects.count() == 1
    assert world.charged(invoice) == []


@pytest.mark.parametrize(
    ("mode", "proven_at_once"),
    [
        ("reset_before", "unknown"),
        ("reset_after", "unknown"),
        ("http_500_before", "unknown"),
        ("http_500_after", "unknown"),
        ("hang_after", "unknown"),
        ("http_429", "not_sent"),
    ],
)
def test_a_fault_leaves_what_it_proves_and_ends_in_one_charge(
    world: GatewayWorld, invoice: Invoice, mode: str, proven_at_once: str
) -> None:
    world.control.add_fault(world.charges, mode, times=1, seconds=4)

    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    assert attempt.state == proven_at_once
    _reconcile_until_quiet(world)
    _collect_again()
    invoice.refresh_from_db()
    assert world.charged(invoice) == [9900]
    assert invoice.state == "paid"


def test_a_refused_replay_proves_nothing_about_the_original(
    world: GatewayWorld, invoice: Invoice
) -> None:
    world.control.add_fault(world.charges, "reset_after", times=1)
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    assert world.charged(invoice) == [9900]
    world.control.add_fault(world.charges, "http_429", times=1)
    world.control.add_fault(world.looks, "http_429", times=1)

    looked = look_into(attempt=attempt, actor=PERSON, at=later(seconds=10))

    assert looked.state == "unknown"
    assert look_into(attempt=attempt, actor=PERSON, at=later(seconds=40)).state == "succeeded"
    assert world.charged(invoice) == [9900]


@at_stripe
def test_a_look_that_fails_proves_nothing_even_after_years(
    world: GatewayWorld, invoice: Invoice
) -> None:
    world.control.add_fault("POST /v1/payment_intents$", "reset_after", times=1)
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    world.control.add_fault("GET /v1/", "http_500_before", times=50)

    looked = look_into(attempt=attempt, actor=PERSON, at=later(days=800))

    assert looked.state == "unknown"
    assert looked.next_check_at == later(days=800, seconds=30)
    assert invoice.payments.get().state == "processing"


@at_stripe
def test_after_twenty_hours_it_is_looked_up_and_never_sent_again(
    world: GatewayWorld, invoice: Invoice
) -> None:
    world.control.add_fault("POST /v1/payment_intents$", "reset_before", times=1)
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    first = look_into(attempt=attempt, actor=PERSON, at=later(hours=21))
    looked = look_into(attempt=attempt, actor=PERSON, at=later(hours=22))

    assert (first.state, first.sends) == ("unknown", 1)
    assert (looked.state, looked.sends) == ("not_sent", 1)
    assert world.charged(invoice) == []


def test_an_attempt_whose_worker_died_before_sending_is_sent_by_the_reconciler(
    world: GatewayWorld, invoice: Invoice
) -> None:
    attempt = _open(invoice)

    assert reconcile_attempts(at=later(seconds=5)) == 0
    assert reconcile_attempts(at=later(seconds=60)) == 1

    attempt.refresh_from_db()
    assert (attempt.state, attempt.sends) == ("succeeded", 1)
    assert world.charged(invoice) == [9900]


def test_sending_a_settled_attempt_again_sends_nothing(
    world: GatewayWorld, invoice: Invoice
) -> None:
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    again = send_attempt(attempt=attempt, actor=PERSON, at=NOW)

    assert (again.state, again.sends) == ("succeeded", 1)
    assert world.charged(invoice) == [9900]


@pytest.mark.parametrize(
    ("card", "decline_class", "states", "next_days"),
    [
        ("funds", "soft_funds", ("open", "active"), 1),
        ("generic", "soft_generic", ("open", "active"), 1),
        ("expired", "hard_instrument", ("failed", "past_due"), None),
        ("fraud", "fraud", ("failed", "past_due"), None),
        ("asks_holder", "auth_required", ("requires_action", "past_due"), None),
    ],
)
def test_a_decline_is_followed_up_by_its_reason(
    world: GatewayWorld,
    card: str,
    decline_class: str,
    states: tuple[str, str],
    next_days: int | None,
) -> None:
    invoice = first_invoice_of(customer_with(world, card))

    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    payment = invoice.payments.get()
    assert (attempt.state, attempt.decline_class) == ("declined", decline_class)
    assert payment.next_attempt_at == (next_days and NOW + timedelta(days=next_days))
    assert (payment.state, Subscription.objects.get().state) == states
    assert world.charged(invoice) == []


def test_a_processing_error_is_tried_again_within_minutes(world: GatewayWorld) -> None:
    invoice = invoice_of(customer_with(world, "technical"))

    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    assert invoice.payments.get().next_attempt_at == later(minutes=1)


def test_an_amount_that_the_gateway_disputes_is_not_taken_for_paid(
    world: GatewayWorld, invoice: Invoice
) -> None:
    attempt = _open(invoice)
    wrong = Outcome(answer=Answer.SUCCEEDED, reference="pi_1", amount=Money("98.00", "USD"))

    for _ in range(3):
        settle_attempt(attempt=attempt, outcome=wrong, actor=PERSON, at=NOW)

    attempt.refresh_from_db()
    invoice.refresh_from_db()
    assert (attempt.state, invoice.state) == ("unknown", "open")
    assert attempt.events.filter(event="gateway_contradicts").count() == 1


def test_money_that_moved_after_all_is_noted_and_not_hidden(
    world: GatewayWorld, invoice: Invoice
) -> None:
    attempt = _open(invoice)
    no = Outcome(answer=Answer.DECLINED, decline=stripe_decline(code="expired_card"))
    settle_attempt(attempt=attempt, outcome=no, actor=PERSON, at=NOW)
    yes = Outcome(answer=Answer.SUCCEEDED, reference="pi_1", amount=Money("99.00", "USD"))

    settled = settle_attempt(attempt=attempt, outcome=yes, actor=PERSON, at=NOW)

    assert settled.state == "declined"
    assert attempt.events.filter(event="gateway_contradicts").count() == 1


def test_paying_what_was_overdue_brings_the_subscription_back(world: GatewayWorld) -> None:
    customer = customer_with(world, "expired")
    invoice = first_invoice_of(customer)
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    assert Subscription.objects.get().state == "past_due"
    good = world.store_card(customer)

    charge_invoice(invoice=invoice, method=good, actor=PERSON, at=later(days=2))

    assert Subscription.objects.get().state == "active"
    assert world.charged(invoice) == [9900]


def _open(invoice: Invoice) -> PaymentAttempt:
    return open_attempt(
        invoice=invoice,
        channel=Channel.STORED_METHOD,
        gateway=invoice.customer.payment_methods.get().gateway,
        method=invoice.customer.payment_methods.get(),
        actor=PERSON,
        at=NOW,
    )


def _reconcile_until_quiet(world: GatewayWorld) -> None:
    for minutes in (1, 5, 10, 20):
        world.deliver()
        reconcile_attempts(at=later(minutes=minutes))


def _collect_again() -> None:
    collect_due(at=later(minutes=30))


def test_an_attempt_that_cannot_be_looked_into_keeps_no_other_from_it(
    stripe: StripeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[PaymentAttempt] = []

    def look(*, attempt: PaymentAttempt, **_: object) -> None:
        seen.append(attempt)
        raise InvariantViolation("a fault of ours")

    for _ in range(2):
        customer = customer_with_card(stripe)
        open_attempt(
            invoice=invoice_of(customer),
            channel=Channel.STORED_METHOD,
            gateway="stripe",
            method=customer.payment_methods.get(),
            actor=PERSON,
            at=NOW,
        )
    monkeypatch.setattr("billing.services.payments.reconciling.look_into", look)

    assert reconcile_attempts(at=later(minutes=5)) == 2
    assert len({attempt.pk for attempt in seen}) == 2

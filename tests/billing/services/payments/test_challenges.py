"""A stored card is charged while its customer is there: the bank asks, and is answered, or not."""

from datetime import UTC, datetime

import pytest

from billing.domain.presence import Presence
from billing.errors import PaymentInFlight
from billing.models import Invoice, OutcomeStatistic, Payment, PaymentAttempt, PaymentDecision
from billing.services.payments.checkout import (
    charge_present_customer,
    confirm_payment,
    open_payment_page,
)
from billing.services.payments.collection import collect_due
from billing.services.payments.outcomes import count_outcomes
from billing.services.payments.reconciling import look_into, reconcile_attempts
from tests.adyen_world import AdyenWorld
from tests.gateway_scenes import Kept, gateway_scene
from tests.gateway_world import GatewayWorld, customer_with
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.kernel.clock import now

pytestmark = pytest.mark.django_db
ONE_LEG = "one side is outside of the rules"
THERE = Presence(address="203.0.113.7", user_agent="Browser 1", accept="text/html", language="en")


def pay(invoice: Invoice, at: datetime = NOW) -> PaymentAttempt:
    method = invoice.customer.payment_methods.get()
    return charge_present_customer(
        invoice=invoice, method=method, present=THERE, actor=PERSON, at=at
    )


def owes(world: GatewayWorld) -> None:
    invoice_of(customer_with(world, "asks_holder"))


kept = gateway_scene(owes)


@pytest.fixture
def world(kept: Kept, request: pytest.FixtureRequest) -> GatewayWorld:
    """Each gateway, and a customer who owes 99.00 and whose card's bank always asks."""
    chosen: GatewayWorld = kept.back(request)
    return chosen


@pytest.fixture
def invoice(world: GatewayWorld) -> Invoice:
    """What the customer owes."""
    return Invoice.objects.get()


def come_back(
    attempt: PaymentAttempt, brought: dict[str, str], at: datetime = NOW
) -> PaymentAttempt:
    told = brought.get("redirectResult", "")
    confirm_payment(payment=attempt.payment, told=told, actor=PERSON, at=at)
    return PaymentAttempt.objects.select_related("payment").get(pk=attempt.pk)


def test_the_customer_confirms_and_has_paid(world: GatewayWorld, invoice: Invoice) -> None:
    attempt = pay(invoice)
    assert (attempt.state, attempt.is_on_session) == ("requires_action", True)
    assert attempt.action_url.startswith(world.address)
    assert world.charged(invoice) == []

    seen = come_back(attempt, world.confirm(attempt))

    invoice.refresh_from_db()
    assert (seen.state, seen.payment.state, invoice.state) == ("succeeded", "paid", "paid")
    assert world.charged(invoice) == [9900]


def test_a_card_that_asks_for_nothing_is_paid_at_once(world: GatewayWorld) -> None:
    invoice = invoice_of(customer_with(world))

    attempt = pay(invoice)

    assert (attempt.state, attempt.action_url) == ("succeeded", "")
    assert attempt.segment.endswith("/on_session")
    assert attempt.customer_address == "203.0.113.7"


def test_who_does_not_confirm_has_not_paid_and_may_try_again(
    world: GatewayWorld, invoice: Invoice
) -> None:
    attempt = pay(invoice)

    seen = come_back(attempt, world.confirm(attempt, passes=False))

    assert (seen.state, seen.decline_class) == ("declined", "auth_required")
    assert seen.payment.state == "requires_action"
    again = pay(invoice)
    come_back(again, world.confirm(again))
    assert world.charged(invoice) == [9900]


def test_coming_back_twice_changes_nothing(world: GatewayWorld, invoice: Invoice) -> None:
    attempt = pay(invoice)
    brought = world.confirm(attempt)
    come_back(attempt, brought)
    events = attempt.payment.events.count()

    seen = come_back(attempt, brought)

    assert seen.state == "succeeded"
    assert attempt.payment.events.count() == events


def test_the_webhook_may_be_quicker_than_the_browser(world: GatewayWorld, invoice: Invoice) -> None:
    attempt = pay(invoice)
    brought = world.confirm(attempt)
    world.deliver()
    look_into(attempt=attempt, actor=PERSON, at=NOW)

    seen = come_back(attempt, brought)

    assert seen.state == "succeeded"
    assert not seen.events.filter(event="gateway_contradicts").exists()


def test_a_second_click_gets_the_same_question(world: GatewayWorld, invoice: Invoice) -> None:
    first, second = pay(invoice), pay(invoice)

    assert (first.pk, first.action_url) == (second.pk, second.action_url)
    assert PaymentAttempt.objects.count() == 1


def test_a_charge_whose_answer_was_lost_is_asked_about_with_the_same_key(
    world: GatewayWorld, invoice: Invoice
) -> None:
    world.control.add_fault(world.charges, "reset_after", times=1)
    world.control.add_fault(world.looks, "http_500_before", times=1)
    attempt = pay(invoice)
    assert (attempt.state, attempt.payment.state) == ("unknown", "processing")

    confirm_payment(payment=attempt.payment, actor=PERSON, at=later(minutes=1))

    attempt.refresh_from_db()
    assert attempt.state == "requires_action"
    come_back(attempt, world.confirm(attempt), later(minutes=2))
    assert world.charged(invoice) == [9900]


def test_a_question_that_is_left_is_given_up_after_an_hour_and_counted(
    world: GatewayWorld, invoice: Invoice
) -> None:
    attempt = pay(invoice)
    look_into(attempt=attempt, actor=PERSON, at=later(minutes=59))
    attempt.refresh_from_db()
    assert attempt.state == "requires_action"

    look_into(attempt=attempt, actor=PERSON, at=later(minutes=61))
    world.deliver()

    attempt.refresh_from_db()
    assert (attempt.state, Payment.objects.get().state) == ("abandoned", "open")
    count_outcomes(at=now())
    left = OutcomeStatistic.objects.get(segment__startswith="challenge/USD/")
    assert left.gateway == world.name
    assert [left.successes, left.failures] == [0, 1]


def test_what_was_left_is_collected_as_had_been_planned(
    world: GatewayWorld, invoice: Invoice
) -> None:
    look_into(attempt=pay(invoice), actor=PERSON, at=later(minutes=61))
    world.deliver()

    collected = collect_due(at=later(hours=2))

    assert (collected.attempts, collected.declined) == (1, 1)  # nobody is there to confirm
    last = PaymentAttempt.objects.latest("sequence")
    assert (last.is_on_session, last.decline_class) == (False, "auth_required")


def test_nothing_else_is_charged_while_the_bank_may_be_answered(
    world: GatewayWorld, invoice: Invoice
) -> None:
    pay(invoice)

    assert collect_due(at=later(minutes=5)).attempts == 0
    assert PaymentAttempt.objects.count() == 1


def test_a_page_can_be_chosen_instead(world: GatewayWorld, invoice: Invoice) -> None:
    attempt = pay(invoice)
    at = datetime.fromtimestamp(world.control.stats()["now"], UTC)
    try:
        open_payment_page(invoice=invoice, gateway=world.name, actor=PERSON, at=at)
    except PaymentInFlight:  # Adyen tells later that it has given the charge up
        world.deliver()
        open_payment_page(invoice=invoice, gateway=world.name, actor=PERSON, at=at)

    attempt.refresh_from_db()
    assert attempt.state == "abandoned"
    assert PaymentAttempt.objects.live().get().channel == "hosted_page"


def test_who_confirms_while_it_is_given_up_has_paid_once(
    world: GatewayWorld, invoice: Invoice
) -> None:
    attempt = pay(invoice)
    brought = world.confirm(attempt)

    look_into(attempt=attempt, actor=PERSON, at=later(minutes=61))
    world.deliver()
    come_back(attempt, brought, later(minutes=62))
    reconcile_attempts(at=later(days=1))

    attempt.refresh_from_db()
    assert attempt.state == "succeeded"
    assert not attempt.events.filter(event="gateway_contradicts").exists()
    assert world.charged(invoice) == [9900]


def test_what_anothers_browser_brings_back_decides_nothing(adyen: AdyenWorld) -> None:
    world: GatewayWorld = adyen
    mine = pay(invoice_of(customer_with(world, "asks_holder")))
    theirs = pay(invoice_of(customer_with(world, "asks_holder")))
    brought = world.confirm(theirs)

    seen = come_back(mine, brought)

    assert seen.state == "requires_action"
    assert world.charged(mine.payment.invoice) == []


def test_the_decision_says_that_the_customer_was_there(
    world: GatewayWorld, invoice: Invoice
) -> None:
    attempt = pay(invoice)

    decision = PaymentDecision.objects.get()
    assert decision.inputs["is_on_session"] is True
    assert decision.chosen_gateway == world.name
    asked = attempt.authentication
    is_foreign = attempt.method is not None and attempt.method.country == "US"
    assert asked["reason"] == (ONE_LEG if is_foreign else "the bank decides")
    assert PaymentDecision.objects.first_routed().get() == decision

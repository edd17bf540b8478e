"""Collecting what is due by itself, and trying again later."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import Invoice, Payment, PaymentAttempt, PaymentMethod
from billing.services.payments import collection
from billing.services.payments.charging import charge_invoice
from billing.services.payments.collection import (
    Share,
    collect_due,
    mark_overdue,
    resume_collection,
)
from billing.services.payments.gateway_clocks import forget_clocks
from billing.services.payments.payment_methods import set_default_method
from subscriptions.models import Subscription
from tests.factories.subscriptions import make_customer
from tests.gateway_scenes import Kept, gateway_scene
from tests.stripe_world import (
    NOW,
    PERSON,
    StripeWorld,
    customer_with_card,
    customer_with_token,
    first_invoice_of,
    invoice_of,
    later,
)

pytestmark = pytest.mark.django_db


def three_owe(stripe: StripeWorld) -> None:
    for _ in range(3):
        invoice_of(customer_with_card(stripe))


kept = gateway_scene(three_owe, "stripe")


@pytest.fixture
def owed(kept: Kept, request: pytest.FixtureRequest) -> StripeWorld:
    """Stripe, and three customers with a good card who owe 99.00 each."""
    world: StripeWorld = kept.back(request)
    return world


def test_every_due_invoice_is_charged_once_however_often_it_runs(owed: StripeWorld) -> None:
    invoices = list(Invoice.objects.all())
    without_card = invoice_of(make_customer())

    first = collect_due(at=NOW)
    second = collect_due(at=later(minutes=1))

    assert (first.attempts, first.succeeded) == (3, 3)
    assert second.attempts == 0
    assert [owed.charged(invoice) for invoice in invoices] == [[9900]] * 3
    without_card.refresh_from_db()
    assert without_card.state == "open"


def test_passes_that_share_the_customers_charge_each_once(owed: StripeWorld) -> None:
    invoices = list(Invoice.objects.all())

    one = frozenset({invoices[1].customer_id})

    shares = [Share(one, is_rest=False), Share(one)]

    assert [collect_due(at=NOW, share=share).succeeded for share in shares] == [1, 2]
    assert [owed.charged(invoice) for invoice in invoices] == [[9900]] * 3


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_full_batches_are_followed_by_more(
    owed: StripeWorld, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(collection, "BATCH", batch)

    assert collect_due(at=NOW).succeeded == 3


def test_an_invoice_is_not_collected_before_it_is_issued(owed: StripeWorld) -> None:
    assert collect_due(at=NOW - timedelta(seconds=1)).attempts == 0


@pytest.mark.parametrize("token", ["visa", "chargeDeclined"])
def test_a_pass_looks_once_where_no_other_gateway_is_to_be_tried(
    stripe: StripeWorld, token: str
) -> None:
    invoice_of(customer_with_card(stripe))
    invoice_of(customer_with_token(f"pm_card_{token}"))

    with CaptureQueriesContext(connection) as asked:
        collect_due(at=NOW)

    assert sum("SKIP LOCKED" in query["sql"] for query in asked) == 1


def test_what_decides_is_asked_for_all_charges_of_a_pass_at_once(stripe: StripeWorld) -> None:
    def asked_by_a_pass() -> int:
        forget_clocks()  # which are kept once in half a minute, whatever ran before this test
        with CaptureQueriesContext(connection) as asked:
            collect_due(at=NOW)
        return len(asked)

    first_invoice_of(customer_with_card(stripe))
    for_one = asked_by_a_pass()
    for _ in range(3):
        first_invoice_of(customer_with_card(stripe))

    assert asked_by_a_pass() <= for_one + 2 * 23  # to write, claim, send and settle another


def test_a_soft_decline_is_tried_again_on_its_days_and_then_given_up(stripe: StripeWorld) -> None:
    invoice = first_invoice_of(customer_with_token("pm_card_chargeDeclined"))
    tried = [day for day in range(12) if collect_due(at=later(days=day)).attempts]

    payment = Payment.objects.get(invoice=invoice)
    assert tried == [0, 1, 3, 5, 7]
    assert (payment.state, payment.retries_done) == ("failed", 4)
    assert Subscription.objects.get().state == "past_due"
    assert PaymentAttempt.objects.count() == 5


def test_a_card_that_was_reported_lost_is_never_asked_again(stripe: StripeWorld) -> None:
    invoice_of(customer_with_token("pm_card_chargeDeclinedLostCard"))

    tried = [day for day in (0, 1, 2, 3, 5, 7, 14, 39) if collect_due(at=later(days=day)).attempts]

    assert tried == [0]


def test_a_new_default_card_is_charged_for_what_had_failed(stripe: StripeWorld) -> None:
    customer = customer_with_token("pm_card_chargeDeclinedLostCard")
    invoice = first_invoice_of(customer)
    collect_due(at=NOW)
    set_default_method(method=stripe.store_card(customer))

    resumed = resume_collection(customer=customer, actor=PERSON, at=later(days=2))

    assert resumed == 1
    assert collect_due(at=later(days=2)).succeeded == 1
    assert stripe.charged(invoice) == [9900]
    assert Subscription.objects.get().state == "active"
    assert resume_collection(customer=customer, actor=PERSON, at=later(days=3)) == 0


def test_an_invoice_that_is_being_paid_is_left_alone(stripe: StripeWorld) -> None:
    customer = customer_with_card(stripe)
    invoice = invoice_of(customer)
    stripe.control.add_fault("POST /v1/payment_intents$", "reset_after", times=1)
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    assert collect_due(at=later(days=3)).attempts == 0
    assert resume_collection(customer=customer, actor=PERSON, at=later(days=3)) == 0


def test_one_customers_trouble_leaves_the_others_charged(stripe: StripeWorld) -> None:
    broken, fine = customer_with_card(stripe), customer_with_card(stripe)
    PaymentMethod.objects.filter(customer=broken).update(gateway="gone")
    broken_invoice, invoice = invoice_of(broken), invoice_of(fine)

    collected = collect_due(at=NOW)

    waiting = Payment.objects.get(invoice=broken_invoice)
    assert (collected.attempts, collected.succeeded, collected.unproven) == (1, 1, 0)
    assert (waiting.state, waiting.next_attempt_at) == ("open", later(days=1))
    assert not waiting.attempts.exists()
    assert waiting.events.get(event="payment_not_routed").details["reason"] == (
        "this gateway does not hold the method"
    )
    assert stripe.charged(invoice) == [9900]
    assert collect_due(at=later(hours=23)).attempts == 0


def test_overdue_invoices_make_their_subscription_past_due_once() -> None:
    invoice = first_invoice_of(make_customer())
    assert invoice.due_at is not None

    assert mark_overdue(at=invoice.due_at) == 0
    assert mark_overdue(at=invoice.due_at + timedelta(days=1)) == 1
    assert mark_overdue(at=invoice.due_at + timedelta(days=2)) == 0

    assert Subscription.objects.get().state == "past_due"
    assert Invoice.objects.get().state == "open"

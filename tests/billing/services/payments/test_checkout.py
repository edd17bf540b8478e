"""Paying on the gateway's page: clicks, tabs, 3-D Secure, and walking away."""

import httpx
import pytest

from billing.errors import GatewayUnavailable, InvoiceNotOpen
from billing.models import Invoice, Payment, PaymentAttempt, PaymentMethod
from billing.services.invoices.invoicing import mark_uncollectible
from billing.services.payments.charging import charge_invoice
from billing.services.payments.checkout import (
    close_payment_page,
    confirm_payment,
    open_payment_page,
)
from billing.services.payments.collection import collect_due
from billing.services.payments.reconciling import reconcile_attempts
from tests.factories.subscriptions import make_customer
from tests.gateway_scenes import Kept, gateway_scene
from tests.gateway_world import GatewayWorld
from tests.stripe_world import PERSON, invoice_of
from tiktoktoe.kernel.clock import now

pytestmark = pytest.mark.django_db


def owes(_world: GatewayWorld) -> None:
    invoice_of(make_customer())


kept = gateway_scene(owes)


@pytest.fixture
def world(kept: Kept, request: pytest.FixtureRequest) -> GatewayWorld:
    """Each gateway, and a customer without a card who owes 99.00."""
    chosen: GatewayWorld = kept.back(request)
    return chosen


@pytest.fixture
def invoice(world: GatewayWorld) -> Invoice:
    """What the customer owes."""
    return Invoice.objects.select_related("customer").get()


def test_a_customer_pays_on_the_page_and_the_card_is_kept_if_they_said_so(
    world: GatewayWorld, invoice: Invoice
) -> None:
    address = open_payment_page(
        gateway=world.name, invoice=invoice, saves_method=True, actor=PERSON, at=now()
    )
    world.pay_on_page(address)

    payment = confirm_payment(payment=Payment.objects.get(), actor=PERSON, at=now())

    invoice.refresh_from_db()
    assert (payment.state, invoice.state) == ("paid", "paid")
    assert world.charged(invoice) == [9900]
    method = PaymentMethod.objects.get()
    assert (method.last4, method.brand, method.is_default) == (world.last4, "visa", True)
    assert method.gateway == world.name
    world.deliver()
    world.tell_fees()
    attempt = PaymentAttempt.objects.get()
    assert attempt.fee.amount > 0
    assert attempt.gateway_reference


def test_a_card_is_not_kept_unasked(world: GatewayWorld, invoice: Invoice) -> None:
    world.pay_on_page(
        open_payment_page(gateway=world.name, invoice=invoice, actor=PERSON, at=now())
    )

    confirm_payment(payment=Payment.objects.get(), actor=PERSON, at=now())

    assert not PaymentMethod.objects.exists()


def test_a_second_click_goes_to_the_same_page(world: GatewayWorld, invoice: Invoice) -> None:

    pages = {
        open_payment_page(gateway=world.name, invoice=invoice, actor=PERSON, at=now())
        for _ in range(3)
    }

    assert len(pages) == 1
    assert PaymentAttempt.objects.count() == 1


def test_a_page_paid_in_another_tab_is_noticed_by_the_next_click(
    world: GatewayWorld, invoice: Invoice
) -> None:
    world.pay_on_page(
        open_payment_page(gateway=world.name, invoice=invoice, actor=PERSON, at=now())
    )

    with pytest.raises(InvoiceNotOpen, match="just been paid"):
        open_payment_page(gateway=world.name, invoice=invoice, actor=PERSON, at=now())

    assert world.charged(invoice) == [9900]


def test_an_answer_that_was_lost_is_asked_for_again_and_is_the_same_page(
    world: GatewayWorld, invoice: Invoice
) -> None:
    world.control.add_fault(world.pages, "reset_after", times=1)
    with pytest.raises(GatewayUnavailable):
        open_payment_page(gateway=world.name, invoice=invoice, actor=PERSON, at=now())

    address = open_payment_page(gateway=world.name, invoice=invoice, actor=PERSON, at=now())
    world.pay_on_page(address)

    assert confirm_payment(payment=Payment.objects.get(), actor=PERSON, at=now()).state == "paid"
    assert world.charged(invoice) == [9900]


def test_a_declined_card_on_the_page_leaves_it_open_for_another(
    world: GatewayWorld, invoice: Invoice
) -> None:
    address = open_payment_page(gateway=world.name, invoice=invoice, actor=PERSON, at=now())

    with pytest.raises(httpx.HTTPStatusError):
        world.pay_on_page(address, "generic")
    payment = confirm_payment(payment=Payment.objects.get(), actor=PERSON, at=now())

    assert payment.state == "requires_action"
    world.pay_on_page(address)
    assert confirm_payment(payment=payment, actor=PERSON, at=now()).state == "paid"


def test_three_d_secure_is_passed_on_the_page(world: GatewayWorld, invoice: Invoice) -> None:
    address = open_payment_page(gateway=world.name, invoice=invoice, actor=PERSON, at=now())

    world.pay_on_page(address, "asks_holder", authenticate=True)

    assert confirm_payment(payment=Payment.objects.get(), actor=PERSON, at=now()).state == "paid"


def test_three_d_secure_that_fails_takes_no_money(world: GatewayWorld, invoice: Invoice) -> None:
    address = open_payment_page(gateway=world.name, invoice=invoice, actor=PERSON, at=now())

    world.pay_on_page(address, "asks_holder", authenticate=False)
    payment = confirm_payment(payment=Payment.objects.get(), actor=PERSON, at=now())

    assert payment.state == "requires_action"
    assert world.charged(invoice) == []


def test_a_page_that_was_left_is_abandoned_only_when_the_gateway_says_it_expired(
    world: GatewayWorld, invoice: Invoice
) -> None:
    opened_at = now()
    open_payment_page(gateway=world.name, invoice=invoice, actor=PERSON, at=opened_at)
    late = opened_at.replace(year=opened_at.year + 1)

    reconcile_attempts(at=late)
    assert PaymentAttempt.objects.get().state == "requires_action"

    world.control.advance_clock(2 * 3600)
    reconcile_attempts(at=late.replace(year=late.year + 1))

    payment = Payment.objects.get()
    assert PaymentAttempt.objects.get().state == "abandoned"
    assert payment.state == "open"


def test_a_card_that_must_be_confirmed_is_confirmed_on_the_page(
    world: GatewayWorld, invoice: Invoice
) -> None:
    world.store_card(invoice.customer, "asks_holder")
    at = now()
    charge_invoice(invoice=invoice, actor=PERSON, at=at)
    assert Payment.objects.get().state == "requires_action"
    assert collect_due(at=at).attempts == 0

    address = open_payment_page(gateway=world.name, invoice=invoice, actor=PERSON, at=at)
    world.pay_on_page(address, "asks_holder")

    assert confirm_payment(payment=Payment.objects.get(), actor=PERSON, at=at).state == "paid"
    assert world.charged(invoice) == [9900]


def test_a_page_that_is_open_keeps_the_stored_card_from_being_charged(
    world: GatewayWorld, invoice: Invoice
) -> None:
    world.store_card(invoice.customer)
    at = now()
    open_payment_page(gateway=world.name, invoice=invoice, actor=PERSON, at=at)

    assert collect_due(at=at).attempts == 0

    closed = close_payment_page(invoice=invoice, actor=PERSON, at=at)
    assert closed is not None
    assert closed.state == "abandoned"
    assert collect_due(at=at).succeeded == 1
    assert world.charged(invoice) == [9900]


def test_closing_a_page_that_was_just_paid_finds_the_payment(
    world: GatewayWorld, invoice: Invoice
) -> None:
    world.pay_on_page(
        open_payment_page(gateway=world.name, invoice=invoice, actor=PERSON, at=now())
    )

    closed = close_payment_page(invoice=invoice, actor=PERSON, at=now())

    assert closed is not None
    assert closed.state == "succeeded"
    invoice.refresh_from_db()
    assert invoice.state == "paid"


def test_an_invoice_that_was_given_up_can_still_be_paid_by_its_customer(
    world: GatewayWorld, invoice: Invoice
) -> None:
    world.store_card(invoice.customer)
    at = now()
    invoice = mark_uncollectible(invoice=invoice, at=at)
    assert collect_due(at=at).attempts == 0

    world.pay_on_page(open_payment_page(gateway=world.name, invoice=invoice, actor=PERSON, at=at))
    confirm_payment(payment=Payment.objects.get(), actor=PERSON, at=at)

    invoice.refresh_from_db()
    assert invoice.state == "paid"

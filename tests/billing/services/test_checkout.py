"""Paying on the gateway's page: clicks, tabs, 3-D Secure, and walking away."""

import httpx
import pytest

from billing.errors import GatewayUnavailable, InvoiceNotOpen
from billing.models import Payment, PaymentAttempt, PaymentMethod
from billing.services.charging import charge_invoice
from billing.services.checkout import close_payment_page, confirm_payment, open_payment_page
from billing.services.collection import collect_due
from billing.services.invoicing import mark_uncollectible
from billing.services.reconciling import reconcile_attempts
from tests.factories.subscriptions import make_customer
from tests.stripe_world import (
    PERSON,
    StripeWorld,
    customer_with_card,
    customer_with_token,
    invoice_of,
)
from tiktoktoe.kernel.clock import now

pytestmark = pytest.mark.django_db
CHALLENGED = "4000002760003184"
DECLINED = "4000000000000002"


def test_a_customer_pays_on_the_page_and_the_card_is_kept_if_they_said_so(
    stripe: StripeWorld,
) -> None:
    invoice = invoice_of(make_customer())
    address = open_payment_page(invoice=invoice, saves_method=True, actor=PERSON, at=now())
    stripe.pay_on_page(address)

    payment = confirm_payment(payment=Payment.objects.get(), actor=PERSON, at=now())

    invoice.refresh_from_db()
    assert (payment.state, invoice.state) == ("paid", "paid")
    assert stripe.charged(invoice) == [9900]
    method = PaymentMethod.objects.get()
    assert (method.last4, method.brand, method.is_default) == ("4242", "visa", True)
    assert PaymentAttempt.objects.get().fee.amount > 0


def test_a_card_is_not_kept_unasked(stripe: StripeWorld) -> None:
    invoice = invoice_of(make_customer())
    stripe.pay_on_page(open_payment_page(invoice=invoice, actor=PERSON, at=now()))

    confirm_payment(payment=Payment.objects.get(), actor=PERSON, at=now())

    assert not PaymentMethod.objects.exists()


def test_a_second_click_goes_to_the_same_page(stripe: StripeWorld) -> None:
    invoice = invoice_of(make_customer())

    pages = {open_payment_page(invoice=invoice, actor=PERSON, at=now()) for _ in range(3)}

    assert len(pages) == 1
    assert PaymentAttempt.objects.count() == 1


def test_a_page_paid_in_another_tab_is_noticed_by_the_next_click(stripe: StripeWorld) -> None:
    invoice = invoice_of(make_customer())
    stripe.pay_on_page(open_payment_page(invoice=invoice, actor=PERSON, at=now()))

    with pytest.raises(InvoiceNotOpen, match="just been paid"):
        open_payment_page(invoice=invoice, actor=PERSON, at=now())

    assert stripe.charged(invoice) == [9900]


def test_an_answer_that_was_lost_is_asked_for_again_and_is_the_same_page(
    stripe: StripeWorld,
) -> None:
    invoice = invoice_of(make_customer())
    stripe.control.add_fault("POST /v1/checkout/sessions$", "reset_after", times=1)
    with pytest.raises(GatewayUnavailable):
        open_payment_page(invoice=invoice, actor=PERSON, at=now())

    address = open_payment_page(invoice=invoice, actor=PERSON, at=now())
    stripe.pay_on_page(address)

    assert confirm_payment(payment=Payment.objects.get(), actor=PERSON, at=now()).state == "paid"
    assert stripe.charged(invoice) == [9900]


def test_a_declined_card_on_the_page_leaves_it_open_for_another(stripe: StripeWorld) -> None:
    invoice = invoice_of(make_customer())
    address = open_payment_page(invoice=invoice, actor=PERSON, at=now())

    with pytest.raises(httpx.HTTPStatusError):
        stripe.pay_on_page(address, DECLINED)
    payment = confirm_payment(payment=Payment.objects.get(), actor=PERSON, at=now())

    assert payment.state == "requires_action"
    stripe.pay_on_page(address)
    assert confirm_payment(payment=payment, actor=PERSON, at=now()).state == "paid"


def test_three_d_secure_is_passed_on_the_page(stripe: StripeWorld) -> None:
    invoice = invoice_of(make_customer())
    address = open_payment_page(invoice=invoice, actor=PERSON, at=now())

    stripe.pay_on_page(address, CHALLENGED, authenticate=True)

    assert confirm_payment(payment=Payment.objects.get(), actor=PERSON, at=now()).state == "paid"


def test_three_d_secure_that_fails_takes_no_money(stripe: StripeWorld) -> None:
    invoice = invoice_of(make_customer())
    address = open_payment_page(invoice=invoice, actor=PERSON, at=now())

    stripe.pay_on_page(address, CHALLENGED, authenticate=False)
    payment = confirm_payment(payment=Payment.objects.get(), actor=PERSON, at=now())

    assert payment.state == "requires_action"
    assert stripe.charged(invoice) == []


def test_a_page_that_was_left_is_abandoned_only_when_the_gateway_says_it_expired(
    stripe: StripeWorld,
) -> None:
    invoice = invoice_of(make_customer())
    opened_at = now()
    open_payment_page(invoice=invoice, actor=PERSON, at=opened_at)
    late = opened_at.replace(year=opened_at.year + 1)

    reconcile_attempts(at=late)
    assert PaymentAttempt.objects.get().state == "requires_action"

    stripe.control.advance_clock(2 * 3600)
    reconcile_attempts(at=late.replace(year=late.year + 1))

    payment = Payment.objects.get()
    assert PaymentAttempt.objects.get().state == "abandoned"
    assert payment.state == "open"


def test_a_card_that_must_be_confirmed_is_confirmed_on_the_page(stripe: StripeWorld) -> None:
    customer = customer_with_token("pm_card_authenticationRequired")
    invoice = invoice_of(customer)
    at = now()
    charge_invoice(invoice=invoice, actor=PERSON, at=at)
    assert Payment.objects.get().state == "requires_action"
    assert collect_due(at=at).attempts == 0

    address = open_payment_page(invoice=invoice, actor=PERSON, at=at)
    stripe.pay_on_page(address, CHALLENGED)

    assert confirm_payment(payment=Payment.objects.get(), actor=PERSON, at=at).state == "paid"
    assert stripe.charged(invoice) == [9900]


def test_a_page_that_is_open_keeps_the_stored_card_from_being_charged(stripe: StripeWorld) -> None:
    customer = customer_with_card(stripe)
    invoice = invoice_of(customer)
    at = now()
    open_payment_page(invoice=invoice, actor=PERSON, at=at)

    assert collect_due(at=at).attempts == 0

    closed = close_payment_page(invoice=invoice, actor=PERSON, at=at)
    assert closed is not None
    assert closed.state == "abandoned"
    assert collect_due(at=at).succeeded == 1
    assert stripe.charged(invoice) == [9900]


def test_closing_a_page_that_was_just_paid_finds_the_payment(stripe: StripeWorld) -> None:
    invoice = invoice_of(make_customer())
    stripe.pay_on_page(open_payment_page(invoice=invoice, actor=PERSON, at=now()))

    closed = close_payment_page(invoice=invoice, actor=PERSON, at=now())

    assert closed is not None
    assert closed.state == "succeeded"
    invoice.refresh_from_db()
    assert invoice.state == "paid"


def test_an_invoice_that_was_given_up_can_still_be_paid_by_its_customer(
    stripe: StripeWorld,
) -> None:
    customer = customer_with_card(stripe)
    at = now()
    invoice = mark_uncollectible(invoice=invoice_of(customer), at=at)
    assert collect_due(at=at).attempts == 0

    stripe.pay_on_page(open_payment_page(invoice=invoice, actor=PERSON, at=at))
    confirm_payment(payment=Payment.objects.get(), actor=PERSON, at=at)

    invoice.refresh_from_db()
    assert invoice.state == "paid"

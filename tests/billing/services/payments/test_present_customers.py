"""Wallets and debits that a customer chooses who is there are the customer's own payments."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from django.test import Client
from django.urls import reverse

from billing.domain.attempts import Answer
from billing.domain.presence import Presence
from billing.errors import PaymentInFlight
from billing.gateways.base import ChargeRequest, Outcome
from billing.gateways.paypal import PayPalGateway
from billing.gateways.paypal_client import PayPalClient
from billing.models import Invoice, PaymentAttempt, PaymentDecision
from billing.services.payments.challenges import waiting_for_customer
from billing.services.payments.checkout import (
    charge_present_customer,
    close_payment_page,
    confirm_payment,
    open_payment_page,
)
from billing.services.payments.payment_methods import open_setup_page, take_over_method
from billing.services.payments.reconciling import reconcile_attempts
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import (
    make_customer,
    make_member,
    published_version,
    recurring,
)
from tests.paypal_world import PayPalWorld
from tests.stripe_world import NOW, PERSON, StripeWorld, invoice_of
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.money import Money

db = pytest.mark.django_db
THERE = Presence(address="203.0.113.7", user_agent="Browser 1", accept="text/html", language="en")


def pay(invoice: Invoice, at: datetime) -> PaymentAttempt:
    method = invoice.customer.payment_methods.get()
    return charge_present_customer(
        invoice=invoice, method=method, present=THERE, actor=PERSON, at=at
    )


def debit_of(stripe: StripeWorld, number: str) -> tuple[Invoice, datetime]:
    """An invoice of 99.00 of a customer with a bank account at Stripe, and the time there."""
    at = datetime.fromtimestamp(stripe.control.stats()["now"], UTC)
    customer = make_customer()
    address = open_setup_page(
        customer=customer, at=at, kinds=frozenset({"bank_debit"}), consent="We may debit."
    )
    session = address.rpartition("/")[2]
    stripe.control.complete_checkout(session, card=number)
    assert take_over_method(session=session, customer=customer, at=at)
    return open_invoice(at, customer=customer, version=published_version()), at


@db
@pytest.mark.parametrize("wallet", ["apple_pay", "link"])
def test_a_wallet_is_charged_as_the_customers_own(stripe: StripeWorld, wallet: str) -> None:
    customer = make_customer()
    at = datetime.fromtimestamp(stripe.control.stats()["now"], UTC)
    session = open_setup_page(customer=customer, at=at).rpartition("/")[2]
    stripe.control.complete_checkout(session, card=wallet)
    take_over_method(session=session, customer=customer, at=at)
    invoice = invoice_of(customer)

    attempt = pay(invoice, NOW)

    assert (attempt.state, attempt.is_on_session) == ("succeeded", True)
    assert attempt.payment.purpose == "on_session"
    place = "domestic" if wallet == "link" else "foreign"  # of Link no country is told
    assert attempt.segment == f"wallet/USD/{place}/on_session"
    # Nothing of off_session is said; the wallet has its holder confirm by itself.
    assert attempt.authentication["sent"] == {}
    assert PaymentDecision.objects.get().inputs["is_on_session"] is True
    assert stripe.charged(invoice) == [9900]


@pytest.mark.django_db(transaction=True)
def test_a_debit_is_the_customers_own_and_then_with_the_banks(stripe: StripeWorld) -> None:
    invoice, at = debit_of(stripe, "000123456789")

    attempt = pay(invoice, at)

    assert (attempt.state, attempt.is_on_session) == ("pending", True)
    assert attempt.authentication["sent"] == {}
    # Nobody waits for the customer any more: there is no page to close, and nothing to confirm.
    assert waiting_for_customer(invoice) is None
    assert close_payment_page(invoice=invoice, actor=PERSON, at=at) is None
    with pytest.raises(PaymentInFlight):
        pay(invoice, at)
    at += timedelta(days=4, minutes=2)
    stripe.control.set_clock(at)
    reconcile_attempts(at=at)
    invoice.refresh_from_db()
    assert (invoice.state, PaymentAttempt.objects.count()) == ("paid", 1)


@pytest.mark.django_db(transaction=True)
def test_a_debit_that_comes_back_is_planned_again_as_any_of_the_default_method(
    stripe: StripeWorld,
) -> None:
    invoice, at = debit_of(stripe, "000222222227")
    attempt = pay(invoice, at)

    at += timedelta(days=4, minutes=2)
    stripe.control.set_clock(at)
    reconcile_attempts(at=at)

    attempt.refresh_from_db()
    payment = attempt.payment
    payment.refresh_from_db()
    assert (attempt.state, attempt.decline_class) == ("declined", "soft_funds")
    assert payment.state == "open"
    assert payment.next_attempt_at is not None
    assert payment.next_attempt_at > at


def stored_at_paypal(paypal: PayPalWorld) -> Invoice:
    """An invoice of a customer who has stored a wallet at PayPal by paying another one."""
    first = invoice_of(make_customer())
    address = open_payment_page(
        invoice=first, actor=PERSON, at=now(), gateway="paypal", saves_method=True
    )
    paypal.approve(address)
    confirm_payment(payment=first.payments.get(), actor=PERSON, at=now())
    version = published_version(recurring("99.00"), currency="USD")
    return open_invoice(NOW, customer=first.customer, version=version)


@db
def test_a_stored_paypal_wallet_chosen_in_the_portal_is_paid_once(paypal: PayPalWorld) -> None:
    invoice = stored_at_paypal(paypal)
    client = Client()
    client.force_login(make_member(invoice.customer).user)
    method = invoice.customer.payment_methods.get()
    way = {"way": f"method-{method.pk}"}

    for _ in range(2):
        client.post(reverse("portal_pay", args=[invoice.number]), way)

    attempt = PaymentAttempt.objects.get(payment__invoice=invoice)
    assert (attempt.state, attempt.is_on_session) == ("succeeded", True)
    assert paypal.captured() == ["99.00", "99.00"]  # the first invoice, and this one


class Keeping:
    """A client that keeps what it is to send."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []

    def move(self, _path: str, body: dict[str, Any], **_: object) -> Outcome:
        """Keep it, and answer nothing."""
        self.bodies.append(body)
        return Outcome(answer=Answer.INCONCLUSIVE)


@pytest.mark.parametrize(("back", "is_told"), [("https://us.example/back", True), ("", False)])
def test_paypal_is_told_where_who_is_there_comes_back_to(back: str, is_told: bool) -> None:
    client = Keeping()
    gateway = PayPalGateway("paypal", cast(PayPalClient, client), webhook_id="")

    gateway.charge(
        ChargeRequest(
            our_reference="ours",
            customer_reference="c",
            method_reference="wallet-1",
            amount=Money("20.00", "EUR"),
            description="Invoice 1",
            metadata={},
            return_url=back,
            idempotency_key="k",
        )
    )

    wallet = client.bodies[0]["payment_source"]["paypal"]
    assert wallet["vault_id"] == "wallet-1"
    told = wallet.get("experience_context", {})
    assert told.get("return_url", "") == back
    assert bool(told) is is_told

"""Paying by a stored card in the portal leads to the bank's question, and back to the truth."""

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import Invoice, Payment, PaymentAttempt
from tests.adyen_world import AdyenWorld
from tests.factories.subscriptions import make_customer, make_member
from tests.gateway_world import GatewayWorld, customer_with
from tests.stripe_world import invoice_of

pytestmark = pytest.mark.django_db
BROWSER = "24,1080,1920,-60"


@pytest.fixture
def invoice(world: GatewayWorld) -> Invoice:
    return invoice_of(customer_with(world, "asks_holder"))


def client_of(invoice: Invoice) -> Client:
    client = Client(headers={"User-Agent": "Browser 1"})
    client.force_login(make_member(invoice.customer).user)
    return client


def pay(client: Client, invoice: Invoice) -> str:
    way = f"method-{invoice.customer.payment_methods.get().pk}"
    address = reverse("portal_pay", args=[invoice.number])
    return str(client.post(address, {"way": way, "browser": BROWSER})["Location"])


def page_of(payment: Payment) -> str:
    return reverse("portal_payment", args=[payment.pk])


def test_the_customer_goes_to_the_bank_and_comes_back_having_paid(
    world: GatewayWorld, invoice: Invoice
) -> None:
    client = client_of(invoice)

    address = pay(client, invoice)

    attempt = PaymentAttempt.objects.get()
    assert address == attempt.action_url
    assert attempt.authentication["browser"]["screenWidth"] == 1920
    before = client.get(page_of(attempt.payment)).content.decode()
    assert "Your bank wants you to confirm this payment" in before
    brought = world.confirm(attempt)
    after = client.get(page_of(attempt.payment), brought).content.decode()
    assert "Thank you, the payment has arrived." in after
    assert world.charged(invoice) == [9900]


def test_who_refuses_at_the_bank_is_told_so(world: GatewayWorld, invoice: Invoice) -> None:
    client = client_of(invoice)
    pay(client, invoice)
    attempt = PaymentAttempt.objects.get()

    page = client.get(page_of(attempt.payment), world.confirm(attempt, passes=False))

    assert "Pay another way" in page.content.decode()
    assert "Thank you" not in page.content.decode()
    assert world.charged(invoice) == []


def test_another_customer_finds_no_such_payment(world: GatewayWorld, invoice: Invoice) -> None:
    pay(client_of(invoice), invoice)
    attempt = PaymentAttempt.objects.get()
    brought = world.confirm(attempt)
    stranger = Client()
    stranger.force_login(make_member(make_customer()).user)

    assert stranger.get(page_of(attempt.payment), brought).status_code == 404
    attempt.refresh_from_db()
    assert attempt.state == "requires_action"


def test_while_nobody_knows_the_page_says_so_and_asks_again(adyen: AdyenWorld) -> None:
    invoice = invoice_of(customer_with(adyen, "asks_holder"))
    client = client_of(invoice)
    pay(client, invoice)
    attempt = PaymentAttempt.objects.get()
    brought = adyen.confirm(attempt)
    adyen.control.add_fault("POST /v72/payments/details$", "reset_after", times=1)

    unsure = client.get(page_of(attempt.payment), brought).content.decode()
    sure = client.get(page_of(attempt.payment), brought).content.decode()

    assert "Please do not pay again" in unsure
    assert f"redirectResult={brought['redirectResult']}" in unsure
    assert "Thank you, the payment has arrived." in sure
    assert adyen.charged(invoice) == [9900]

"""Paying by a stored card in the portal leads to the bank's question, and back to the truth."""

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import Invoice, Payment, PaymentAttempt
from billing.services.payments.pay_links import make_fix_link, make_share_link
from tests.adyen_world import AdyenWorld
from tests.factories.subscriptions import TEST_ACTOR, make_customer, make_member
from tests.gateway_world import GatewayWorld, customer_with
from tests.stripe_world import invoice_of
from tiktoktoe.kernel.clock import now

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


def by_link(invoice: Invoice, way: str) -> tuple[Client, str, str]:
    """Whoever has the link of an e-mail pays by it; gives where that leads."""
    address = make_fix_link(invoice=invoice, actor=TEST_ACTOR, at=now()).address
    path, visitor = "/" + address.split("/", 3)[3], Client()
    gone = visitor.post(f"{path}payment/", {"way": way, "browser": BROWSER})
    return visitor, path, str(gone.get("Location", ""))


def test_a_stored_card_is_confirmed_by_the_link_of_an_e_mail_too(
    world: GatewayWorld, invoice: Invoice
) -> None:
    way = f"method-{invoice.customer.payment_methods.get().pk}"

    visitor, path, address = by_link(invoice, way)

    attempt = PaymentAttempt.objects.get()
    assert (attempt.is_on_session, address) == (True, attempt.action_url)
    assert Client().post(f"{path}payment/", {"way": way}).status_code == 404  # not theirs
    before = visitor.get(page_of(attempt.payment)).content.decode()
    assert "Your bank wants you to confirm this payment" in before
    after = visitor.get(page_of(attempt.payment), world.confirm(attempt)).content.decode()
    assert "Thank you, the payment has arrived." in after
    assert world.charged(invoice) == [9900]


def test_a_card_that_is_paid_at_once_by_a_link_leads_to_the_thanks(world: GatewayWorld) -> None:
    invoice = invoice_of(customer_with(world))

    visitor, _, address = by_link(invoice, f"method-{invoice.customer.payment_methods.get().pk}")

    assert "Thank you, the payment has arrived." in visitor.get(address).content.decode()


def test_a_link_that_is_passed_on_shows_and_charges_no_stored_card(
    world: GatewayWorld, invoice: Invoice
) -> None:
    made = make_share_link(invoice=invoice, days=3, actor=TEST_ACTOR, at=now())
    path, way = (
        "/" + made.address.split("/", 3)[3],
        f"method-{invoice.customer.payment_methods.get().pk}",
    )

    assert way not in Client().get(path).content.decode()
    Client().post(f"{path}payment/", {"way": way})
    assert not PaymentAttempt.objects.exists()


def test_anothers_card_cannot_be_chosen_by_a_link(world: GatewayWorld, invoice: Invoice) -> None:
    theirs = customer_with(world).payment_methods.get()

    by_link(invoice, f"method-{theirs.pk}")

    assert not PaymentAttempt.objects.exists()


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

"""Apple Pay, Google Pay and Link: stored on Stripe's page, shown, charged, given back."""

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import Payment, PaymentAttempt, PaymentDecision, PaymentMethod
from billing.services.payments.charging import charge_invoice
from billing.services.payments.payment_methods import refresh_method
from billing.services.payments.refunds import refund_payment
from subscriptions.models import Customer
from tests.factories.subscriptions import make_customer, make_member
from tests.stripe_world import (
    NOW,
    PERSON,
    StripeWorld,
    customer_with_card,
    first_invoice_of,
    invoice_of,
)
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
WALLETS = [
    ("apple_pay", "Apple Pay ending 4242", "visa"),
    ("google_pay 5555555555554444", "Google Pay ending 4444", "mastercard"),
    ("link", "Link", ""),
]
every_wallet = pytest.mark.parametrize(("wallet", "name", "network"), WALLETS)


def member_of(customer: Customer) -> Client:
    client = Client()
    client.force_login(make_member(customer).user)
    return client


def store(stripe: StripeWorld, client: Client, wallet: str) -> str:
    """Go from the portal to Stripe's page, store a wallet there, and come back; gives the page."""
    address = client.post(reverse("portal_method_add"), {"gateway": "stripe"}).headers["Location"]
    session = address.rpartition("/")[2]
    back = stripe.control.complete_checkout(session, card=wallet)
    return client.get(back, follow=True).content.decode()


@every_wallet
def test_a_wallet_is_stored_in_the_portal_charged_by_itself_and_given_back(
    stripe: StripeWorld, wallet: str, name: str, network: str
) -> None:
    customer = make_customer()

    text = store(stripe, member_of(customer), wallet)

    method = PaymentMethod.objects.get()
    assert f"<strong>{name}</strong>" in text
    assert (method.kind, method.brand, method.network) == (
        "wallet",
        wallet.partition(" ")[0],
        network,
    )
    invoice = invoice_of(customer)
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    assert (attempt.state, attempt.fee) == ("succeeded", Money("3.17", "USD"))
    assert stripe.charged(invoice) == [9900]
    refund_payment(
        payment=attempt.payment,
        amount=Money("40.00", "USD"),
        reason="goodwill",
        actor=PERSON,
        idempotency_key="once",
        at=NOW,
    )
    assert Payment.objects.get().amount_refunded == Money("40.00", "USD")


@every_wallet
def test_a_wallet_is_routed_by_what_it_costs_and_nobody_is_asked_while_away(
    stripe: StripeWorld, wallet: str, name: str, network: str
) -> None:
    customer = make_customer()
    store(stripe, member_of(customer), wallet)

    attempt = charge_invoice(invoice=first_invoice_of(customer), actor=PERSON, at=NOW)

    (chosen,) = PaymentDecision.objects.get().candidates
    assert (chosen["kind"], chosen["why_not"]) == ("wallet", [])
    # The sandbox's cards are from the United States, we are not; of Link no country is told.
    assert chosen["fee"] == ("3.17" if wallet == "link" else "4.66")
    assert chosen["fee_rule"] == "wallet USD since 2020-01-01"
    assert attempt.authentication["exemption"] == "recurring"
    assert attempt.authentication["sent"] == {"off_session": "true"}


@every_wallet
def test_a_wallet_pays_an_invoice_on_the_page(
    stripe: StripeWorld, wallet: str, name: str, network: str
) -> None:
    customer = make_customer()
    client = member_of(customer)
    first = invoice_of(customer)
    pay = reverse("portal_pay", args=[first.number])

    stripe.pay_on_page(client.post(pay, {"way": "page-stripe"})["Location"], wallet)
    client.get(reverse("portal_payment", args=[Payment.objects.get().pk]))

    first.refresh_from_db()
    assert (first.state, stripe.charged(first)) == ("paid", [9900])


@every_wallet
def test_a_stored_wallet_is_a_way_to_pay_beside_the_card(
    stripe: StripeWorld, wallet: str, name: str, network: str
) -> None:
    customer = customer_with_card(stripe)
    client = member_of(customer)
    store(stripe, client, wallet)
    invoice, kept = invoice_of(customer), PaymentMethod.objects.get(kind="wallet")
    page = client.get(reverse("portal_invoice", args=[invoice.number])).content.decode()
    assert name in page
    assert "wallet on the page of Stripe" in page

    client.post(reverse("portal_pay", args=[invoice.number]), {"way": f"method-{kept.pk}"})

    invoice.refresh_from_db()
    assert invoice.state == "paid"
    assert PaymentAttempt.objects.get().method == kept


def test_a_declined_wallet_says_why_and_is_still_owed(stripe: StripeWorld) -> None:
    customer = make_customer()
    store(stripe, member_of(customer), "apple_pay 4000000000000341")

    attempt = charge_invoice(invoice=invoice_of(customer), actor=PERSON, at=NOW)

    assert (attempt.state, attempt.decline_code) == ("declined", "generic_decline")
    assert attempt.payment.invoice.state == "open"


def test_a_replaced_card_in_a_wallet_stays_the_wallet(stripe: StripeWorld) -> None:
    customer = make_customer()
    store(stripe, member_of(customer), "apple_pay")
    reference = PaymentMethod.objects.get().gateway_reference
    stripe.control.renew_card(reference, last4="9999", year=2031, month=5)

    method = refresh_method(reference=reference)

    assert method is not None
    assert (str(method), method.kind, method.network) == (
        "Apple Pay ending 9999",
        "wallet",
        "visa",
    )


def test_a_wallet_is_not_taken_for_the_card_in_it(stripe: StripeWorld) -> None:
    customer = customer_with_card(stripe)

    store(stripe, member_of(customer), "apple_pay")

    assert sorted(map(str, customer.payment_methods.all())) == [
        "Apple Pay ending 4242",
        "Visa ending 4242",
    ]
    assert not PaymentAttempt.objects.exists()

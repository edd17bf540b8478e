"""Every eligible way to pay is offered and works; staff weigh a payment by itself."""

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import GatewayHealth, Invoice, Payment, PaymentAttempt, PaymentDecision
from billing.queries.ways_to_pay import ways_to_pay
from billing.services.payments.charging import charge_invoice
from subscriptions.models import Customer
from tests.adyen_world import AdyenWorld
from tests.factories.accounts import make_user
from tests.factories.subscriptions import make_member
from tests.stripe_world import (
    NOW,
    PERSON,
    StripeWorld,
    customer_with_card,
    customer_with_token,
    invoice_of,
)
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.clock import now

pytestmark = pytest.mark.django_db


def member_of(customer: Customer) -> Client:
    client = Client()
    client.force_login(make_member(customer).user)
    return client


def values(invoice: Invoice) -> list[str]:
    return [way.value for way in ways_to_pay(invoice, at=now())]


def test_stored_methods_come_first_then_every_gateways_page(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    customer = customer_with_card(stripe)
    invoice, method = invoice_of(customer), customer.payment_methods.get()

    assert values(invoice) == [f"method-{method.pk}", "page-stripe", "page-adyen"]
    page = member_of(customer).get(reverse("portal_invoice", args=[invoice.number]))
    text = page.content.decode()
    assert "Visa ending 4242" in text
    assert "It comes to $99.00 in all" in text


def test_a_gateway_that_is_switched_off_is_not_offered(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    invoice = invoice_of(customer_with_card(stripe))
    GatewayHealth.objects.create(gateway="stripe", is_enabled=False, changed_at=NOW)

    assert values(invoice) == ["page-adyen"]


def test_the_customer_pays_by_a_stored_card(stripe: StripeWorld) -> None:
    customer = customer_with_card(stripe)
    invoice, method = invoice_of(customer), customer.payment_methods.get()

    answer = member_of(customer).post(
        reverse("portal_pay", args=[invoice.number]), {"way": f"method-{method.pk}"}
    )

    invoice.refresh_from_db()
    assert invoice.state == "paid"
    assert answer["Location"] == reverse("portal_payment", args=[Payment.objects.get().pk])


def test_the_customer_goes_to_the_chosen_gateways_page(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    invoice = invoice_of(customer_with_card(stripe))

    answer = member_of(invoice.customer).post(
        reverse("portal_pay", args=[invoice.number]), {"way": "page-adyen"}
    )

    assert answer["Location"].startswith(adyen.address)
    assert Payment.objects.get().attempts.get().gateway == "adyen"


def test_a_page_that_was_left_is_closed_when_the_customer_chooses_otherwise(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    customer = customer_with_card(stripe)
    invoice, client = invoice_of(customer), member_of(customer)
    address = reverse("portal_pay", args=[invoice.number])
    left = client.post(address, {"way": "page-adyen"})["Location"]

    other = client.post(address, {"way": "page-stripe"})["Location"]
    again = client.post(address, {"way": "page-stripe"})["Location"]
    client.post(address, {"way": f"method-{customer.payment_methods.get().pk}"})

    assert (left != other, other) == (True, again)
    states = PaymentAttempt.objects.order_by("sequence").values_list("gateway", "state")
    assert list(states) == [
        ("adyen", "abandoned"),
        ("stripe", "abandoned"),
        ("stripe", "succeeded"),
    ]
    invoice.refresh_from_db()
    assert invoice.state == "paid"
    assert adyen.charged(invoice) == []
    assert stripe.charged(invoice) == [9900]


def test_an_expired_card_is_not_offered(stripe: StripeWorld) -> None:
    customer = customer_with_card(stripe)
    customer.payment_methods.update(expires_on="2025-12-31")

    assert values(invoice_of(customer)) == ["page-stripe"]


def test_anothers_card_cannot_be_chosen(stripe: StripeWorld) -> None:
    mine = invoice_of(customer_with_card(stripe))
    theirs = customer_with_card(stripe).payment_methods.get()

    member_of(mine.customer).post(
        reverse("portal_pay", args=[mine.number]), {"way": f"method-{theirs.pk}"}
    )

    mine.refresh_from_db()
    assert mine.state == "open"
    assert not Payment.objects.exists()


def test_staff_charge_by_weights_of_their_own(stripe: StripeWorld) -> None:
    customer = customer_with_token("pm_card_chargeDeclinedInsufficientFunds")
    invoice = invoice_of(customer)
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    payment, client = Payment.objects.get(), Client()
    client.force_login(make_user(Role.FINANCE))
    address = reverse("payment_attempt", args=[payment.pk])

    client.post(address, {"speed": "-1"})
    assert PaymentDecision.objects.count() == 1
    client.post(address, {"fees": "0.5", "speed": "3"})

    objectives = PaymentDecision.objects.order_by("-round")[0].inputs["objectives"]
    assert objectives == {"fees": "0.5", "speed": "3", "security": "1"}

"""Giving a bank account on a gateway's page, and seeing what was agreed to."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import GatewayMandate, PaymentMethod
from billing.services.payments.payment_methods import take_over_method
from subscriptions.models import Customer
from tests.factories.accounts import make_user
from tests.factories.subscriptions import make_customer, make_member
from tests.stripe_world import StripeWorld
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db
METHODS = "/portal/payment-methods/"
NEW_METHOD = f"{METHODS}new/"
WORDS = "I authorize Noughts &amp; Crosses GmbH (Stripe) to debit my account"


def member_of(customer: Customer) -> Client:
    client = Client()
    client.force_login(make_member(customer).user)
    return client


def give(stripe: StripeWorld, customer: Customer, number: str) -> PaymentMethod:
    """Go to the page from the portal, and give an account there."""
    answer = member_of(customer).post(reverse("portal_debit_add"))
    assert answer.status_code == 303
    session = answer.headers["Location"].rpartition("/")[2]
    stripe.control.complete_checkout(session, card=number)
    at = datetime.fromtimestamp(stripe.control.stats()["now"], UTC)
    method = take_over_method(session=session, customer=customer, at=at)
    assert method is not None
    return method


def test_a_customer_reads_what_was_agreed_to(stripe: StripeWorld) -> None:
    customer = make_customer()
    assert "/portal/payment-methods/debit/" in member_of(customer).get(NEW_METHOD).content.decode()

    method = give(stripe, customer, "000123456789")

    text = member_of(customer).get(METHODS).content.decode()
    assert "Ach debit ending 6789" in text
    assert WORDS in text
    assert method.is_default


def test_staff_see_the_mandates_that_gateways_keep(stripe: StripeWorld) -> None:
    customer = make_customer(currency="EUR", country="DE", locale="de")
    give(stripe, customer, "DE89370400440532013000")
    mandate = GatewayMandate.objects.get()
    client = Client()
    client.force_login(make_user(Role.SUPPORT))

    text = client.get(reverse("mandate_list")).content.decode()

    assert mandate.reference in text
    assert "from 203.0.113.7" in text
    assert "Ich ermächtige (A) Noughts &amp; Crosses GmbH (Stripe), Zahlungen" in text
    other = client.get(reverse("mandate_list"), {"q": "nobody"}).content.decode()
    assert mandate.reference not in other


@pytest.mark.parametrize("about", [{"currency": "GBP"}, {"country": "FR"}])
def test_where_no_scheme_reaches_nothing_is_offered(
    stripe: StripeWorld, about: dict[str, str]
) -> None:
    client = member_of(make_customer(**about))

    assert "/portal/payment-methods/debit/" not in client.get(NEW_METHOD).content.decode()
    assert client.post(reverse("portal_debit_add")).status_code == 404

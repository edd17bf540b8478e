"""What banks are asked is decided, kept with the attempt, and sent in each gateway's field."""

from datetime import UTC, datetime

import pytest

from billing.domain.declines import DeclineClass
from billing.models import ExemptionRule, Invoice, PaymentAttempt
from billing.services.payments.authentication import authentications_of_page
from billing.services.payments.charging import charge_invoice
from billing.services.payments.checkout import confirm_payment, open_payment_page
from tests.factories.billing import one_off_invoice
from tests.factories.subscriptions import make_customer
from tests.gateway_world import GatewayWorld, customer_with
from tests.scripted_gateway import TwoGateways, declined, gateways
from tests.stripe_world import NOW, PERSON, first_invoice_of, invoice_of, later

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db


def page(world: GatewayWorld, invoice: Invoice, *, saves: bool = False) -> PaymentAttempt:
    at = datetime.fromtimestamp(world.control.stats()["now"], UTC)
    address = open_payment_page(
        invoice=invoice, actor=PERSON, at=at, saves_method=saves, gateway=world.name
    )
    return PaymentAttempt.objects.get(action_url=address)


def asked(attempt: PaymentAttempt) -> tuple[str, str]:
    return attempt.authentication["ask"], attempt.authentication["exemption"]


def european_invoice(amount: str = "20.00") -> Invoice:
    customer = make_customer(currency="EUR", country="FR", is_tax_exempt=True)
    return one_off_invoice(NOW, customer=customer, amount=amount)


def test_a_stored_card_is_charged_as_the_merchants_own(world: GatewayWorld) -> None:
    invoice = first_invoice_of(customer_with(world))

    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    assert attempt.state == "succeeded"
    assert asked(attempt) == ("exemption", "recurring")
    assert "art. 14" in attempt.authentication["source"]


def test_a_page_that_stores_the_card_asks_the_holder(world: GatewayWorld) -> None:
    attempt = page(world, european_invoice(), saves=True)

    assert asked(attempt) == ("challenge", "")


def test_a_low_amount_is_let_off_until_the_limits_are_reached(world: GatewayWorld) -> None:
    attempt = page(world, european_invoice())
    assert asked(attempt) == ("exemption", "low_value")
    world.pay_on_page(attempt.action_url)
    world.deliver()
    confirm_payment(payment=attempt.payment, actor=PERSON, at=NOW)
    ExemptionRule.objects.update(count_maximum=1)

    customer = attempt.payment.customer
    again = page(world, one_off_invoice(NOW, customer=customer, amount="20.00"))

    assert asked(again) == ("nothing", "")


def test_a_customer_from_elsewhere_is_outside_of_the_rules(world: GatewayWorld) -> None:
    attempt = page(world, invoice_of(make_customer()), saves=True)

    assert asked(attempt) == ("nothing", "one_leg_out")


def test_what_was_agreed_with_an_acquirer_counts_for_its_gateway(world: GatewayWorld) -> None:
    ExemptionRule.objects.create(
        exemption="low_risk",
        gateway=world.name,
        currency="EUR",
        maximum=250,
        valid_from="2020-01-01",
        source="the agreement",
    )

    attempt = page(world, european_invoice("99.00"))

    assert asked(attempt) == ("exemption", "low_risk")


def test_a_soft_decline_is_stepped_up(gateways: TwoGateways) -> None:
    gateways.alpha.script = [declined(DeclineClass.AUTH_REQUIRED)]
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    assert attempt.payment.state == "requires_action"

    found = authentications_of_page(
        invoice=invoice, gateways=["alpha"], stores_method=False, at=later(hours=1)
    )["alpha"]

    assert (found.ask, found.reason) == ("challenge", "the bank asked for it before")

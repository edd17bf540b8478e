"""A network counts the declined tries of a card, not of a row of ours."""

from datetime import date, timedelta
from typing import Any

import pytest

from billing.domain import budgets
from billing.domain.budgets import RetryBudget
from billing.domain.declines import DeclineClass
from billing.errors import NothingToCharge
from billing.models import GatewayCustomer, Invoice, PaymentDecision, PaymentMethod
from billing.services.payments.charging import charge_invoice
from tests.factories.subscriptions import make_customer
from tests.scripted_gateway import TwoGateways, declined, gateways
from tests.stripe_world import PERSON, StripeWorld, invoice_of, later

__all__ = ["gateways"]  # a fixture
pytestmark = pytest.mark.django_db
TWO = RetryBudget(
    network="visa",
    declines=2,
    within=timedelta(days=30),
    valid_from=date(2020, 1, 1),
    source="a test",
)
CARD: dict[str, Any] = {"brand": "visa", "last4": "4242", "expires_on": date(2030, 3, 31)}


@pytest.fixture(autouse=True)
def two_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Visa allows two declined tries."""
    monkeypatch.setattr(budgets, "BUDGETS", (TWO,))


def _declined_twice(gateways: TwoGateways) -> Invoice:
    """An invoice whose customer's card was declined twice, at alpha alone."""
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha", **CARD))
    gateways.alpha.script = [declined(DeclineClass.SOFT_FUNDS)] * 2
    for hour in range(2):
        charge_invoice(invoice=invoice, actor=PERSON, at=later(hours=hour))
    return invoice


def _stored_anew(invoice: Invoice, **other: Any) -> PaymentMethod:
    """The customer removes the card, and stores one again, at another gateway."""
    old = PaymentMethod.objects.get(customer=invoice.customer)
    old.state, old.is_default = PaymentMethod.State.REMOVED, False
    old.save()
    GatewayCustomer.objects.create(
        customer=invoice.customer, gateway="beta", gateway_reference="beta-customer"
    )
    return PaymentMethod.objects.create(
        customer=invoice.customer,
        gateway="beta",
        gateway_reference="beta-anew",
        kind="card",
        country="DE",
        is_default=True,
        created_at=later(hours=2),
        **{**CARD, **other},
    )


def _charge(invoice: Invoice) -> str:
    return str(charge_invoice(invoice=invoice, actor=PERSON, at=later(hours=3)).state)


def test_a_card_that_is_stored_anew_has_used_up_as_much(gateways: TwoGateways) -> None:
    invoice = _declined_twice(gateways)
    _stored_anew(invoice)

    with pytest.raises(NothingToCharge, match="the network allows no more tries"):
        _charge(invoice)

    assert gateways.beta.asked == []


@pytest.mark.parametrize(
    "other",
    [{"last4": "1881"}, {"expires_on": date(2031, 3, 31)}, {"brand": "amex"}],
    ids=["another number", "another expiry", "another network"],
)
def test_another_card_has_a_budget_of_its_own(gateways: TwoGateways, other: dict[str, Any]) -> None:
    invoice = _declined_twice(gateways)
    _stored_anew(invoice, **other)

    assert _charge(invoice) == "succeeded"


def test_the_last_no_that_a_network_allows_is_not_tried_elsewhere(gateways: TwoGateways) -> None:
    invoice = invoice_of(gateways.customer_with_card(**CARD))
    gateways.alpha.script = [
        declined(DeclineClass.SOFT_FUNDS),
        declined(DeclineClass.SOFT_GENERIC),
    ]
    charge_invoice(invoice=invoice, actor=PERSON, at=later(hours=0))

    with pytest.raises(NothingToCharge, match="the network allows no more tries"):
        charge_invoice(invoice=invoice, actor=PERSON, at=later(hours=1))

    assert (len(gateways.alpha.asked), gateways.beta.asked) == (2, [])


def test_the_network_counts_the_tries_of_a_card_in_a_wallet(gateways: TwoGateways) -> None:
    invoice = _declined_twice(gateways)
    PaymentMethod.objects.update(kind="wallet", brand="apple_pay", network="visa")

    with pytest.raises(NothingToCharge, match="the network allows no more tries"):
        _charge(invoice)


def _other_with(gateways: TwoGateways, **terms: Any) -> Invoice:
    """An invoice of somebody else, who has stored a card too."""
    return invoice_of(gateways.customer_with_card(held_by="alpha", **{**CARD, **terms}))


def test_two_customers_with_one_card_have_one_budget(gateways: TwoGateways) -> None:
    _mark(_declined_twice(gateways), "fp_1")

    with pytest.raises(NothingToCharge, match="the network allows no more tries for now"):
        _charge(_other_with(gateways, fingerprint="fp_1"))


def test_where_no_mark_tells_it_a_card_that_looks_alike_is_another_one(
    gateways: TwoGateways,
) -> None:
    _mark(_declined_twice(gateways), "fp_1")

    assert _charge(_other_with(gateways)) == "succeeded"
    assert _charge(_other_with(gateways, fingerprint="fp_2")) == "succeeded"


def test_a_mark_of_another_gateway_is_another_one(gateways: TwoGateways) -> None:
    _mark(_declined_twice(gateways), "fp_1")
    other = invoice_of(gateways.customer_with_card(held_by="beta", fingerprint="fp_1", **CARD))

    assert _charge(other) == "succeeded"


def test_the_tries_of_both_are_counted_once_each_and_tell_of_nobody(gateways: TwoGateways) -> None:
    first = _other_with(gateways, fingerprint="fp_1")
    gateways.alpha.script = [declined(DeclineClass.SOFT_FUNDS)]
    charge_invoice(invoice=first, actor=PERSON, at=later(hours=0))
    second = _other_with(gateways, fingerprint="fp_1")
    gateways.alpha.script = [declined(DeclineClass.SOFT_FUNDS)]

    charge_invoice(invoice=second, actor=PERSON, at=later(hours=1))

    with pytest.raises(NothingToCharge):
        _charge(first)
    decision = PaymentDecision.objects.latest("pk")
    assert decision.payment.invoice == first
    assert str(second.customer) not in str(decision.inputs)
    assert str(second.pk) not in str(decision.inputs)


def test_stripe_marks_one_card_of_two_customers_alike(stripe: StripeWorld) -> None:
    one, two = (stripe.store_card(make_customer()) for _ in range(2))
    other = stripe.store_card(make_customer(), "5555555555554444")

    assert one.fingerprint == two.fingerprint != ""
    assert other.fingerprint != one.fingerprint


def _mark(invoice: Invoice, fingerprint: str) -> None:
    PaymentMethod.objects.filter(customer=invoice.customer).update(fingerprint=fingerprint)

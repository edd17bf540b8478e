"""What the demo company does beside signing up, using and paying, each through the services."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from billing.models import Dispute, DunningStep, InstrumentToken, PaymentMethod
from billing.queries.held_methods import held_methods
from billing.services.dunning.campaigns import company_campaign
from billing.services.payments.charging import charge_invoice
from tests.adyen_world import AdyenWorld
from tests.factories.subscriptions import make_customer
from tests.stripe_world import NOW, PERSON, StripeWorld, customer_with_card, first_invoice_of
from tiktoktoe.demo import disputes
from tiktoktoe.demo.chores import store_card
from tiktoktoe.demo.disputes import ENDS, Disputes
from tiktoktoe.demo.dunning import STEPS, found_dunning
from tiktoktoe.demo.means import DECLINING, IBAN, Means, choose_means
from tiktoktoe.demo.second_gateway import EUROPEAN, WILLING, SecondGateway, second_gateway
from tiktoktoe.kernel.clock import now

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("end", "state"), [("won", "won"), ("lost", "lost"), ("given up", "accepted")]
)
def test_a_contested_payment_is_answered_days_later_and_then_decided(
    stripe: StripeWorld, monkeypatch: pytest.MonkeyPatch, end: str, state: str
) -> None:
    monkeypatch.setattr(disputes, "ENDS", (end,))
    stripe.control.set_clock(NOW)
    charge_invoice(invoice=first_invoice_of(customer_with_card(stripe)), actor=PERSON, at=NOW)
    going_on = Disputes(stripe.control, Random(1))
    states = []
    for turn, day in enumerate((1, 4, 8)):
        stripe.control.set_clock(NOW + timedelta(days=day))
        monkeypatch.setattr(disputes, "CONTESTED", 0.0 if turn else 1.0)
        going_on.go_on(NOW + timedelta(days=day))
        states.append(Dispute.objects.get().state)

    assert (states[0], states[-1]) == ("needs_response", state)
    assert not going_on.going_on


def test_the_ends_of_disputes_are_of_all_kinds() -> None:
    assert {*ENDS} == {"won", "lost", "given up"}


def test_an_account_is_stored_with_what_was_agreed_to(stripe: StripeWorld) -> None:
    customer = make_customer(currency="EUR", country="DE")

    method = store_card(sandbox=stripe.control, customer=customer, card=IBAN, at=now())

    assert (method.kind, method.last4, method.is_default) == ("bank_debit", "3000", True)
    assert "mandate" in method.gateway_mandate.consent


def test_a_card_is_brought_to_the_second_gateway(stripe: StripeWorld, adyen: AdyenWorld) -> None:
    customer, second = make_customer(), second_gateway()
    assert isinstance(second, SecondGateway)
    method = store_card(sandbox=stripe.control, customer=customer, card=EUROPEAN, at=now())

    second.keep_card(method=method, card=EUROPEAN, holder=WILLING, at=now())

    (held,) = held_methods(customer)
    assert [place.gateway for place in held.places] == ["stripe", "adyen"]
    assert InstrumentToken.objects.count() == PaymentMethod.objects.count() == 1


def test_there_is_no_second_gateway_where_none_is_or_a_real_one(settings: object) -> None:
    assert second_gateway() is None
    real = {"kind": "adyen", "api_host": "https://checkout-test.adyen.com"}
    settings.GATEWAYS = {**settings.GATEWAYS, "adyen": real}  # type: ignore[attr-defined]
    assert second_gateway() is None


def test_the_companys_campaign_counts_from_its_first_day() -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)

    found_dunning(actor=PERSON, at=at)

    campaign = company_campaign(at)
    assert campaign is not None
    steps = DunningStep.objects.filter(campaign=campaign).values_list("day", "kind")
    assert list(steps) == [(day, str(kind)) for day, kind in STEPS]


def test_the_dice_give_every_kind_of_means() -> None:
    dice, customer = Random(1), make_customer(country="FR")

    found = {choose_means(customer, dice) for _ in range(400)}

    assert {Means(), Means(DECLINING), Means(IBAN), Means(EUROPEAN, WILLING)} < found
    assert len(found) == 6

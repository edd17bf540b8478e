"""Holds are routed, judged and reviewed as payments are."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from billing.errors import NothingToCharge, PaymentHeld
from billing.models import Payment, PaymentAttempt, PaymentDecision, PaymentLimit, PaymentReview
from billing.services.payments.collection import collect_due
from billing.services.payments.holds import hold_invoice
from billing.services.payments.reviews import decide_review
from subscriptions.services.transitions import Actor
from tests.factories.accounts import make_user
from tests.scripted_gateway import CARDS, TwoGateways, gateways
from tests.stripe_world import NOW, PERSON, first_invoice_of, later
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db
HOLDS = replace(CARDS, authorization_lasts=timedelta(days=7))


def test_a_hold_goes_where_money_can_be_held(gateways: TwoGateways) -> None:
    gateways.beta.capabilities = HOLDS
    invoice = first_invoice_of(gateways.customer_with_card())

    attempt = hold_invoice(invoice=invoice, actor=PERSON, at=NOW)

    assert (attempt.gateway, attempt.state) == ("beta", PaymentAttempt.State.AUTHORIZED)
    assert attempt.amount_authorized == Money("99.00", "USD")
    decision = PaymentDecision.objects.get()
    assert attempt.decision == decision
    reasons = {row["gateway"]: row["why_not"] for row in decision.candidates}
    assert reasons == {"beta": [], "alpha": ["capability_missing"]}
    assert decision.inputs["abilities"] == ["hold"]
    assert decision.inputs["authentication"]["exemption"] == "recurring"


def test_where_nothing_can_be_held_the_reason_is_told_and_kept(gateways: TwoGateways) -> None:
    gateways.alpha.capabilities = HOLDS
    invoice = first_invoice_of(gateways.customer_with_card(kind="bank_debit", brand=""))

    with pytest.raises(NothingToCharge, match=r"no method can be held: .*cannot do what"):
        hold_invoice(invoice=invoice, actor=PERSON, at=NOW)

    assert PaymentDecision.objects.get().chosen_gateway == ""
    assert not PaymentAttempt.objects.exists()


def test_a_hold_above_a_limit_waits_for_a_person_who_charges_nothing_by_approving(
    gateways: TwoGateways,
) -> None:
    gateways.alpha.capabilities = HOLDS
    invoice = first_invoice_of(gateways.customer_with_card())
    PaymentLimit.objects.create(currency="USD", maximum=Decimal(50))

    with pytest.raises(PaymentHeld):
        hold_invoice(invoice=invoice, actor=PERSON, at=NOW)

    review = PaymentReview.objects.get()
    person = Actor(source="finance", user=make_user(role=Role.FINANCE))
    decide_review(review=review, approve=True, reason="known for years", actor=person, at=NOW)
    assert Payment.objects.get().next_attempt_at is None
    assert collect_due(at=later(hours=1)).attempts == 0
    held = hold_invoice(invoice=invoice, actor=PERSON, at=later(hours=1))
    assert held.state == PaymentAttempt.State.AUTHORIZED
    assert gateways.charges == 0


def test_the_flight_recorder_shows_a_hold_and_what_its_bank_was_asked(
    gateways: TwoGateways,
) -> None:
    gateways.beta.capabilities = HOLDS
    attempt = hold_invoice(
        invoice=first_invoice_of(gateways.customer_with_card()), actor=PERSON, at=NOW
    )
    client = Client()
    client.force_login(make_user(Role.SUPPORT))

    text = client.get(reverse("flight_recorder", args=[attempt.payment_id])).content.decode()

    assert "to hold money" in text
    assert "the gateway cannot do what this payment needs" in text
    assert "Exemption: Recurring, the customer is not there" in text
    assert "Delegated Regulation (EU) 2018/389, art. 14" in text

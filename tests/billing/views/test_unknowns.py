"""The inbox of unknowns: what two people may do there about refunds, captures and voids."""

from dataclasses import replace

import pytest
from django.test import Client

from billing.domain.attempts import Answer
from billing.domain.declines import DeclineClass
from billing.gateways.base import Outcome
from billing.models import OutcomeClaim, OutcomeCorrection, Payment, PaymentAttempt, Refund
from billing.services.payments.charging import charge_invoice
from billing.services.payments.refunds import refund_payment
from billing.services.payments.settling import settle_attempt
from tests.factories.accounts import make_user
from tests.scripted_gateway import LOST, TwoGateways, declined, gateways
from tests.stripe_world import NOW, PERSON, invoice_of
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db
INBOX = "/payments/unknown/"


def test_one_says_what_became_of_a_refund_and_another_agrees_there(
    gateways: TwoGateways,
) -> None:
    refund = _unknown_refund(gateways)
    said = {"verdict": "executed", "reference": "re-1", "proof": "statement", "reason": "asked"}
    first, second = _client(Role.FINANCE), _client(Role.FINANCE)
    assert "The money was given back" in first.get(INBOX).content.decode()

    first.post(f"{INBOX}refund/{refund.pk}/claim/", said)
    claim = OutcomeClaim.objects.get()
    assert "Another person has to agree" in first.get(INBOX).content.decode()
    first.post(f"{INBOX}claims/{claim.pk}/agreement/")
    refund.refresh_from_db()
    assert refund.state == "unknown"
    assert "Have you seen the proof too?" in second.get(INBOX).content.decode()
    told = second.post(f"{INBOX}claims/{claim.pk}/agreement/", follow=True).content.decode()

    refund.refresh_from_db()
    assert "The refund is succeeded now." in told
    assert (refund.state, refund.gateway_reference) == ("succeeded", "re-1")


def test_a_claim_of_a_refund_is_refused_there_and_the_gateway_is_asked_there(
    gateways: TwoGateways,
) -> None:
    refund, client = _unknown_refund(gateways), _client(Role.FINANCE)
    said = {"verdict": "not_executed", "proof": "statement", "reason": "asked"}
    client.post(f"{INBOX}refund/{refund.pk}/claim/", said)

    client.post(f"{INBOX}claims/{OutcomeClaim.objects.get().pk}/refusal/")
    told = client.post(f"{INBOX}refund/{refund.pk}/look/", follow=True).content.decode()

    assert OutcomeClaim.objects.get().state == "refused"
    assert "The refund is unknown now." in told
    assert client.post(f"{INBOX}payout/{refund.pk}/look/").status_code == 404
    assert client.post(f"{INBOX}operation/{refund.pk}/look/").status_code == 404


def test_one_click_follows_the_gateway_and_another_persons_does_it(gateways: TwoGateways) -> None:
    attempt, first, second = _contradicted(gateways), _client(Role.FINANCE), _client(Role.FINANCE)
    event = attempt.events.get(event="gateway_contradicts")
    page = first.get(INBOX).content.decode()
    assert "The charge was executed" in page
    assert "Follow the gateway" not in _client(Role.SUPPORT).get(INBOX).content.decode()
    first.post(f"{INBOX}contradictions/{event.pk}/correction/")
    correction = OutcomeCorrection.objects.get()
    assert "Another person has to agree" in first.get(INBOX).content.decode()

    first.post(f"{INBOX}corrections/{correction.pk}/agreement/")
    attempt.refresh_from_db()
    assert attempt.state == "declined"
    told = second.post(f"{INBOX}corrections/{correction.pk}/agreement/", follow=True)

    attempt.refresh_from_db()
    assert "It is done; the books follow" in told.content.decode()
    assert "The gateway says otherwise" not in told.content.decode()
    assert (attempt.state, attempt.payment.state) == ("succeeded", "paid")


def test_what_was_seen_to_by_hand_leaves_too_and_a_refusal_lets_it_wait(
    gateways: TwoGateways,
) -> None:
    attempt, client = _contradicted(gateways), _client(Role.FINANCE)
    event = attempt.events.get(event="gateway_contradicts")
    proposal = f"{INBOX}contradictions/{event.pk}/correction/"
    client.post(proposal)
    first = OutcomeCorrection.objects.get()
    refused = client.post(f"{INBOX}corrections/{first.pk}/refusal/", follow=True)
    assert "Follow the gateway" in refused.content.decode()

    client.post(proposal, {"reason": "written to the gateway"})
    made = OutcomeCorrection.objects.get(state="open")
    _client(Role.FINANCE).post(f"{INBOX}corrections/{made.pk}/agreement/")

    attempt.refresh_from_db()
    assert (made.word, attempt.state) == ("seen_to", "declined")
    assert "The gateway says otherwise" not in client.get(INBOX).content.decode()
    for act in (proposal, f"{INBOX}corrections/{made.pk}/agreement/"):
        assert _client(Role.SUPPORT).post(act).status_code == 403


def test_support_sees_them_and_may_not_act(gateways: TwoGateways) -> None:
    refund, client = _unknown_refund(gateways), _client(Role.SUPPORT)

    page = client.get(INBOX).content.decode()

    assert "7.00" in page
    assert "Say what became of it" not in page
    for act in ("look", "claim"):
        assert client.post(f"{INBOX}refund/{refund.pk}/{act}/").status_code == 403


def _client(role: Role) -> Client:
    client = Client()
    client.force_login(make_user(role=role))
    return client


def _contradicted(gateways: TwoGateways) -> PaymentAttempt:
    """One that was declined, of which the gateway says that it has taken the money."""
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    gateways.alpha.script = [declined(DeclineClass.SOFT_FUNDS)]
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    yes = Outcome(answer=Answer.SUCCEEDED, reference="ch-1", amount=Money("99.00", "USD"))
    gateways.alpha.taken[str(attempt.pk)] = yes
    settle_attempt(attempt=attempt, outcome=yes, actor=PERSON, at=NOW)
    return attempt


def _unknown_refund(gateways: TwoGateways) -> Refund:
    customer = gateways.customer_with_card(held_by="alpha")
    charge_invoice(invoice=invoice_of(customer), actor=PERSON, at=NOW)
    gateways.alpha.capabilities = replace(gateways.alpha.capabilities, look_up=None)
    gateways.alpha.refund = lambda _: LOST  # type: ignore[attr-defined]
    gateways.alpha.find_refund = lambda **_: LOST  # type: ignore[attr-defined]
    return refund_payment(
        payment=Payment.objects.get(),
        amount=Money("7.00", "USD"),
        reason="asked",
        actor=PERSON,
        idempotency_key="r",
        at=NOW,
    )

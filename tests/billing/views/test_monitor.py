"""The monitor counts, and the inbox of unknowns offers what is safe and refuses what is not."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from django.test import Client

from billing.domain.attempts import Answer
from billing.domain.declines import DeclineClass
from billing.errors import ProofMissing, StateMoveNotAllowed
from billing.gateways.base import Outcome
from billing.models import Payment, PaymentAttempt
from billing.queries.monitor import monitor
from billing.services.payments.charging import charge_invoice
from billing.services.payments.collection import collect_due
from billing.services.payments.unknowns import mark_not_executed
from subscriptions.services.transitions import Actor
from tests.factories.accounts import make_user
from tests.scripted_gateway import LOST, TwoGateways, declined, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.accounts.roles import Role

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db


def _charge(gateways: TwoGateways, *script: Outcome) -> PaymentAttempt:
    gateways.alpha.script = list(script)
    invoice = invoice_of(gateways.customer_with_card())
    return charge_invoice(invoice=invoice, actor=PERSON, at=NOW)


def _person() -> Actor:
    return Actor(source="finance", user=make_user(role=Role.FINANCE))


def test_the_monitor_counts_first_tries_unknowns_and_declines(gateways: TwoGateways) -> None:
    _charge(gateways)
    _charge(gateways, declined(DeclineClass.SOFT_FUNDS))
    _charge(gateways, declined(DeclineClass.TECHNICAL))  # beta takes it
    _charge(gateways, LOST)

    seen = monitor(at=later(minutes=1), hours=1)

    alpha, beta = seen.gateways
    assert (alpha.attempts, alpha.succeeded, alpha.first_rate) == (4, 1, Fraction(1, 3))
    assert (beta.attempts, beta.succeeded, beta.first_rate) == (1, 1, None)
    assert (seen.unknown, seen.oldest_unknown_at) == (1, NOW)
    assert seen.net_rate == Fraction(2, 3)  # of three with a proven end two were paid
    assert seen.declines == (("soft_funds", 1), ("technical", 1))
    assert alpha.failures == 2
    assert alpha.latency_p95 is not None


def test_the_monitor_looks_at_its_time_only(gateways: TwoGateways) -> None:
    _charge(gateways)

    assert monitor(at=later(hours=2), hours=1).gateways[0].attempts == 0


def test_the_pages_are_there_for_staff(gateways: TwoGateways, client: Client) -> None:
    attempt = _charge(gateways, LOST)
    client.force_login(make_user(role=Role.FINANCE))

    page = client.get("/payments/monitor/?hours=168").content.decode()
    inbox = client.get("/payments/unknown/").content.decode()

    assert 'hx-trigger="every 5s"' in page
    assert str(attempt.payment.invoice) in inbox
    assert "Ask or replay now" in inbox or "Look up now" in inbox


def test_looking_now_replays_with_the_same_key_and_settles(
    gateways: TwoGateways, client: Client
) -> None:
    attempt = _charge(gateways, LOST)
    client.force_login(make_user(role=Role.FINANCE))
    PaymentAttempt.objects.filter(pk=attempt.pk).update(dispatched_at=NOW)

    client.post(f"/payments/unknown/{attempt.pk}/look/")

    attempt.refresh_from_db()
    assert attempt.state in {"succeeded", "not_sent"}
    assert gateways.charges <= 1


def test_only_a_person_with_a_proof_marks_an_old_unknown(gateways: TwoGateways) -> None:
    attempt = _charge(gateways, LOST)
    gateways.alpha.capabilities = replace(gateways.alpha.capabilities, look_up=None)
    gateways.alpha.script = [LOST] * 9
    person = _person()

    for proof, reason, actor, at in (
        ("", "asked", person, later(days=2)),
        ("statement", " ", person, later(days=2)),
        ("statement", "asked", PERSON, later(days=2)),
        ("statement", "asked", person, later(hours=23)),
    ):
        with pytest.raises(ProofMissing):
            mark_not_executed(attempt=attempt, proof=proof, reason=reason, actor=actor, at=at)
    attempt.refresh_from_db()
    assert attempt.state == "unknown"

    mark_not_executed(
        attempt=attempt,
        proof="statement of 2 January",
        reason="asked",
        actor=person,
        at=later(days=2),
    )

    attempt.refresh_from_db()
    event = attempt.events.get(event="proof_given")
    assert attempt.state == "not_sent"
    assert event.details == {"reason": "asked", "message": "proof: statement of 2 January"}
    gateways.alpha.script = []
    assert collect_due(at=later(days=3)).succeeded == 1
    assert Payment.objects.get(paid_at__isnull=False).state == "paid"


def test_what_the_gateway_says_counts_before_the_person(gateways: TwoGateways) -> None:
    attempt = _charge(gateways, LOST)
    gateways.alpha.taken[str(attempt.pk)] = Outcome(
        answer=Answer.SUCCEEDED,
        reference="alpha-9",
        amount=attempt.payment.amount,
        fee=attempt.payment.amount * 0,
    )

    with pytest.raises(StateMoveNotAllowed):
        mark_not_executed(
            attempt=attempt,
            proof="none",
            reason="asked",
            actor=_person(),
            at=NOW + timedelta(days=2),
        )

    attempt.refresh_from_db()
    assert attempt.state == "succeeded"


def test_support_may_look_at_the_inbox_and_not_act(gateways: TwoGateways, client: Client) -> None:
    attempt = _charge(gateways, LOST)
    client.force_login(make_user(role=Role.SUPPORT))

    assert client.get("/payments/unknown/").status_code == 200
    assert client.post(f"/payments/unknown/{attempt.pk}/look/").status_code == 403
    assert client.post(f"/payments/unknown/{attempt.pk}/resolution/").status_code == 403

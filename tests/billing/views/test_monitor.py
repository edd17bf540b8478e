"""The monitor counts, and the inbox of unknowns offers what is safe and refuses what is not."""

from dataclasses import replace
from fractions import Fraction

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from billing.domain.attempts import Answer
from billing.domain.declines import DeclineClass
from billing.errors import ProofMissing, StateMoveNotAllowed
from billing.gateways.base import Outcome
from billing.models import OutcomeClaim, Payment, PaymentAttempt, PaymentMethod
from billing.queries.monitor import monitor
from billing.queries.waiting import waiting_for_people
from billing.services.payments.charging import charge_invoice
from billing.services.payments.collection import collect_due
from billing.services.payments.refunds import refund_payment
from billing.services.payments.unknowns import agree_to_claim, claim_outcome, refuse_claim
from subscriptions.services.transitions import Actor
from tests.factories.accounts import make_user
from tests.scripted_gateway import LOST, TwoGateways, declined, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db
NOT = OutcomeClaim.Verdict.NOT_EXECUTED


def _charge(gateways: TwoGateways, *script: Outcome) -> PaymentAttempt:
    gateways.alpha.script = list(script)
    invoice = invoice_of(gateways.customer_with_card())
    return charge_invoice(invoice=invoice, actor=PERSON, at=NOW)


def _asked_in_vain(gateways: TwoGateways) -> PaymentAttempt:
    """An attempt of a gateway that cannot be searched and is too late to be sent again."""
    attempt = _charge(gateways, LOST)
    gateways.alpha.capabilities = replace(gateways.alpha.capabilities, look_up=None)
    gateways.alpha.script = [LOST] * 9
    PaymentAttempt.objects.filter(pk=attempt.pk).update(dispatched_at=NOW)
    return attempt


def _claim(
    attempt: PaymentAttempt, verdict: OutcomeClaim.Verdict, actor: Actor, reference: str = ""
) -> OutcomeClaim:
    return claim_outcome(
        target=attempt,
        verdict=verdict,
        reference=reference,
        proof="statement of 2 January",
        reason="asked",
        actor=actor,
        at=later(days=2),
    )


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


def test_ach_debits_that_come_back_stand_beside_what_nacha_allows(
    gateways: TwoGateways, client: Client
) -> None:
    _charge(gateways, declined(DeclineClass.HARD_REVOKED, code="R10"))
    client.force_login(make_user(Role.FINANCE))
    cards = client.get("/payments/monitor/").content.decode()

    PaymentMethod.objects.update(brand="ach_debit")
    PaymentAttempt.objects.update(dispatched_at=now(), resolved_at=now())
    debits = client.get("/payments/monitor/").content.decode()

    assert "ACH debits that came back" not in cards
    assert "ACH debits that came back" in debits
    assert ("100.00 %" in debits, "0.5 %" in debits) == (True, True)
    told = {row.words: row.count for row in waiting_for_people(now())}
    assert told["Limits of returned ACH debits that are passed"] == 2


def test_the_pages_are_there_for_staff(gateways: TwoGateways, client: Client) -> None:
    attempt = _charge(gateways, LOST)
    client.force_login(make_user(role=Role.FINANCE))

    page = client.get("/payments/monitor/?hours=168").content.decode()
    inbox = client.get("/payments/unknown/").content.decode()

    assert 'hx-trigger="every 5s"' in page
    assert str(attempt.payment.invoice) in inbox
    assert "Ask or replay now" in inbox or "Look up now" in inbox


def test_refunds_that_are_not_known_are_in_the_inbox_too(
    gateways: TwoGateways, client: Client
) -> None:
    attempt = _charge(gateways)
    gateways.alpha.refund = lambda _: LOST  # type: ignore[attr-defined]
    refund_payment(
        payment=attempt.payment,
        amount=Money("7.00", "USD"),
        reason="asked",
        actor=PERSON,
        idempotency_key="r",
        at=NOW,
    )
    client.force_login(make_user(role=Role.SUPPORT))

    inbox = client.get("/payments/unknown/").content.decode()
    told = {row.words: row.count for row in waiting_for_people(later(days=2))}

    assert "Refund" in inbox
    assert "7.00" in inbox
    assert told["Refunds whose outcome is not known for a day"] == 1
    assert waiting_for_people(NOW) == []


def test_looking_now_searches_and_settles_by_the_second_look(
    gateways: TwoGateways, client: Client
) -> None:
    attempt = _charge(gateways, LOST)
    client.force_login(make_user(role=Role.FINANCE))
    PaymentAttempt.objects.filter(pk=attempt.pk).update(dispatched_at=NOW)

    client.post(f"/payments/unknown/attempt/{attempt.pk}/look/")
    attempt.refresh_from_db()
    assert (attempt.state, attempt.missed_at is None) == (
        "unknown",
        False,
    )  # one look proves little
    PaymentAttempt.objects.filter(pk=attempt.pk).update(missed_at=later(minutes=10))
    client.post(f"/payments/unknown/attempt/{attempt.pk}/look/")

    attempt.refresh_from_db()
    assert (attempt.state, gateways.charges) == ("not_sent", 0)


def test_only_two_people_with_a_proof_mark_an_old_unknown(gateways: TwoGateways) -> None:
    attempt, person = _asked_in_vain(gateways), _person()

    for proof, reason, actor, at in (
        ("", "asked", person, later(days=2)),
        ("statement", " ", person, later(days=2)),
        ("statement", "asked", PERSON, later(days=2)),
        ("statement", "asked", person, later(hours=23)),
    ):
        with pytest.raises(ProofMissing):
            claim_outcome(
                target=attempt, verdict=NOT, proof=proof, reason=reason, actor=actor, at=at
            )
    claim = _claim(attempt, NOT, person)
    for actor in (person, PERSON):
        with pytest.raises(ProofMissing, match="a second person"):
            agree_to_claim(claim=claim, actor=actor, at=later(days=2))
    with pytest.raises(ProofMissing, match="somebody has said already"):
        _claim(attempt, NOT, _person())
    attempt.refresh_from_db()
    assert attempt.state == "unknown"

    agree_to_claim(claim=claim, actor=_person(), at=later(days=2))

    attempt.refresh_from_db()
    event = attempt.events.get(event="proof_given")
    assert attempt.state == "not_sent"
    assert event.details == {"reason": "asked", "message": "proof: statement of 2 January"}
    with pytest.raises(ProofMissing, match="agreed already"):
        agree_to_claim(claim=claim, actor=_person(), at=later(days=2))
    gateways.alpha.script = []
    assert collect_due(at=later(days=3)).succeeded == 1
    assert Payment.objects.get(paid_at__isnull=False).state == "paid"


def test_what_two_people_saw_taken_is_paid_and_not_charged_again(gateways: TwoGateways) -> None:
    attempt = _asked_in_vain(gateways)
    with pytest.raises(ProofMissing, match="name the charge"):
        _claim(attempt, OutcomeClaim.Verdict.EXECUTED, _person())
    claim = _claim(attempt, OutcomeClaim.Verdict.EXECUTED, _person(), reference="alpha-77")

    agree_to_claim(claim=claim, actor=_person(), at=later(days=2))

    attempt.refresh_from_db()
    invoice = attempt.payment.invoice
    assert (attempt.state, attempt.gateway_reference) == ("succeeded", "alpha-77")
    assert (attempt.payment.state, invoice.state) == ("paid", "paid")
    gateways.alpha.script = []
    assert collect_due(at=later(days=30)).attempts == 0
    other = _asked_in_vain(gateways)
    with pytest.raises(ProofMissing, match="another charge"):
        _claim(other, OutcomeClaim.Verdict.EXECUTED, _person(), reference="alpha-77")


def test_a_claim_that_is_refused_counts_for_nothing(gateways: TwoGateways) -> None:
    attempt, person = _asked_in_vain(gateways), _person()
    claim = _claim(attempt, NOT, person)

    refuse_claim(claim=claim, actor=person, at=later(days=2))

    attempt.refresh_from_db()
    assert attempt.state == "unknown"
    with pytest.raises(ProofMissing, match="refused already"):
        agree_to_claim(claim=claim, actor=_person(), at=later(days=2))
    assert _claim(attempt, NOT, person).state == "open"


def test_the_database_lets_nobody_agree_with_themselves(gateways: TwoGateways) -> None:
    claim = _claim(_asked_in_vain(gateways), NOT, _person())

    for who in (claim.claimed_by_id, None):
        with pytest.raises(IntegrityError), transaction.atomic():
            OutcomeClaim.objects.update(state="agreed", decided_by=who, decided_at=NOW)


def test_one_says_it_on_the_page_and_another_agrees_there(
    gateways: TwoGateways, client: Client
) -> None:
    attempt = _asked_in_vain(gateways)
    said = {"verdict": "not_executed", "proof": "statement of 2 January", "reason": "asked"}
    client.force_login(make_user(role=Role.FINANCE))
    client.post(f"/payments/unknown/attempt/{attempt.pk}/claim/", said)
    claim = OutcomeClaim.objects.get()
    assert "Another person has to agree" in client.get("/payments/unknown/").content.decode()
    client.post(f"/payments/unknown/claims/{claim.pk}/agreement/")
    attempt.refresh_from_db()
    assert attempt.state == "unknown"

    second = Client()
    second.force_login(make_user(role=Role.FINANCE))
    assert "Have you seen the proof too?" in second.get("/payments/unknown/").content.decode()
    second.post(f"/payments/unknown/claims/{claim.pk}/agreement/")

    attempt.refresh_from_db()
    assert attempt.state == "not_sent"


def test_what_the_gateway_says_counts_before_the_person(gateways: TwoGateways) -> None:
    attempt = _charge(gateways, LOST)
    gateways.alpha.taken[str(attempt.pk)] = Outcome(
        answer=Answer.SUCCEEDED,
        reference="alpha-9",
        amount=attempt.payment.amount,
        fee=attempt.payment.amount * 0,
    )

    with pytest.raises(StateMoveNotAllowed):
        _claim(attempt, NOT, _person())

    attempt.refresh_from_db()
    assert attempt.state == "succeeded"


def test_support_may_look_at_the_inbox_and_not_act(gateways: TwoGateways, client: Client) -> None:
    attempt = _charge(gateways, LOST)
    client.force_login(make_user(role=Role.SUPPORT))

    assert client.get("/payments/unknown/").status_code == 200
    assert client.post(f"/payments/unknown/attempt/{attempt.pk}/look/").status_code == 403
    assert client.post(f"/payments/unknown/attempt/{attempt.pk}/claim/").status_code == 403

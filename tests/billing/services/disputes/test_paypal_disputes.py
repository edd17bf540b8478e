"""Disputes of PayPal: claims and chargebacks told, answered, accepted; their money followed."""

from datetime import timedelta

import pytest

from billing.domain.disputes import DisputeState, classify_reason
from billing.gateways.disputes import DisputeMovement
from billing.gateways.paypal_disputes import report_of
from billing.models import (
    Dispute,
    DisputeAnswer,
    DisputeEntry,
    Payment,
    PaymentAttempt,
    WebhookEvent,
)
from billing.services.disputes.answers import answer_dispute, draft_answer, reconcile_answers
from billing.services.payments.webhook_inbox import replay_event
from tests.billing.gateways.test_paypal import paid_on_page
from tests.billing.services.disputes.test_disputes import balances
from tests.gateway_scenes import Kept, gateway_scene
from tests.paypal_world import PayPalWorld
from tests.stripe_world import PERSON
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.money import Money

db = pytest.mark.django_db
EVIDENCE, ACCEPTANCE = DisputeAnswer.Kind.EVIDENCE, DisputeAnswer.Kind.ACCEPTANCE
WHOLE, NOTHING = Money("99.00", "USD"), Money(0, "USD")
PROVIDES = "POST /v1/customer/disputes/.*/provide-evidence"


def contested(
    paypal: PayPalWorld, *, is_inquiry: bool = False, is_external: bool = False
) -> Dispute:
    paid_on_page(paypal)
    capture = PaymentAttempt.objects.get().gateway_reference
    paypal.dispute(capture, is_inquiry=is_inquiry, is_external=is_external)
    return Dispute.objects.get()


kept = gateway_scene(contested, "paypal")


@pytest.fixture
def contested_paypal(kept: Kept, request: pytest.FixtureRequest) -> PayPalWorld:
    """PayPal, where a payment is contested."""
    world: PayPalWorld = kept.back(request)
    return world


def entries() -> dict[str, Money]:
    """What each kind of entry comes to."""
    dispute = Dispute.objects.get()
    kinds = [kind for kind in DisputeEntry.Kind.values if kind != DisputeEntry.Kind.EXCHANGE]
    return {kind: dispute.moved(kind) for kind in kinds}


def answer(dispute: Dispute, kind: DisputeAnswer.Kind = EVIDENCE) -> DisputeAnswer:
    draft_answer(dispute=dispute, at=now())
    return answer_dispute(dispute=dispute, kind=kind, actor=PERSON, at=now())


@db
def test_a_claim_is_opened_without_taking_any_money_yet(contested_paypal: PayPalWorld) -> None:
    dispute = Dispute.objects.get()

    payment = Payment.objects.get()
    assert (dispute.state, dispute.reason_class) == ("needs_response", "canceled")
    assert (dispute.amount, dispute.held) == (WHOLE, NOTHING)
    assert dispute.due_at is not None
    assert timedelta(days=9) < dispute.due_at - dispute.opened_at <= timedelta(days=10)
    assert (payment.state, payment.shown_state) == ("paid", "disputed")


@db
def test_a_lost_claim_costs_the_payment_and_the_fee(contested_paypal: PayPalWorld) -> None:
    dispute = Dispute.objects.get()

    contested_paypal.decide(dispute.gateway_reference, "lost")

    dispute.refresh_from_db()
    assert dispute.state == "lost"
    assert entries() == {
        "funds": WHOLE,
        "fee": Money("15.00", "USD"),
        "loss": WHOLE,
        "reopening": NOTHING,
    }
    assert balances("1250", "5120") == [0, 9900]


@db
def test_a_claim_that_is_decided_while_under_review_is_over_by_whatever_word(
    contested_paypal: PayPalWorld,
) -> None:
    """Once its deadline has passed, PayPal looks at it, and says why only in the end."""
    dispute = Dispute.objects.get()
    Dispute.objects.update(state="under_review")

    contested_paypal.control.advance_clock(11 * 86_400)
    contested_paypal.deliver()

    dispute.refresh_from_db()
    assert (dispute.state, dispute.closed_at is not None) == ("lost", True)
    assert Payment.objects.get().shown_state == "charged_back"
    assert entries()["loss"] == WHOLE


@db
def test_a_won_claim_costs_nothing(contested_paypal: PayPalWorld) -> None:
    dispute = Dispute.objects.get()

    contested_paypal.decide(dispute.gateway_reference, "won")

    dispute.refresh_from_db()
    assert (dispute.state, Payment.objects.get().shown_state) == ("won", "paid")
    assert set(entries().values()) == {NOTHING}


@db
def test_a_chargeback_takes_the_money_at_once_and_gives_it_back_when_won(
    paypal: PayPalWorld,
) -> None:
    dispute = contested(paypal, is_external=True)
    assert (dispute.held, dispute.fee) == (WHOLE, Money("20.00", "USD"))

    paypal.decide(dispute.gateway_reference, "won")

    dispute.refresh_from_db()
    assert (dispute.state, dispute.held, dispute.fee) == ("won", NOTHING, Money("20.00", "USD"))
    assert balances("1250", "5120") == [0, 0]


@db
def test_an_inquiry_becomes_a_claim_or_comes_to_nothing(paypal: PayPalWorld) -> None:
    dispute = contested(paypal, is_inquiry=True)
    assert dispute.state == "inquiry"

    paypal.decide(dispute.gateway_reference, "escalated")
    dispute.refresh_from_db()
    assert dispute.state == "needs_response"

    paypal.decide(dispute.gateway_reference, "canceled")
    dispute.refresh_from_db()
    assert dispute.state == "won"


@db
def test_an_inquiry_that_is_called_off_is_closed(paypal: PayPalWorld) -> None:
    dispute = contested(paypal, is_inquiry=True)

    paypal.decide(dispute.gateway_reference, "canceled")

    dispute.refresh_from_db()
    assert dispute.state == "closed"


@db
def test_nobody_answers_and_the_claim_is_lost_by_the_deadline(
    contested_paypal: PayPalWorld,
) -> None:
    dispute = Dispute.objects.get()

    contested_paypal.control.advance_clock(11 * 86_400)
    contested_paypal.deliver()

    dispute.refresh_from_db()
    assert dispute.state == "expired"
    assert entries()["loss"] == WHOLE


@db
def test_hearing_every_event_again_in_any_order_changes_nothing(paypal: PayPalWorld) -> None:
    dispute = contested(paypal, is_external=True)
    paypal.decide(dispute.gateway_reference, "lost")
    before = list(DisputeEntry.objects.values_list("kind", "reference", "amount"))

    for event in WebhookEvent.objects.filter(about="dispute").order_by("pk"):
        replay_event(event=event, at=now())

    dispute.refresh_from_db()
    assert dispute.state == "lost"
    assert list(DisputeEntry.objects.values_list("kind", "reference", "amount")) == before


@db
def test_evidence_is_handed_in_with_the_pack_as_a_file(contested_paypal: PayPalWorld) -> None:
    dispute = Dispute.objects.get()

    given = answer(dispute)
    contested_paypal.deliver()

    dispute.refresh_from_db()
    assert (given.state, dispute.state) == ("submitted", "under_review")
    assert [row["status"] for row in asked(contested_paypal, "provide-evidence")] == [200]


@db
@pytest.mark.parametrize("mode", ["reset_after", "http_500_after", "hang_after"])
def test_evidence_that_may_have_arrived_is_looked_up_and_not_sent_twice(
    contested_paypal: PayPalWorld, mode: str
) -> None:
    dispute = Dispute.objects.get()
    contested_paypal.control.add_fault(PROVIDES, mode, times=1, seconds=4)

    given = answer(dispute)
    assert given.state == "unknown"
    reconcile_answers(at=now() + timedelta(hours=1))

    given.refresh_from_db()
    assert given.state == "submitted"
    assert len(asked(contested_paypal, "provide-evidence")) == 1


@db
def test_evidence_that_never_arrived_is_sent_again(contested_paypal: PayPalWorld) -> None:
    dispute = Dispute.objects.get()
    contested_paypal.control.add_fault(PROVIDES, "reset_before", times=1)

    given = answer(dispute)
    reconcile_answers(at=now() + timedelta(hours=1))

    given.refresh_from_db()
    assert given.state == "submitted"


@db
def test_an_inquiry_takes_no_evidence_and_the_draft_stays(paypal: PayPalWorld) -> None:
    dispute = contested(paypal, is_inquiry=True)

    given = answer(dispute)

    assert given.state == "draft"
    assert "takes no evidence" in given.message
    assert asked(paypal, "provide-evidence") == []


@db
def test_a_claim_that_is_accepted_gives_the_money_back_without_a_fee(
    contested_paypal: PayPalWorld,
) -> None:
    dispute = Dispute.objects.get()

    given = answer(dispute, ACCEPTANCE)
    contested_paypal.deliver()

    dispute.refresh_from_db()
    assert (given.state, dispute.state) == ("submitted", "accepted")
    assert entries() == {"funds": WHOLE, "fee": NOTHING, "loss": WHOLE, "reopening": NOTHING}


@db
def test_an_acceptance_that_may_have_arrived_gives_back_once(contested_paypal: PayPalWorld) -> None:
    dispute = Dispute.objects.get()
    contested_paypal.control.add_fault("POST .*/accept-claim", "reset_after", times=1)

    given = answer(dispute, ACCEPTANCE)
    reconcile_answers(at=now() + timedelta(hours=1))

    given.refresh_from_db()
    dispute.refresh_from_db()
    assert (given.state, dispute.state) == ("submitted", "accepted")
    assert entries()["funds"] == WHOLE


def asked(paypal: PayPalWorld, what: str) -> list[dict[str, object]]:
    return [row for row in paypal.control.log() if str(row["path"]).endswith(what)]


def told(**terms: object) -> dict[str, object]:
    given = {
        "dispute_id": "PP-D-1",
        "status": "RESOLVED",
        "reason": "OTHER",
        "dispute_amount": {"currency_code": "USD", "value": "99.00"},
        "dispute_life_cycle_stage": "CHARGEBACK",
    }
    return {**given, **terms}


def moved(kind: str, reason: str = "DISPUTE_SETTLEMENT", **terms: object) -> dict[str, object]:
    row = {
        "affected_party": "SELLER",
        "amount": {"currency_code": "USD", "value": "99.00"},
        "initiated_time": "2026-03-01T10:00:00Z",
        "type": kind,
        "reason": reason,
    }
    return {**row, **terms}


@pytest.mark.parametrize(
    ("terms", "state"),
    [
        ({"status": "OPEN"}, "needs_response"),
        ({"status": "WAITING_FOR_BUYER_RESPONSE"}, "under_review"),
        ({"status": "UNDER_REVIEW"}, "under_review"),
        ({"status": "OPEN", "dispute_life_cycle_stage": "INQUIRY"}, "inquiry"),
        ({"status": "OTHER"}, None),
        ({"dispute_outcome": {"outcome_code": "DENIED"}}, "won"),
        ({"dispute_outcome": {"outcome_code": "ACCEPTED"}}, "accepted"),
        ({"dispute_outcome": {"outcome_code": "RESOLVED_WITH_PAYOUT"}}, "won"),
        (
            {"dispute_outcome": {"outcome_code": "NONE"}, "money_movements": [moved("DEBIT")]},
            "lost",
        ),
        ({"money_movements": [moved("DEBIT"), moved("CREDIT")]}, "won"),
    ],
)
def test_what_paypal_says_means_one_state(terms: dict[str, object], state: str | None) -> None:
    said = report_of(told(**terms)).state

    assert said == (DisputeState(state) if state else None)


def test_only_the_sellers_money_counts_and_equal_movements_count_each() -> None:
    buyers = moved("CREDIT", affected_party="BUYER")
    elsewhere = moved("DEBIT", amount={"currency_code": "EUR", "value": "90.00"})
    rows = [moved("DEBIT"), moved("DEBIT"), buyers, elsewhere, moved("DEBIT", "CHARGEBACK_FEE")]

    movements = report_of(told(money_movements=rows)).movements

    settled = "DISPUTE_SETTLEMENT:DEBIT:2026-03-01T10:00:00Z"
    assert [(row.kind, row.reference) for row in movements] == [
        ("funds", settled),
        ("funds", f"{settled}:2"),
        ("funds", f"{settled}:EUR"),
        ("fee", "CHARGEBACK_FEE:DEBIT:2026-03-01T10:00:00Z"),
    ]
    assert movements[0] == DisputeMovement(kind="funds", reference=settled, amount=WHOLE)


@pytest.mark.parametrize(
    ("reason", "means"),
    [
        ("UNAUTHORISED", "fraud"),
        ("MERCHANDISE_OR_SERVICE_NOT_RECEIVED", "not_received"),
        ("CREDIT_NOT_PROCESSED", "credit_missing"),
        ("INCORRECT_AMOUNT", "processing"),
        ("OTHER", "other"),
    ],
)
def test_paypals_reasons_are_understood(reason: str, means: str) -> None:
    assert classify_reason(reason) == means

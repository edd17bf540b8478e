"""Evidence: gathered from our records, edited, handed in once, and never twice under faults."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from billing.domain.attempts import Answer
from billing.domain.disputes import ANSWER_MOVES, AnswerState, reminder_due, settled_answer_state
from billing.errors import DisputeAnswered, DisputeNotAnswerable
from billing.models import (
    Dispute,
    DisputeAnswer,
    DisputeReminder,
    Payment,
    PaymentAttempt,
)
from billing.services.disputes.answers import (
    answer_dispute,
    draft_answer,
    edit_answer,
    reconcile_answers,
)
from billing.services.disputes.reminders import remind_of_disputes
from billing.services.payments.charging import charge_invoice
from tests.gateway_scenes import Kept, gateway_scene
from tests.gateway_world import GatewayWorld, customer_with
from tests.stripe_world import NOW, PERSON, StripeWorld, first_invoice_of, later

pytestmark = pytest.mark.django_db

SUBMISSIONS = {"stripe": "POST /v1/disputes/[^/]+$", "adyen": "POST /ca/.*/defendDispute$"}
EVIDENCE, ACCEPTANCE = DisputeAnswer.Kind.EVIDENCE, DisputeAnswer.Kind.ACCEPTANCE


def disputed(world: GatewayWorld) -> Dispute:
    invoice = first_invoice_of(customer_with(world))
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    world.deliver()
    world.dispute(PaymentAttempt.objects.get(state="succeeded"))
    return Dispute.objects.get()


kept = gateway_scene(disputed)


@pytest.fixture
def disputed_world(kept: Kept, request: pytest.FixtureRequest) -> GatewayWorld:
    """A gateway at which a payment is disputed."""
    world: GatewayWorld = kept.back(request)
    return world


def submit(dispute: Dispute, kind: DisputeAnswer.Kind = EVIDENCE) -> DisputeAnswer:
    return answer_dispute(dispute=dispute, kind=kind, actor=PERSON, at=NOW)


def submissions(world: GatewayWorld) -> int:
    """The gateway's truth: how often evidence was taken."""
    if world.name == "stripe":
        from billing.gateways.stripe_client import body, configured_client

        found = body(configured_client().disputes.list())["data"]
        return sum(dispute["evidence_details"]["submission_count"] for dispute in found)
    told = world.control.notifications(after=0)
    items = [row["notificationItems"][0]["NotificationRequestItem"] for row in told]
    return sum(item["eventCode"] == "INFORMATION_SUPPLIED" for item in items)


def test_the_pack_is_gathered_from_our_own_records(disputed_world: GatewayWorld) -> None:
    dispute = Dispute.objects.get()

    answer = draft_answer(dispute=dispute, at=NOW)

    assert answer is not None
    invoice = dispute.payment.invoice
    assert f"Invoice {invoice.number}" in answer.texts["invoice"]
    assert "total 99.00 USD" in answer.texts["invoice"]
    assert dispute.attempt.gateway_reference in answer.texts["payment"]
    assert dispute.payment.customer.email in answer.texts["customer"]
    assert "subscribed" in answer.texts["subscription"]
    assert answer.texts["usage"] == ""


def test_evidence_is_edited_and_handed_in_once(disputed_world: GatewayWorld) -> None:
    dispute = Dispute.objects.get()
    draft = draft_answer(dispute=dispute, at=NOW)
    assert draft is not None
    edit_answer(answer=draft, texts={**draft.texts, "statement": "They use it daily."})

    answer = submit(dispute)
    disputed_world.deliver()

    dispute.refresh_from_db()
    assert (answer.state, answer.round) == ("submitted", 1)
    assert answer.texts["statement"] == "They use it daily."
    assert answer.document is not None
    assert bytes(answer.document).startswith(b"%PDF")
    assert dispute.state == "under_review"
    assert submissions(disputed_world) == 1
    with pytest.raises(DisputeNotAnswerable):
        submit(dispute)
    with pytest.raises(DisputeAnswered):
        edit_answer(answer=answer, texts={})


def test_a_dispute_that_is_given_up_is_lost_at_once(disputed_world: GatewayWorld) -> None:
    dispute = Dispute.objects.get()

    answer = submit(dispute, ACCEPTANCE)
    disputed_world.deliver()
    disputed_world.hear(dispute.gateway_reference)

    dispute.refresh_from_db()
    payment = Payment.objects.get()
    assert (answer.state, dispute.state) == ("submitted", "accepted")
    assert (payment.shown_state, payment.amount_charged_back) == ("charged_back", dispute.amount)
    assert submissions(disputed_world) == 0


@pytest.mark.parametrize(
    "mode", ["reset_before", "reset_after", "http_500_before", "http_500_after"]
)
def test_under_faults_it_is_unknown_and_handed_in_once_in_the_end(
    disputed_world: GatewayWorld, mode: str
) -> None:
    dispute = Dispute.objects.get()
    disputed_world.control.add_fault(SUBMISSIONS[disputed_world.name], mode, times=1, is_kept=False)

    first = submit(dispute)
    assert first.state == "unknown"
    with pytest.raises(DisputeAnswered):
        submit(dispute)
    for minutes in (1, 5, 20):
        reconcile_answers(at=later(minutes=minutes))
        disputed_world.deliver()

    dispute.refresh_from_db()
    first.refresh_from_db()
    assert (first.state, dispute.state) == ("submitted", "under_review")
    assert submissions(disputed_world) == 1


def test_one_that_was_refused_can_be_corrected_and_sent_again(disputed_world: GatewayWorld) -> None:
    dispute = Dispute.objects.get()
    disputed_world.control.add_fault(SUBMISSIONS[disputed_world.name], "http_429", times=1)

    refused = submit(dispute)
    assert (refused.state, refused.tries) == ("draft", 1)

    assert submit(dispute).state == "submitted"
    assert submissions(disputed_world) == 1


def test_a_bank_that_asks_again_begins_another_round(stripe: StripeWorld) -> None:
    dispute = disputed(stripe)
    submit(dispute)
    Dispute.objects.update(state="needs_response")

    second = draft_answer(dispute=dispute, at=later(days=3))

    assert second is not None
    assert (second.round, second.state) == (2, "draft")


def test_the_database_keeps_what_was_sent(stripe: StripeWorld) -> None:
    answer = submit(disputed(stripe))

    attacks: list[dict[str, object]] = [{"texts": {}}, {"state": "draft"}, {"kind": "acceptance"}]
    for changed in attacks:
        with pytest.raises(IntegrityError), transaction.atomic():
            DisputeAnswer.objects.filter(pk=answer.pk).update(**changed)


def test_an_answers_moves_and_what_proves_them() -> None:
    assert set(ANSWER_MOVES) == set(AnswerState)
    assert settled_answer_state(Answer.SUCCEEDED, is_replay=True) == AnswerState.SUBMITTED
    assert settled_answer_state(Answer.NEVER_LEFT, is_replay=False) == AnswerState.DRAFT
    assert settled_answer_state(Answer.NEVER_LEFT, is_replay=True) == AnswerState.UNKNOWN
    assert settled_answer_state(Answer.INCONCLUSIVE, is_replay=False) == AnswerState.UNKNOWN


def test_staff_are_reminded_once_at_each_step_before_the_deadline(
    stripe: StripeWorld, mailoutbox: list[object]
) -> None:
    dispute = disputed(stripe)
    assert dispute.due_at is not None
    due = dispute.due_at

    sent = [
        remind_of_disputes(at=due - timedelta(days=days))
        for days in (8, 6.5, 6, 3, 2.5, 1, 0.5, 0, -1)
    ]

    assert sent == [0, 1, 0, 1, 0, 1, 0, 0, 0]
    assert len(mailoutbox) == 3
    assert str(dispute.payment.invoice) in mailoutbox[0].subject  # type: ignore[attr-defined]
    assert DisputeReminder.objects.filter(sent_at=None).count() == 0


def test_a_step_that_is_late_is_not_sent_beside_the_next() -> None:
    assert reminder_due(due_at=NOW + timedelta(days=2), at=NOW) == 3
    assert reminder_due(due_at=NOW + timedelta(hours=5), at=NOW) == 1
    assert reminder_due(due_at=NOW + timedelta(days=9), at=NOW) is None
    assert reminder_due(due_at=NOW, at=NOW) is None


def test_nobody_is_reminded_of_what_was_answered(
    stripe: StripeWorld, mailoutbox: list[object]
) -> None:
    dispute = disputed(stripe)
    submit(dispute)
    assert dispute.due_at is not None

    assert remind_of_disputes(at=dispute.due_at - timedelta(hours=1)) == 0
    assert mailoutbox == []

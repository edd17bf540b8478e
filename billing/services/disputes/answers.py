"""Answering a dispute: a draft that people edit, then sent once in a round, as payments are.

The answer is committed before the first byte leaves, the same key is sent again while the
gateway surely knows it, and one that may have arrived stays unknown until that is proven.
"""

import logging
from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import F

from billing.domain.attempts import Answer, may_replay, next_check_at
from billing.domain.disputes import (
    ANSWERABLE_STATES,
    AnswerState,
    DisputeState,
    ensure_answer_move,
    settled_answer_state,
)
from billing.errors import DisputeAnswered, DisputeNotAnswerable
from billing.gateways.base import Outcome
from billing.gateways.disputes import (
    AcceptRequest,
    AnswersDisputes,
    EvidenceRequest,
    TakesFiles,
    TellsOfDisputes,
)
from billing.gateways.registry import gateway_named
from billing.models import Dispute, DisputeAnswer, Invoice
from billing.services.disputes.evidence import SECTIONS, gather_evidence
from billing.services.disputes.evidence_files import upload_documents
from billing.services.disputes.records import conclude_dispute, look_at_dispute
from billing.services.documents.pdf import evidence_pdf
from billing.services.payments.gateway_calls import ask
from billing.services.payments.payment_events import RECONCILER, record_event
from billing.services.payments.sending import send_deadline
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.ids import uuid7

logger = logging.getLogger(__name__)

TEXT_MAX = 20_000  # Stripe takes 150,000 characters in all
_UNPROVEN = (AnswerState.DISPATCHED, AnswerState.UNKNOWN)


@transaction.atomic
def draft_answer(*, dispute: Dispute, at: datetime) -> DisputeAnswer | None:
    """The answer of the round that is on, gathered from our records the first time.

    None if the bank does not wait for one.
    """
    locked = _lock(dispute)
    latest = locked.answers.order_by("-round").first()
    if latest is not None and latest.state != AnswerState.SUBMITTED:
        return latest
    if locked.state not in ANSWERABLE_STATES:
        return None
    return DisputeAnswer.objects.create(
        id=uuid7(),
        dispute=locked,
        round=latest.round + 1 if latest else 1,
        texts=gather_evidence(locked),
        created_at=at,
    )


@transaction.atomic
def edit_answer(*, answer: DisputeAnswer, texts: Mapping[str, str]) -> DisputeAnswer:
    """Say it differently, as long as it was not sent.

    Raises:
        DisputeAnswered: If it was.
    """
    locked = DisputeAnswer.objects.select_for_update().get(pk=answer.pk)
    if locked.state != AnswerState.DRAFT:
        raise DisputeAnswered("it was sent already, and stays as it is")
    locked.texts = {name: str(texts.get(name, ""))[:TEXT_MAX] for name in SECTIONS}
    locked.save(update_fields=["texts"])
    return locked


def answer_dispute(
    *, dispute: Dispute, kind: DisputeAnswer.Kind, actor: Actor, at: datetime
) -> DisputeAnswer:
    """Hand the round's evidence in, or give the dispute up; each once in a round.

    Raises:
        DisputeNotAnswerable: If the bank does not wait for an answer, or the gateway takes none.
        DisputeAnswered: If this round's answer is on its way or there.
    """
    answer = open_answer(dispute=dispute, kind=kind, actor=actor, at=at)
    return send_answer(answer=answer, actor=actor, at=at)


@transaction.atomic(durable=True)
def open_answer(
    *, dispute: Dispute, kind: DisputeAnswer.Kind, actor: Actor, at: datetime
) -> DisputeAnswer:
    """Commit the answer, before anything is sent."""
    locked = _lock(dispute)
    if locked.state not in ANSWERABLE_STATES:
        raise DisputeNotAnswerable(f"the dispute is {locked.state.replace('_', ' ')}")
    if not isinstance(gateway_named(locked.gateway), AnswersDisputes):
        raise DisputeNotAnswerable(f"{locked.gateway} takes no answers; answer on its own pages")
    answer = draft_answer(dispute=locked, at=at)
    assert answer is not None
    if answer.state != AnswerState.DRAFT:
        raise DisputeAnswered("this round's answer is on its way")
    is_evidence = kind == DisputeAnswer.Kind.EVIDENCE
    if is_evidence and not any(text.strip() for text in answer.texts.values()):
        raise DisputeNotAnswerable("there is nothing in the evidence")
    answer.kind, answer.dispatched_at, answer.next_check_at = kind, at, at + send_deadline()
    answer.document = evidence_pdf(answer=answer, at=at) if is_evidence else None
    answer.sends = answer.checks = 0
    answer.files = {}
    _move(answer, AnswerState.DISPATCHED, actor, at)
    return answer


def send_answer(*, answer: DisputeAnswer, actor: Actor, at: datetime) -> DisputeAnswer:
    """Send an answer and settle what is said of it; safe to repeat."""
    unproven = DisputeAnswer.objects.filter(pk=answer.pk, state__in=_UNPROVEN)
    claimed = unproven.update(sends=F("sends") + 1, next_check_at=at + send_deadline())
    sent = DisputeAnswer.objects.select_related(
        "dispute__payment__invoice", "dispute__attempt"
    ).get(pk=answer.pk)
    if not claimed:
        return sent
    outcome = _request(sent, at)
    return settle_answer(answer=sent, outcome=outcome, actor=actor, at=at)


@transaction.atomic
def settle_answer(
    *, answer: DisputeAnswer, outcome: Outcome, actor: Actor, at: datetime
) -> DisputeAnswer:
    """Record what is proven of an answer, and what it makes of the dispute."""
    dispute = _lock(answer.dispute)
    locked = DisputeAnswer.objects.select_for_update().get(pk=answer.pk)
    locked.dispute = dispute
    if locked.state not in _UNPROVEN:
        return locked
    locked.message = outcome.message[:300]
    to_state = settled_answer_state(outcome.answer, is_replay=locked.sends > 1)
    if to_state == AnswerState.UNKNOWN:
        locked.next_check_at = next_check_at(checks_done=locked.checks, at=at)
        locked.checks = min(locked.checks + 1, 1000)
    else:
        locked.next_check_at = None
    if to_state == AnswerState.DRAFT:
        locked.tries += 1
    if locked.state == to_state:
        locked.save()
        return locked
    _move(locked, to_state, actor, at)
    if to_state == AnswerState.SUBMITTED:
        _conclude(locked, actor, at)
    return locked


def look_into_answer(*, answer: DisputeAnswer, actor: Actor, at: datetime) -> DisputeAnswer:
    """Find out whether the bank has an answer: by its gateway's word, or the same key again."""
    known = DisputeAnswer.objects.select_related("dispute").get(pk=answer.pk)
    gateway = gateway_named(known.dispute.gateway)
    assert known.dispatched_at is not None
    if isinstance(gateway, TellsOfDisputes):
        look_at_dispute(
            reference=known.dispute.gateway_reference,
            actor=actor,
            at=at,
            gateway=known.dispute.gateway,
        )
    dispute = Dispute.objects.get(pk=known.dispute_id)
    if dispute.state not in ANSWERABLE_STATES:
        # The bank does not wait any more: it has what it waited for, or has decided.
        has_it = Outcome(answer=Answer.SUCCEEDED, message="the bank waits for nothing more")
        return settle_answer(answer=known, outcome=has_it, actor=actor, at=at)
    remembers = gateway.capabilities.remembers_keys_for
    if may_replay(dispatched_at=known.dispatched_at, at=at, remembers_keys_for=remembers):
        return send_answer(answer=known, actor=actor, at=at)
    still = Outcome(answer=Answer.INCONCLUSIVE, message="whether the bank has it is not known")
    return settle_answer(answer=known, outcome=still, actor=actor, at=at)


def reconcile_answers(*, at: datetime, limit: int = 100) -> int:
    """Look into the answers whose time has come; gives how many."""
    due = DisputeAnswer.objects.filter(next_check_at__lte=at).order_by("next_check_at")
    with transaction.atomic(durable=True):
        claimed = list(due.select_for_update(skip_locked=True)[:limit])
        later = at + send_deadline()
        ids = [answer.pk for answer in claimed]
        DisputeAnswer.objects.filter(pk__in=ids).update(next_check_at=later)
    for answer in claimed:
        try:
            look_into_answer(answer=answer, actor=RECONCILER, at=at)
        except Exception:  # one that cannot be looked into must not keep the others from it
            logger.exception("answer not settled", extra={"answer": str(answer.pk)})
    return len(claimed)


def _conclude(answer: DisputeAnswer, actor: Actor, at: datetime) -> None:
    is_given_up = answer.kind == DisputeAnswer.Kind.ACCEPTANCE
    to_state = DisputeState.ACCEPTED if is_given_up else DisputeState.UNDER_REVIEW
    conclude_dispute(dispute=answer.dispute, to_state=to_state, actor=actor, at=at)


def _request(answer: DisputeAnswer, at: datetime) -> Outcome:
    """Send what the answer stands for, outside of any transaction."""
    dispute = answer.dispute
    gateway = gateway_named(dispute.gateway)
    assert isinstance(gateway, AnswersDisputes)
    if answer.kind == DisputeAnswer.Kind.ACCEPTANCE:
        given_up = AcceptRequest(
            our_reference=str(answer.pk),
            dispute_reference=dispute.gateway_reference,
            idempotency_key=answer.idempotency_key,
        )
        return ask(
            gateway=dispute.gateway,
            verb="accept_dispute",
            request=given_up,
            call=lambda: gateway.accept_dispute(given_up),
            at=at,
            attempt=dispute.attempt,
        )
    if isinstance(gateway, TakesFiles) and not answer.files:
        refusal = upload_documents(answer=answer, gateway=gateway)
        if refusal is not None:
            return refusal
    evidence = _evidence(answer)
    return ask(
        gateway=dispute.gateway,
        verb="submit_evidence",
        request=evidence,
        call=lambda: gateway.submit_evidence(evidence),
        at=at,
        attempt=dispute.attempt,
    )


def _evidence(answer: DisputeAnswer) -> EvidenceRequest:
    dispute, to = answer.dispute, answer.dispute.payment.invoice.bill_to
    return EvidenceRequest(
        our_reference=str(answer.pk),
        dispute_reference=dispute.gateway_reference,
        charge_reference=dispute.attempt.gateway_reference,
        customer_name=str(to.get("name") or ""),
        customer_email=str(to.get("email") or ""),
        texts={name: answer.texts.get(name, "") for name in SECTIONS},
        document=bytes(answer.document or b""),
        files=answer.files,
        purchase_address=dispute.attempt.customer_address or "",
        idempotency_key=answer.idempotency_key,
    )


def _lock(dispute: Dispute) -> Dispute:
    """The dispute, its invoice and payment locked before it, as everywhere."""
    Invoice.objects.select_for_update(of=("self",)).get(payments__disputes=dispute.pk)
    return (
        Dispute.objects.select_for_update(of=("self", "payment"))
        .select_related("payment__invoice", "attempt")
        .get(pk=dispute.pk)
    )


def _move(answer: DisputeAnswer, to_state: AnswerState, actor: Actor, at: datetime) -> None:
    ensure_answer_move(answer.state, to_state)
    from_state, answer.state = answer.state, DisputeAnswer.State(to_state)
    if to_state == AnswerState.SUBMITTED:
        answer.resolved_at = at
    answer.save()
    record_event(
        payment=answer.dispute.payment,
        attempt=answer.dispute.attempt,
        event=f"dispute_answer_{to_state}",
        actor=actor,
        at=at,
        from_state=from_state,
        to_state=to_state,
        details={
            "dispute": str(answer.dispute_id),
            "reason": f"{answer.kind}, round {answer.round}",
            **({"message": answer.message} if answer.message else {}),
        },
    )
    logger.info("dispute answer", extra={"answer": str(answer.pk), "state": str(to_state)})

"""What a gateway says, afterwards, against what two people have proven of a refund or capture."""

import logging
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from billing.domain.attempts import LIVE_PAYMENT_STATES, Answer, AttemptState, RefundState
from billing.gateways.base import Outcome
from billing.gateways.registry import gateway_named
from billing.models import OutcomeClaim, Payment, PaymentAttempt, PaymentOperation, Refund
from billing.services.payments.payment_events import record_event
from billing.services.payments.reviews import hold_for_person
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.money import Money, total

logger = logging.getLogger(__name__)

SETTLED = frozenset({RefundState.SUCCEEDED, RefundState.FAILED})
_TAKEN = {"the gateway says that it has captured what two people proved it had not": 100}
_MOVES = frozenset({Answer.SUCCEEDED, Answer.PENDING, Answer.REQUIRES_ACTION})
_MOVES_NOT = frozenset({Answer.DECLINED, Answer.NO_SUCH_REQUEST})


def note_contrary_word(
    *,
    settled: Refund | PaymentOperation,
    answer: Answer,
    outcome: Outcome,
    actor: Actor,
    at: datetime,
) -> None:
    """Write down once that a gateway contradicts two people; no money moves by it.

    A person must look. What it says to have given back or taken counts as gone from then on
    (`given_back_all_the_same`, `taken_all_the_same`), and what it has taken is not charged
    again by itself. The caller holds the invoice's lock.
    """
    agreed = settled.outcome_claims.filter(state="agreed", contradicted_at__isnull=True)
    claim = agreed.select_related("claimed_by").first()
    if claim is None or not _is_contrary(claim, answer, outcome):
        return
    attempt = settled.attempt
    what = str(settled.kind) if isinstance(settled, PaymentOperation) else "refund"
    said = replace(outcome, answer=answer)
    write_down_contrary(claim=claim, attempt=attempt, what=what, outcome=said, actor=actor, at=at)
    is_taken = what == PaymentOperation.Kind.CAPTURE and answer in _MOVES
    if is_taken and attempt.payment.state in LIVE_PAYMENT_STATES:
        hold_for_person(payment=attempt.payment, hits=_TAKEN, at=at)


def write_down_contrary(
    *,
    claim: OutcomeClaim,
    attempt: PaymentAttempt,
    what: str,
    outcome: Outcome,
    actor: Actor,
    at: datetime,
) -> None:
    """Mark a claim as contradicted, and tell it in the payment's record."""
    claim.contradicted_at = at
    claim.save(update_fields=["contradicted_at"])
    record_event(
        payment=attempt.payment,
        attempt=attempt,
        event="gateway_contradicts",
        actor=actor,
        at=at,
        details={
            "message": f"{what}: {claim.get_verdict_display().lower()}, by two people; "
            f"the gateway says {str(outcome.answer).replace('_', ' ')}",
            "claim": claim.pk,
            **({"reference": outcome.reference} if outcome.reference else {}),
            **({"followed": True} if _is_followed(claim, what, outcome) else {}),
        },
    )
    logger.error("gateway contradicts what people proved", extra={"claim": claim.pk})


def _is_followed(claim: OutcomeClaim, what: str, outcome: Outcome) -> bool:
    """Whether the tables of moves lead there at once: a refund or capture failed after all."""
    is_denied = claim.verdict == OutcomeClaim.Verdict.EXECUTED
    return is_denied and what in {"refund", "capture"} and outcome.answer == Answer.DECLINED


def note_charge_contrary(
    *, attempt: PaymentAttempt, outcome: Outcome, actor: Actor, at: datetime
) -> None:
    """What a gateway that takes one part of a hold says of the hold itself tells of its parts.

    Taken, though two people had proven that its capture was not executed; or held, though they
    had proven that it was let go. The caller holds the invoice's lock.
    """
    if not attempt.is_hold or takes_several_parts(attempt):
        return
    agreed = attempt.operations.filter(outcome_claims__state="agreed")
    told: PaymentOperation | None = None
    if (attempt.state, outcome.answer) == (AttemptState.AUTHORIZED, Answer.SUCCEEDED):
        is_explained = attempt.operations.exclude(state="failed").exists()
        told = None if is_explained else agreed.filter(kind="capture", state="failed").first()
    if (attempt.state, outcome.answer) == (AttemptState.ABANDONED, Answer.AUTHORIZED):
        told = agreed.filter(kind="void", state="succeeded").first()
    if told is not None:
        told.attempt = attempt
        is_taken = outcome.answer == Answer.SUCCEEDED
        answer = Answer.SUCCEEDED if is_taken else Answer.DECLINED
        note_contrary_word(settled=told, answer=answer, outcome=outcome, actor=actor, at=at)


def takes_several_parts(attempt: PaymentAttempt) -> bool:
    """Whether its gateway takes a hold in parts, so that the hold says nothing of them."""
    return gateway_named(attempt.gateway).capabilities.has_multi_capture


def given_back_all_the_same(payment: Payment) -> Money:
    """What a gateway says it has given back although two people had proven that it had not."""
    return _sum(Refund.objects.filter(payment=payment, **_DENIED).distinct(), payment.currency)


def taken_all_the_same(attempt: PaymentAttempt) -> Money:
    """What a gateway says it has taken of a hold although two people had proven that not."""
    return _sum(attempt.operations.filter(**_DENIED).distinct(), attempt.currency)


_DENIED = {
    "state": "failed",  # once it is corrected, it counts by itself
    "outcome_claims__verdict": "not_executed",
    "outcome_claims__contradicted_at__isnull": False,
}


def _sum(rows: Iterable[Refund | PaymentOperation], currency: str) -> Money:
    return total((row.amount for row in rows), currency)


def _is_contrary(claim: OutcomeClaim, answer: Answer, outcome: Outcome) -> bool:
    if claim.verdict == OutcomeClaim.Verdict.NOT_EXECUTED:
        return answer in _MOVES
    is_another = bool(claim.reference and outcome.reference != claim.reference)
    return answer in _MOVES_NOT or (answer in _MOVES and bool(outcome.reference) and is_another)

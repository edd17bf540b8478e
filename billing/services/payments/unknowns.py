"""What people may do about an outcome that is not known: never guess, but bring evidence, by two.

One claims what became of it and names the evidence, another has seen it too and agrees; only
then it counts. The gateway is asked again at both steps: what it says comes before any person.
"""

import logging
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from billing.domain.attempts import Answer, AttemptState
from billing.errors import ProofMissing, StateMoveNotAllowed
from billing.models import OutcomeClaim, PaymentAttempt
from billing.services.payments.payment_events import record_event
from billing.services.payments.reconciling import look_into
from billing.services.payments.settling import prove_executed, prove_not_executed
from subscriptions.services.transitions import Actor

logger = logging.getLogger(__name__)

# The gateway itself is asked for this long; before, nobody can know better than it.
PERSONS_WAIT = timedelta(days=1)
Verdict = OutcomeClaim.Verdict


def claim_outcome(
    *,
    attempt: PaymentAttempt,
    verdict: OutcomeClaim.Verdict,
    proof: str,
    reason: str,
    actor: Actor,
    at: datetime,
    reference: str = "",
) -> OutcomeClaim:
    """Say what became of an unknown attempt, by evidence that only a person can see.

    Talks to the gateway: wrap no transaction around it.

    Args:
        reference: The gateway's name for the charge; only and always of one that was executed.

    Raises:
        ProofMissing: If there is no proof, no reason or no person, it is too early, somebody
            has claimed something already, the reference is missing or another payment's, or
            asking has sent it again without an answer.
        StateMoveNotAllowed: If its outcome is known, by now.
    """
    if not proof.strip() or not reason.strip():
        raise ProofMissing("name what proves it, and why it is marked")
    if actor.user is None:
        raise ProofMissing("only a person can bring a proof")
    if at - attempt.dispatched_at < PERSONS_WAIT:
        raise ProofMissing("it is not a day old: the gateway may still answer")
    name = reference.strip() if verdict == Verdict.EXECUTED else ""
    _ensure_reference(attempt, verdict, name)
    seen = _ask_once_more(attempt, actor, at)
    if seen.state != AttemptState.UNKNOWN:
        raise StateMoveNotAllowed(f"the attempt is {seen.state}: its outcome is known")
    try:
        with transaction.atomic():
            claim = OutcomeClaim.objects.create(
                attempt=seen,
                verdict=verdict,
                reference=name[:255],
                proof=proof.strip()[:300],
                reason=reason.strip()[:300],
                claimed_by=actor.user,
                claimed_at=at,
            )
            _note(claim, "outcome_claimed", actor, at)
    except IntegrityError as error:
        raise ProofMissing("somebody has said already what became of it: look at that") from error
    return claim


def agree_to_claim(*, claim: OutcomeClaim, actor: Actor, at: datetime) -> PaymentAttempt:
    """Agree, having seen the evidence: the attempt is settled as was claimed.

    Talks to the gateway: wrap no transaction around it.

    Raises:
        ProofMissing: If the claim was decided, or whoever agrees is the one who made it, or
            asking has sent it again without an answer.
        StateMoveNotAllowed: If its outcome is known, by now.
    """
    if actor.user is None or actor.user.pk == claim.claimed_by_id:
        raise ProofMissing("a second person has to agree")
    seen = _ask_once_more(claim.attempt, actor, at)
    with transaction.atomic():
        locked = _locked(claim)
        locked.state, locked.decided_by, locked.decided_at = _AGREED, actor.user, at
        locked.save(update_fields=["state", "decided_by", "decided_at"])
        if locked.verdict == Verdict.NOT_EXECUTED:
            return prove_not_executed(
                attempt=seen, proof=locked.proof, reason=locked.reason, actor=actor, at=at
            )
        return prove_executed(
            attempt=seen,
            reference=locked.reference,
            proof=locked.proof,
            reason=locked.reason,
            actor=actor,
            at=at,
        )


@transaction.atomic
def refuse_claim(*, claim: OutcomeClaim, actor: Actor, at: datetime) -> OutcomeClaim:
    """Let a claim count for nothing; whoever made it may take it back so.

    Raises:
        ProofMissing: If it was decided already, or by no person.
    """
    if actor.user is None:
        raise ProofMissing("only a person can decide")
    locked = _locked(claim)
    locked.state, locked.decided_by = OutcomeClaim.State.REFUSED, actor.user
    locked.decided_at = at
    locked.save(update_fields=["state", "decided_by", "decided_at"])
    _note(locked, "outcome_claim_refused", actor, at)
    return locked


_AGREED = OutcomeClaim.State.AGREED


def _locked(claim: OutcomeClaim) -> OutcomeClaim:
    locked = OutcomeClaim.objects.select_for_update(of=("self",)).get(pk=claim.pk)
    if locked.state != OutcomeClaim.State.OPEN:
        raise ProofMissing(f"this is {locked.state} already")
    return locked


def _ensure_reference(
    attempt: PaymentAttempt, verdict: OutcomeClaim.Verdict, reference: str
) -> None:
    if verdict == Verdict.EXECUTED and not reference:
        raise ProofMissing("name the charge as the gateway does")
    others = PaymentAttempt.objects.filter(gateway=attempt.gateway, gateway_reference=reference)
    if reference and others.exclude(pk=attempt.pk).exists():
        raise ProofMissing("this charge is another payment's")


def _ask_once_more(attempt: PaymentAttempt, actor: Actor, at: datetime) -> PaymentAttempt:
    """What the gateway says now; what is on its way again is nobody's to decide."""
    seen = look_into(attempt=attempt, actor=actor, at=at)
    if seen.sends > attempt.sends and _is_unanswered(seen):
        raise ProofMissing("it was sent again just now, and may be executed yet: try again later")
    return seen


def _is_unanswered(attempt: PaymentAttempt) -> bool:
    """Whether what was asked last may still be on its way."""
    sent = attempt.calls.exclude(verb__startswith="read_").exclude(verb="find_charge")
    last = sent.order_by("-pk").first()
    return last is not None and last.answer in {"", "error", str(Answer.INCONCLUSIVE)}


def _note(claim: OutcomeClaim, event: str, actor: Actor, at: datetime) -> None:
    record_event(
        payment=claim.attempt.payment,
        attempt=claim.attempt,
        event=event,
        actor=actor,
        at=at,
        details={
            "reason": f"{claim.get_verdict_display()}: {claim.reason}"[:300],
            "message": f"proof: {claim.proof}",
            **({"reference": claim.reference} if claim.reference else {}),
        },
    )
    logger.info(event.replace("_", " "), extra={"attempt": str(claim.attempt_id)})

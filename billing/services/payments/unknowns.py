"""What people may do about an outcome that is not known: never guess, but bring evidence, by two.

One claims what became of it and names the evidence, another has seen it too and agrees; only
then it counts. The gateway is asked again at both steps: what it says comes before any person.
"""

import logging
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from billing.errors import ProofMissing, StateMoveNotAllowed
from billing.models import OutcomeClaim, PaymentAttempt, PaymentOperation, Refund
from billing.services.payments.claim_targets import (
    UNKNOWN,
    Target,
    asked_since,
    attempt_of,
    ensure_named,
    ensure_no_other_amount,
    is_unanswered,
    look_at,
    payment_of,
    settle_by_people,
    word_for,
)
from billing.services.payments.payment_events import record_event
from subscriptions.services.transitions import Actor

logger = logging.getLogger(__name__)

# The gateway itself is asked for this long; before, nobody can know better than it.
PERSONS_WAIT = timedelta(days=1)
Verdict = OutcomeClaim.Verdict


def claim_outcome(
    *,
    target: Target,
    verdict: OutcomeClaim.Verdict,
    proof: str,
    reason: str,
    actor: Actor,
    at: datetime,
    reference: str = "",
) -> OutcomeClaim:
    """Say what became of what is unknown, by evidence that only a person can see.

    Talks to the gateway: wrap no transaction around it.

    Args:
        reference: The gateway's name for it; only and always of one that was executed, but
            for voids, and captures where the gateway has no name for them.

    Raises:
        ProofMissing: If there is no proof, no reason or no person, it is too early, somebody
            has claimed something already, the reference is missing or another one's, the
            gateway says another amount, or asking has sent it again without an answer.
        StateMoveNotAllowed: If its outcome is known, by now.
    """
    if not proof.strip() or not reason.strip():
        raise ProofMissing("name what proves it, and why it is marked")
    if actor.user is None:
        raise ProofMissing("only a person can bring a proof")
    if at - asked_since(target) < PERSONS_WAIT:
        raise ProofMissing("it is not a day old: the gateway may still answer")
    name = reference.strip() if verdict == Verdict.EXECUTED else ""
    ensure_named(target, verdict, name)
    seen = _ask_once_more(target, actor, at)
    if seen.state != UNKNOWN:
        raise StateMoveNotAllowed(f"the {word_for(seen)} is {seen.state}: its outcome is known")
    ensure_no_other_amount(seen, verdict)
    try:
        with transaction.atomic():
            claim = OutcomeClaim.objects.create(
                attempt=seen if isinstance(seen, PaymentAttempt) else None,
                refund=seen if isinstance(seen, Refund) else None,
                operation=seen if isinstance(seen, PaymentOperation) else None,
                verdict=verdict,
                reference=name[:255],
                proof=proof.strip()[:300],
                reason=reason.strip()[:300],
                claimed_by=actor.user,
                claimed_at=at,
            )
            _note(claim, "outcome_claimed", actor, at)
    except IntegrityError as error:
        raise ProofMissing(
            "somebody has said already what became of it, or it is known by now: look at that"
        ) from error
    return claim


def agree_to_claim(*, claim: OutcomeClaim, actor: Actor, at: datetime) -> Target:
    """Agree, having seen the evidence: what it is of is settled as was claimed.

    Talks to the gateway: wrap no transaction around it.

    Raises:
        ProofMissing: If the claim was decided, or whoever agrees is the one who made it, the
            gateway says another amount by now, or asking has sent it again without an answer.
        StateMoveNotAllowed: If its outcome is known, by now.
    """
    if actor.user is None or actor.user.pk == claim.claimed_by_id:
        raise ProofMissing("a second person has to agree")
    _ask_once_more(claim.target, actor, at)
    with transaction.atomic():
        locked = _locked(claim)
        locked.state, locked.decided_by, locked.decided_at = _AGREED, actor.user, at
        locked.save(update_fields=["state", "decided_by", "decided_at"])
        return settle_by_people(claim=locked, actor=actor, at=at)


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


def _ask_once_more(target: Target, actor: Actor, at: datetime) -> Target:
    """What the gateway says now; what is on its way again is nobody's to decide."""
    seen = look_at(target=target, actor=actor, at=at)
    if seen.sends > target.sends and is_unanswered(seen):
        raise ProofMissing("it was sent again just now, and may be executed yet: try again later")
    return seen


def _note(claim: OutcomeClaim, event: str, actor: Actor, at: datetime) -> None:
    target = claim.target
    what = "" if isinstance(target, PaymentAttempt) else f"{word_for(target).capitalize()}. "
    record_event(
        payment=payment_of(target),
        attempt=attempt_of(target),
        event=event,
        actor=actor,
        at=at,
        details={
            "reason": f"{what}{claim.get_verdict_display()}: {claim.reason}"[:300],
            "message": f"proof: {claim.proof}",
            **({"reference": claim.reference} if claim.reference else {}),
        },
    )
    logger.info(event.replace("_", " "), extra={word_for(target): str(target.pk)})

"""What a person may do about an outcome that is not known: never guess, but bring a proof."""

from datetime import datetime, timedelta

from billing.domain.attempts import Answer
from billing.errors import ProofMissing
from billing.models import PaymentAttempt
from billing.services.payments.reconciling import look_into
from billing.services.payments.settling import prove_not_executed
from subscriptions.services.transitions import Actor

# The gateway itself is asked for this long; before, nobody can know better than it.
PERSONS_WAIT = timedelta(days=1)


def mark_not_executed(
    *, attempt: PaymentAttempt, proof: str, reason: str, actor: Actor, at: datetime
) -> PaymentAttempt:
    """Mark an unknown attempt as not executed, by a proof that only a person can see.

    The gateway is asked once more first: what it says counts.

    Raises:
        ProofMissing: If there is no proof, no reason or no person, it is too early, or asking
            has sent it again without an answer.
        StateMoveNotAllowed: If its outcome is known, by now.
    """
    if not proof.strip() or not reason.strip():
        raise ProofMissing("name what proves it, and why it is marked")
    if actor.user is None:
        raise ProofMissing("only a person can bring a proof")
    if at - attempt.dispatched_at < PERSONS_WAIT:
        raise ProofMissing("it is not a day old: the gateway may still answer")
    seen = look_into(attempt=attempt, actor=actor, at=at)
    if seen.sends > attempt.sends and _is_unanswered(seen):
        raise ProofMissing("it was sent again just now, and may be executed yet: try again later")
    return prove_not_executed(attempt=seen, proof=proof, reason=reason, actor=actor, at=at)


def _is_unanswered(attempt: PaymentAttempt) -> bool:
    """Whether what was asked last may still be on its way."""
    sent = attempt.calls.exclude(verb__startswith="read_").exclude(verb="find_charge")
    last = sent.order_by("-pk").first()
    return last is not None and last.answer in {"", "error", str(Answer.INCONCLUSIVE)}

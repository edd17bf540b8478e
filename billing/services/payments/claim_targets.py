"""What people can say the outcome of: attempts, refunds, captures and voids, each in its way."""

from datetime import datetime

from django.db.models import Q, QuerySet

from billing.domain.attempts import Answer, AttemptState, RefundState
from billing.errors import ProofMissing, StateMoveNotAllowed
from billing.gateways.base import Outcome
from billing.gateways.registry import gateway_named
from billing.models import (
    GatewayCall,
    Invoice,
    OutcomeClaim,
    Payment,
    PaymentAttempt,
    PaymentOperation,
    Refund,
)
from billing.queries.contradictions import CONTRADICTS
from billing.services.payments.operations import look_into_operation, settle_operation
from billing.services.payments.payment_events import record_event
from billing.services.payments.reconciling import look_into
from billing.services.payments.refunds import look_into_refund, settle_refund
from billing.services.payments.settling import prove_executed, prove_not_executed
from subscriptions.services.transitions import Actor

Target = PaymentAttempt | Refund | PaymentOperation

UNKNOWN = AttemptState.UNKNOWN  # of refunds and operations too
_LOOKS = ("find_charge", "find_refund")
_PROVEN = "proven by two people"


def word_for(target: Target) -> str:
    """What it is called: attempt, refund, capture or void."""
    if isinstance(target, PaymentOperation):
        return str(target.kind)
    return "refund" if isinstance(target, Refund) else "attempt"


def attempt_of(target: Target) -> PaymentAttempt:
    """The attempt that it is, or whose money it moves."""
    return target if isinstance(target, PaymentAttempt) else target.attempt


def payment_of(target: Target) -> Payment:
    """The payment that it is of."""
    return attempt_of(target).payment


def asked_since(target: Target) -> datetime:
    """Since when it may have been executed."""
    return target.dispatched_at if isinstance(target, PaymentAttempt) else target.requested_at


def look_at(*, target: Target, actor: Actor, at: datetime) -> Target:
    """Ask the gateway what became of it, and settle what is proven."""
    if isinstance(target, PaymentAttempt):
        return look_into(attempt=target, actor=actor, at=at)
    if isinstance(target, Refund):
        return look_into_refund(refund=target, actor=actor, at=at)
    return look_into_operation(operation=target, actor=actor, at=at)


def is_unanswered(target: Target) -> bool:
    """Whether what was asked last may still be on its way."""
    last = _sent_calls(target).order_by("-pk").first()
    return last is not None and last.answer in {"", "error", str(Answer.INCONCLUSIVE)}


def ensure_named(target: Target, verdict: OutcomeClaim.Verdict, name: str) -> None:
    """Refuse a claim without the gateway's name for what it has done, or with another's.

    Raises:
        ProofMissing: If it is so.
    """
    what = "charge" if isinstance(target, PaymentAttempt) else word_for(target)
    if verdict == OutcomeClaim.Verdict.EXECUTED and not name and _is_named(target):
        raise ProofMissing(f"name the {what} as the gateway does")
    if name and _others(target).filter(gateway_reference=name).exists():
        raise ProofMissing(f"the gateway's name is that of another {what}")


def ensure_no_other_amount(target: Target, verdict: OutcomeClaim.Verdict) -> None:
    """Refuse to take for executed, whole, what the gateway says came to another amount.

    Once two people have seen to that, at the gateway, it can be.

    Raises:
        ProofMissing: If that is not seen to.
    """
    if verdict != OutcomeClaim.Verdict.EXECUTED or isinstance(target, PaymentAttempt):
        return
    about = "refund" if isinstance(target, Refund) else "operation"
    told = payment_of(target).events.filter(
        event=CONTRADICTS, **{f"details__{about}": str(target.pk)}
    )
    if told.exclude(corrections__state="done").exists():
        raise ProofMissing(
            f"the gateway says the {word_for(target)} came to another amount: see to that first"
        )


def settle_by_people(*, claim: OutcomeClaim, actor: Actor, at: datetime) -> Target:
    """Settle what a claim is of as two people have proven; begins no transaction of its own.

    Raises:
        ProofMissing: If the gateway says another amount by now.
        StateMoveNotAllowed: If its outcome is known.
    """
    if claim.attempt is not None:
        return _settle_attempt(claim, claim.attempt, actor, at)
    target = _lock_unknown(claim)
    ensure_no_other_amount(target, OutcomeClaim.Verdict(claim.verdict))
    _note_proof(claim, target, actor, at)
    outcome = _outcome(claim, target)
    if isinstance(target, Refund):
        return settle_refund(refund=target, outcome=outcome, actor=actor, at=at)
    return settle_operation(operation=target, outcome=outcome, actor=actor, at=at)


def _settle_attempt(
    claim: OutcomeClaim, attempt: PaymentAttempt, actor: Actor, at: datetime
) -> PaymentAttempt:
    if claim.verdict == OutcomeClaim.Verdict.NOT_EXECUTED:
        return prove_not_executed(
            attempt=attempt, proof=claim.proof, reason=claim.reason, actor=actor, at=at
        )
    return prove_executed(
        attempt=attempt,
        reference=claim.reference,
        proof=claim.proof,
        reason=claim.reason,
        actor=actor,
        at=at,
    )


def _lock_unknown(claim: OutcomeClaim) -> Refund | PaymentOperation:
    """The refund or operation under its invoice's lock, under which every outcome is settled."""
    payment = payment_of(claim.target)
    Invoice.objects.select_for_update(of=("self",)).get(payments=payment.pk)
    found: Refund | PaymentOperation
    if claim.refund_id is not None:
        found = Refund.objects.select_related("attempt__payment").get(pk=claim.refund_id)
    else:
        operations = PaymentOperation.objects.select_related("attempt__payment")
        found = operations.get(outcome_claims=claim)
    if found.state != RefundState.UNKNOWN:
        raise StateMoveNotAllowed(f"the {word_for(found)} is {found.state}: its outcome is known")
    return found


def _outcome(claim: OutcomeClaim, target: Refund | PaymentOperation) -> Outcome:
    if claim.verdict == OutcomeClaim.Verdict.NOT_EXECUTED:
        return Outcome(answer=Answer.DECLINED, message=_PROVEN)
    amount = target.amount if target.amount.amount else None
    return Outcome(
        answer=Answer.SUCCEEDED, reference=claim.reference, amount=amount, message=_PROVEN
    )


def _note_proof(claim: OutcomeClaim, target: Target, actor: Actor, at: datetime) -> None:
    record_event(
        payment=payment_of(target),
        attempt=attempt_of(target),
        event="proof_given",
        actor=actor,
        at=at,
        details={
            "reason": claim.reason,
            "message": f"{word_for(target)}, {claim.get_verdict_display().lower()}; "
            f"proof: {claim.proof}",
        },
    )


def _sent_calls(target: Target) -> QuerySet[GatewayCall]:
    """What was sent of it, look-ups apart."""
    if isinstance(target, PaymentOperation):  # its calls are kept with the hold
        return GatewayCall.objects.filter(attempt=target.attempt_id, verb=target.kind)
    return target.calls.exclude(Q(verb__startswith="read_") | Q(verb__in=_LOOKS))


def _is_named(target: Target) -> bool:
    """Whether the gateway has a name for it that nothing else has."""
    if not isinstance(target, PaymentOperation):
        return True
    able = gateway_named(target.attempt.gateway).capabilities
    return target.kind == PaymentOperation.Kind.CAPTURE and able.names_captures


def _others(
    target: Target,
) -> QuerySet[PaymentAttempt] | QuerySet[Refund] | QuerySet[PaymentOperation]:
    """Whatever else of its kind this gateway has named."""
    gateway = attempt_of(target).gateway
    if isinstance(target, PaymentAttempt):
        return PaymentAttempt.objects.filter(gateway=gateway).exclude(pk=target.pk)
    if isinstance(target, Refund):
        return Refund.objects.filter(attempt__gateway=gateway).exclude(pk=target.pk)
    operations = PaymentOperation.objects.filter(attempt__gateway=gateway)
    return operations.exclude(pk=target.pk).exclude(state="failed")  # Stripe names all as the hold

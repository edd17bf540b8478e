"""What a gateway's answer does to an attempt, its payment, its invoice and its subscription.

Everything moves in one transaction, by the tables of billing.domain.attempts: an answer that
comes late, twice or out of order finds the attempt in a state that it cannot leave that way.
"""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from billing.domain.attempts import (
    Answer,
    AttemptState,
    is_missed,
    settled_state,
    states_moved_by_answer,
)
from billing.errors import StateMoveNotAllowed
from billing.gateways.base import Outcome
from billing.gateways.registry import gateway_named
from billing.models import Invoice, PaymentAttempt
from billing.services.payments.attempt_moves import RESOLVED, look_again, move_attempt
from billing.services.payments.charge_contradictions import (
    is_second_charge,
    note_charge_denied,
    note_contradiction,
    note_late_failure,
)
from billing.services.payments.contrary_words import note_charge_contrary, takes_several_parts
from billing.services.payments.foreign_fees import take_fee
from billing.services.payments.payment_events import record_event
from subscriptions.services.transitions import Actor
from tiktoktoe.standing import standing


@transaction.atomic
def settle_attempt(
    *, attempt: PaymentAttempt, outcome: Outcome, actor: Actor, at: datetime
) -> PaymentAttempt:
    """Record what an answer proves; one that proves nothing new only sets the next look."""
    locked = lock_attempt(attempt)
    note_charge_contrary(attempt=locked, outcome=outcome, actor=actor, at=at)
    if _is_only_held(locked, outcome):
        outcome = replace(outcome, answer=Answer.AUTHORIZED)
    to_state = _proven_state(locked, outcome, at)
    _keep_references(locked, outcome, at)
    _note_miss(locked, outcome, at)
    if locked.state in states_moved_by_answer(to_state):
        move_attempt(locked, to_state, outcome, actor, at)
    else:
        look_again(locked, at)
        note_contradiction(locked, outcome, actor, at)
        note_charge_denied(attempt=locked, outcome=outcome, actor=actor, at=at)
        note_late_failure(locked, outcome, actor, at)
    return locked


@transaction.atomic
def prove_not_executed(
    *, attempt: PaymentAttempt, proof: str, reason: str, actor: Actor, at: datetime
) -> PaymentAttempt:
    """Take a person's word, with its proof, that an unknown attempt was not executed.

    Should the gateway say otherwise later, that is written down as a contradiction.

    Raises:
        StateMoveNotAllowed: If its outcome is known.
    """
    locked = _lock_unknown(attempt)
    note_proof(locked, proof, reason, actor, at)
    outcome = Outcome(answer=Answer.NO_SUCH_REQUEST, message="proven by a person")
    move_attempt(locked, AttemptState.NOT_SENT, outcome, actor, at)
    return locked


@transaction.atomic
def prove_executed(
    *,
    attempt: PaymentAttempt,
    reference: str,
    proof: str,
    reason: str,
    actor: Actor,
    at: datetime,
) -> PaymentAttempt:
    """Take people's word, with its proof, that an unknown attempt has taken its amount.

    Raises:
        StateMoveNotAllowed: If its outcome is known.
    """
    locked = _lock_unknown(attempt)
    note_proof(locked, proof, reason, actor, at)
    outcome = Outcome(
        answer=Answer.SUCCEEDED,
        reference=reference,
        amount=locked.payment.amount,
        message="proven by a person",
    )
    held = _is_only_held(locked, outcome)
    _keep_references(locked, outcome, at)
    to_state = AttemptState.AUTHORIZED if held else AttemptState.SUCCEEDED
    move_attempt(locked, to_state, outcome, actor, at)
    return locked


def _lock_unknown(attempt: PaymentAttempt) -> PaymentAttempt:
    locked = lock_attempt(attempt)
    if locked.state != AttemptState.UNKNOWN:
        raise StateMoveNotAllowed(f"the attempt is {locked.state}: its outcome is known")
    return locked


def note_proof(
    attempt: PaymentAttempt, proof: str, reason: str, actor: Actor, at: datetime
) -> None:
    """Write down what a person has seen, in the caller's transaction."""
    record_event(
        payment=attempt.payment,
        attempt=attempt,
        event="proof_given",
        actor=actor,
        at=at,
        details={"reason": reason[:300], "message": f"proof: {proof[:300]}"},
    )


def end_hold(*, attempt: PaymentAttempt, reason: str, actor: Actor, at: datetime) -> None:
    """End a hold: what was taken of it is what was paid; of which nothing was, it is let go.

    The caller has locked the attempt by its invoice.
    """
    payment, taken = attempt.payment, attempt.amount_captured
    attempt.message = reason or attempt.message
    outcome = Outcome(answer=Answer.ABANDONED, message=reason)
    if taken.amount:
        payment.amount = taken
        payment.save(update_fields=["amount"])
        move_attempt(attempt, AttemptState.SUCCEEDED, outcome, actor, at)
    else:
        move_attempt(attempt, AttemptState.ABANDONED, outcome, actor, at)


def _is_only_held(attempt: PaymentAttempt, outcome: Outcome) -> bool:
    """Whether "succeeded" speaks of an authorisation: a hold's captures tell of its money."""
    if not attempt.is_hold or outcome.answer != Answer.SUCCEEDED:
        return False
    if attempt.state == AttemptState.ABANDONED:  # let go, and yet taken
        return takes_several_parts(attempt)
    return attempt.state != AttemptState.SUCCEEDED


def lock_attempt(attempt: PaymentAttempt) -> PaymentAttempt:
    """The attempt as it is now; the invoice is always locked first, so that nobody deadlocks."""
    invoice = _invoice_of.get(attempt=attempt.pk)
    locked = _attempt.get(pk=attempt.pk)
    locked.payment.invoice = invoice
    return locked


@standing
def _invoice_of(attempt: UUID) -> QuerySet[Invoice]:
    invoices = Invoice.objects.select_for_update(of=("self",)).select_related("subscription")
    return invoices.filter(payments__attempts=attempt).order_by()


@standing
def _attempt(pk: UUID) -> QuerySet[PaymentAttempt]:
    attempts = PaymentAttempt.objects.select_for_update(of=("self", "payment"))
    return attempts.select_related("payment__customer").filter(pk=pk).order_by()


def _proven_state(attempt: PaymentAttempt, outcome: Outcome, at: datetime) -> AttemptState:
    if outcome.answer == Answer.SUCCEEDED and outcome.amount != attempt.payment.amount:
        return AttemptState.UNKNOWN
    return settled_state(
        outcome.answer,
        is_replay=attempt.sends > 1,
        sent_at=attempt.sent_at or attempt.dispatched_at,
        at=at,
        look_up=gateway_named(attempt.gateway).capabilities.look_up,
        missed_at=attempt.missed_at,
    )


def _note_miss(attempt: PaymentAttempt, outcome: Outcome, at: datetime) -> None:
    """Note when a look-up first found nothing of what was sent last."""
    rule = gateway_named(attempt.gateway).capabilities.look_up
    if outcome.answer == Answer.NO_SUCH_REQUEST and rule and attempt.missed_at is None:
        sent_at = attempt.sent_at or attempt.dispatched_at
        attempt.missed_at = at if is_missed(sent_at=sent_at, at=at, rule=rule) else None


def _is_of_another(attempt: PaymentAttempt, outcome: Outcome) -> bool:
    """Whether the name is that of money which two people have booked beside this attempt."""
    is_new = outcome.reference not in {"", attempt.gateway_reference}
    if not is_new or attempt.state not in RESOLVED:
        return False
    named = PaymentAttempt.objects.filter(gateway=attempt.gateway, state=AttemptState.SUCCEEDED)
    return named.filter(gateway_reference=outcome.reference).exclude(pk=attempt.pk).exists()


def _keep_references(attempt: PaymentAttempt, outcome: Outcome, at: datetime) -> None:
    if not is_second_charge(attempt, outcome) and not _is_of_another(attempt, outcome):
        attempt.gateway_reference = outcome.reference or attempt.gateway_reference
    attempt.gateway_session = outcome.session or attempt.gateway_session
    attempt.action_url = outcome.action_url or attempt.action_url
    if outcome.fee is not None:
        take_fee(attempt=attempt, fee=outcome.fee, at=at)
    attempt.message = outcome.message or attempt.message

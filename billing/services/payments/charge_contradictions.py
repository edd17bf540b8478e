"""What a gateway says of a charge against what is known of it: written down, never guessed."""

import logging
from datetime import datetime

from billing.domain.attempts import Answer, AttemptState, PaymentState
from billing.domain.declines import Decline, DeclineClass
from billing.gateways.base import Outcome
from billing.gateways.registry import gateway_named
from billing.models import PaymentAttempt, PaymentReturn
from billing.models.payments import NOT_EXECUTED
from billing.services.payments.contrary_words import write_down_contrary
from billing.services.payments.payment_events import record_event, told_amount
from billing.services.payments.payment_returns import return_payment
from billing.services.payments.reviews import hold_for_person
from subscriptions.services.transitions import Actor

logger = logging.getLogger(__name__)

_TAKEN_ALREADY = {"the gateway says that it has taken this money already": 100}


def note_contradiction(
    attempt: PaymentAttempt, outcome: Outcome, actor: Actor, at: datetime
) -> None:
    """Money moved although we had proof that it had not, or another amount, or a second time.

    A person must look; until then nothing of the invoice is charged by itself.
    """
    if outcome.answer != Answer.SUCCEEDED or _is_known(attempt, outcome):
        return
    told = attempt.events.filter(event="gateway_contradicts")
    if told.exclude(corrections__state="done").exists():
        return
    payment = attempt.payment
    if payment.state != PaymentState.OPEN:  # what is left to collect may be another one by now
        payment = payment.invoice.payments.filter(state=PaymentState.OPEN).first() or payment
    if payment.state == PaymentState.OPEN:
        hold_for_person(payment=payment, hits=_TAKEN_ALREADY, at=at)
    paid = told_amount(outcome.amount, currency=attempt.currency) if outcome.amount else ""
    record_event(
        payment=attempt.payment,
        attempt=attempt,
        event="gateway_contradicts",
        actor=actor,
        at=at,
        details={"reference": outcome.reference, "paid": paid, "state_here": attempt.state},
    )
    logger.error("gateway contradicts our record", extra={"attempt": str(attempt.pk)})


def _is_known(attempt: PaymentAttempt, outcome: Outcome) -> bool:
    """Whether it is no news: taken as we know, or corrected to that already."""
    if attempt.state != AttemptState.SUCCEEDED:
        return _is_corrected(attempt, outcome)
    if attempt.payment.state == PaymentState.RETURNED and _was_denied(attempt):
        return _is_corrected(attempt, outcome)
    return not is_second_charge(attempt, outcome) or _is_corrected(attempt, outcome)


def _is_corrected(attempt: PaymentAttempt, outcome: Outcome) -> bool:
    """Whether two people have booked this charge as one that came beside the payment's own."""
    done = attempt.corrections.filter(state="done", word="executed", reference=outcome.reference)
    return done.exists()


def _was_denied(attempt: PaymentAttempt) -> bool:
    """Whether the gateway had said that it never took it."""
    return PaymentReturn.objects.filter(attempt=attempt, code=NOT_EXECUTED).exists()


def is_second_charge(attempt: PaymentAttempt, outcome: Outcome) -> bool:
    """Whether what has succeeded already is said to have, under another name of the gateway's."""
    known, told = attempt.gateway_reference, outcome.reference
    is_again = attempt.state == AttemptState.SUCCEEDED and outcome.answer == Answer.SUCCEEDED
    return is_again and not attempt.is_hold and bool(known and told) and known != told


def note_charge_denied(
    *, attempt: PaymentAttempt, outcome: Outcome, actor: Actor, at: datetime
) -> None:
    """A gateway says that it has not taken what two people had proven to be taken: a person looks.

    That a debit has failed after all is followed at once (`note_late_failure`).
    """
    is_taken = attempt.state == AttemptState.SUCCEEDED and not attempt.is_hold
    if not is_taken or outcome.answer not in _NOT_TAKEN:
        return
    able = gateway_named(attempt.gateway).capabilities
    if outcome.answer == Answer.NO_SUCH_REQUEST and able.look_up is None:
        return
    if attempt.payment.state != PaymentState.PAID or _is_failed_debit(attempt, outcome):
        return
    claims = attempt.outcome_claims.filter(state="agreed", verdict="executed")
    claim = claims.filter(contradicted_at__isnull=True).first()
    if claim is not None:
        write_down_contrary(
            claim=claim, attempt=attempt, what="charge", outcome=outcome, actor=actor, at=at
        )


_NOT_TAKEN = frozenset({Answer.DECLINED, Answer.ABANDONED, Answer.NO_SUCH_REQUEST})


def _is_failed_debit(attempt: PaymentAttempt, outcome: Outcome) -> bool:
    is_debit = attempt.method is not None and attempt.method.kind == "bank_debit"
    return outcome.answer == Answer.DECLINED and is_debit


def note_late_failure(
    attempt: PaymentAttempt, outcome: Outcome, actor: Actor, at: datetime
) -> None:
    """A debit that had succeeded has failed after all: what it paid is owed again."""
    was_paid = attempt.state == AttemptState.SUCCEEDED and not attempt.is_hold
    if not (was_paid and _is_failed_debit(attempt, outcome)):
        return
    decline = outcome.decline or Decline(code="unknown", decline_class=DeclineClass.UNCLASSIFIED)
    return_payment(
        attempt=attempt,
        code=decline.code,
        decline=decline,
        message=outcome.message,
        debited_on=None,
        returned_on=at.date(),
        actor=actor,
        at=at,
    )

"""What a gateway says of a charge against what is known of it: written down, never guessed."""

import logging
from datetime import datetime

from billing.domain.attempts import Answer, AttemptState, PaymentState
from billing.domain.declines import Decline, DeclineClass
from billing.gateways.base import Outcome
from billing.models import PaymentAttempt
from billing.services.payments.payment_events import record_event
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
    is_known = attempt.state == AttemptState.SUCCEEDED and not is_second_charge(attempt, outcome)
    if outcome.answer != Answer.SUCCEEDED or is_known:
        return
    if attempt.events.filter(event="gateway_contradicts").exists():
        return
    payment = attempt.payment
    if payment.state != PaymentState.OPEN:  # what is left to collect may be another one by now
        payment = payment.invoice.payments.filter(state=PaymentState.OPEN).first() or payment
    if payment.state == PaymentState.OPEN:
        hold_for_person(payment=payment, hits=_TAKEN_ALREADY, at=at)
    paid = str(outcome.amount.amount) if outcome.amount else ""
    record_event(
        payment=attempt.payment,
        attempt=attempt,
        event="gateway_contradicts",
        actor=actor,
        at=at,
        details={"reference": outcome.reference, "paid": paid, "state_here": attempt.state},
    )
    logger.error("gateway contradicts our record", extra={"attempt": str(attempt.pk)})


def is_second_charge(attempt: PaymentAttempt, outcome: Outcome) -> bool:
    """Whether what has succeeded already is said to have, under another name of the gateway's."""
    known, told = attempt.gateway_reference, outcome.reference
    is_again = attempt.state == AttemptState.SUCCEEDED and outcome.answer == Answer.SUCCEEDED
    return is_again and not attempt.is_hold and bool(known and told) and known != told


def note_late_failure(
    attempt: PaymentAttempt, outcome: Outcome, actor: Actor, at: datetime
) -> None:
    """A debit that had succeeded has failed after all: what it paid is owed again."""
    is_debit = attempt.method is not None and attempt.method.kind == "bank_debit"
    was_paid = attempt.state == AttemptState.SUCCEEDED and not attempt.is_hold
    if outcome.answer != Answer.DECLINED or not (is_debit and was_paid):
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

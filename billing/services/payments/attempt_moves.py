"""Moving an attempt to what is proven of it, and its payment after it."""

import logging
from datetime import datetime

from billing.domain.attempts import (
    UNPROVEN_ATTEMPT_STATES,
    AttemptState,
    PaymentState,
    next_check_at,
    payment_state_of,
)
from billing.gateways.base import Outcome
from billing.gateways.registry import gateway_named
from billing.models import PaymentAttempt
from billing.services.payments.next_tries import STORED_METHOD, plan_next_try
from billing.services.payments.on_session import begin_challenge
from billing.services.payments.part_payments import collect_rest_of
from billing.services.payments.payment_events import record_event
from billing.services.payments.payment_moves import credit_invoice, move_payment
from billing.services.payments.stored_methods import keep_method
from subscriptions.services.transitions import Actor

logger = logging.getLogger(__name__)

RESOLVED = frozenset(
    {
        AttemptState.SUCCEEDED,
        AttemptState.DECLINED,
        AttemptState.NOT_SENT,
        AttemptState.ABANDONED,
    }
)


def move_attempt(
    attempt: PaymentAttempt, to_state: AttemptState, outcome: Outcome, actor: Actor, at: datetime
) -> None:
    from_state, attempt.state = attempt.state, to_state
    if to_state in RESOLVED:
        attempt.resolved_at, attempt.action_url = at, ""
    if outcome.decline and to_state in {AttemptState.DECLINED, AttemptState.NOT_SENT}:
        attempt.decline_class = outcome.decline.decline_class
        attempt.decline_code = outcome.decline.code[:64]
    if attempt.is_hold and to_state == AttemptState.AUTHORIZED:
        lasts = gateway_named(attempt.gateway).capabilities.authorization_lasts
        attempt.authorized_until = at + lasts if lasts else None
    if to_state == AttemptState.REQUIRES_ACTION:
        begin_challenge(attempt)
    attempt.checks = attempt.checks if from_state in UNPROVEN_ATTEMPT_STATES else 0
    look_again(attempt, at)
    record_event(
        payment=attempt.payment,
        attempt=attempt,
        event=f"attempt_{to_state}",
        actor=actor,
        at=at,
        from_state=from_state,
        to_state=to_state,
        details=_details(attempt, outcome),
    )
    logger.info("attempt settled", extra={"attempt": str(attempt.pk), "state": str(to_state)})
    _follow(attempt, outcome, actor, at)


def _details(attempt: PaymentAttempt, outcome: Outcome) -> dict[str, object]:
    details = {
        "code": attempt.decline_code,
        "class": attempt.decline_class,
        "message": outcome.message,
        "reference": attempt.gateway_reference,
        "sends": attempt.sends,
    }
    return {name: value for name, value in details.items() if value}


def look_again(attempt: PaymentAttempt, at: datetime) -> None:
    """Save the attempt, and when to look at it again: never, once nothing is missing."""
    is_told = attempt.fee is not None or attempt.has_foreign_fee
    lacks_fee = attempt.state == AttemptState.SUCCEEDED and not is_told
    if attempt.state in RESOLVED and not lacks_fee:
        attempt.next_check_at = None
    else:
        attempt.next_check_at = next_check_at(checks_done=attempt.checks, at=at)
        attempt.checks = min(attempt.checks + 1, 1000)
    attempt.save()


def _follow(attempt: PaymentAttempt, outcome: Outcome, actor: Actor, at: datetime) -> None:
    """Move the payment after its attempt, and what hangs on it."""
    payment = attempt.payment
    if attempt.state == AttemptState.SUCCEEDED:
        payment.paid_at, payment.next_attempt_at = at, None
        move_payment(payment, PaymentState.PAID, actor, at)
        if not attempt.is_hold:  # whose captures have counted one by one
            credit_invoice(payment, actor, at)
        if outcome.method is not None and attempt.saves_method:
            keep_method(
                customer_id=payment.customer_id,
                details=outcome.method,
                at=at,
                gateway=attempt.gateway,
            )
        collect_rest_of(payment, actor=actor, at=at)
    elif attempt.state in RESOLVED and attempt.channel == STORED_METHOD and not attempt.is_hold:
        plan_next_try(attempt, actor, at)
    else:
        move_payment(payment, payment_state_of(attempt.state), actor, at)

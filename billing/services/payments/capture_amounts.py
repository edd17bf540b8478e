"""A gateway that says it has taken another amount of a hold than was asked for."""

import logging
from datetime import datetime

from billing.domain.attempts import Answer
from billing.gateways.base import Outcome
from billing.models import PaymentOperation
from billing.services.payments.payment_events import contradict_once, told_amount
from subscriptions.services.transitions import Actor

logger = logging.getLogger(__name__)


def is_another_amount(outcome: Outcome, operation: PaymentOperation) -> bool:
    """Whether a capture is said to have taken another amount than it stands for."""
    is_taken = operation.kind == PaymentOperation.Kind.CAPTURE
    is_told = outcome.answer == Answer.SUCCEEDED and outcome.amount is not None
    return is_taken and is_told and outcome.amount != operation.amount


def note_other_amount(
    operation: PaymentOperation, outcome: Outcome, actor: Actor, at: datetime
) -> None:
    """Write each other amount down once: nothing is settled by it, a person must look."""
    assert outcome.amount is not None
    is_new = contradict_once(
        attempt=operation.attempt,
        about={
            "operation": str(operation.pk),
            "taken": told_amount(outcome.amount, currency=operation.currency),
        },
        details={"asked_for": told_amount(operation.amount, currency=operation.currency)},
        actor=actor,
        at=at,
    )
    if is_new:
        logger.error("gateway contradicts our capture", extra={"operation": str(operation.pk)})

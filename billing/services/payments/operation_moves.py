"""Moving a capture or void to what is proven of it, and its hold and invoice after it."""

import logging
from datetime import datetime

from billing.domain.attempts import AttemptState, RefundState
from billing.gateways.registry import gateway_named
from billing.models import Payment, PaymentAttempt, PaymentOperation
from billing.services.payments.payment_events import record_event
from billing.services.payments.payment_moves import note_overpayment
from billing.services.payments.refunds import follow_invoice
from billing.services.payments.settling import end_hold
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.money import Money, quantize

logger = logging.getLogger(__name__)

Kind = PaymentOperation.Kind


def move_operation(
    operation: PaymentOperation, to_state: RefundState, actor: Actor, at: datetime
) -> None:
    """Move an operation; money that it brings counts at once, and what fails frees its share."""
    from_state, attempt = operation.state, operation.attempt
    operation.state = PaymentOperation.State(to_state)
    if to_state in {RefundState.SUCCEEDED, RefundState.FAILED}:
        operation.resolved_at = at
    operation.save()
    record_operation(operation, from_state, actor, at)
    if operation.kind == Kind.CAPTURE:
        if to_state == RefundState.SUCCEEDED:
            _bring(attempt, operation.amount, actor, at)
        if to_state == RefundState.FAILED:
            _take_back(operation, from_state, at)
    if to_state == RefundState.SUCCEEDED and attempt.state == AttemptState.AUTHORIZED:
        end_hold_if_done(attempt, actor, at)
    logger.info("operation settled", extra={"operation": str(operation.pk), "state": str(to_state)})


def _bring(attempt: PaymentAttempt, amount: Money, actor: Actor, at: datetime) -> None:
    attempt.payment.invoice.amount_paid += amount
    follow_invoice(attempt.payment.invoice, at)
    note_overpayment(attempt.payment, actor, at)


def _take_back(operation: PaymentOperation, from_state: str, at: datetime) -> None:
    """A capture failed; one that had counted is owed again, even after its hold has ended."""
    attempt, payment = operation.attempt, operation.attempt.payment
    attempt.amount_captured -= operation.amount
    attempt.save(update_fields=["amount_captured"])
    if from_state != RefundState.SUCCEEDED:
        return
    payment.invoice.amount_paid -= operation.amount
    if payment.state == Payment.State.PAID:
        payment.amount_charged_back += operation.amount
        payment.contested = Payment.Contested.CHARGED_BACK
        payment.save(update_fields=["amount_charged_back", "contested"])
    follow_invoice(payment.invoice, at)


def end_hold_if_done(attempt: PaymentAttempt, actor: Actor, at: datetime) -> None:
    """The hold ends with its last part, or when all of it was taken."""
    operations = list(attempt.operations.exclude(state="failed"))
    if any(operation.state != "succeeded" for operation in operations):
        return
    is_all = attempt.amount_captured == attempt.amount_authorized
    if is_all or any(operation.is_last for operation in operations):
        end_hold(attempt=attempt, reason="", actor=actor, at=at)


def count_capture_again(operation: PaymentOperation) -> None:
    """Let a capture that had failed take its share of the hold again; not above it."""
    attempt = operation.attempt
    attempt.amount_captured += operation.amount
    attempt.save(update_fields=["amount_captured"])
    payment = attempt.payment
    if payment.state == Payment.State.PAID and attempt.state == AttemptState.SUCCEEDED:
        payment.amount += operation.amount
        payment.save(update_fields=["amount"])


def restore_hold(attempt: PaymentAttempt, actor: Actor, at: datetime) -> None:
    """Let a hold stand that was thought to be let go; it lapses when it would have."""
    from_state, attempt.state = attempt.state, PaymentAttempt.State.AUTHORIZED
    lasts = gateway_named(attempt.gateway).capabilities.authorization_lasts
    attempt.authorized_until = attempt.dispatched_at + lasts if lasts else None
    attempt.resolved_at, attempt.next_check_at = None, at
    attempt.save()
    record_event(
        payment=attempt.payment,
        attempt=attempt,
        event="attempt_authorized",
        actor=actor,
        at=at,
        from_state=from_state,
        to_state=attempt.state,
        details={"reason": "it was not let go after all"},
    )


def record_operation(
    operation: PaymentOperation, from_state: str, actor: Actor, at: datetime
) -> None:
    """Write what became of an operation into its payment's record."""
    attempt, amount = operation.attempt, {}
    if operation.amount.amount:
        amount = {"amount": str(quantize(operation.amount).amount)}
    elif operation.kind == Kind.VOID and attempt.state == AttemptState.SUCCEEDED:
        amount = {"rest": str(quantize(attempt.amount_authorized - attempt.amount_captured).amount)}
    record_event(
        payment=operation.attempt.payment,
        attempt=operation.attempt,
        event=f"{operation.kind}_{operation.state}",
        actor=actor,
        at=at,
        from_state=from_state,
        to_state=operation.state,
        details={
            "operation": str(operation.pk),
            **amount,
            **({"message": operation.message} if operation.message else {}),
        },
    )

"""What follows from a correction, for a charge, a refund, a capture or a void.

No entry of the books is made here: each is brought to the state in which its own document is
posted, or taken back, as if it had been known from the start.
"""

from datetime import datetime

from billing.domain.attempts import Answer, AttemptState, PaymentState, RefundState
from billing.domain.corrections import (
    CorrectionWord,
    ensure_corrected_attempt,
    ensure_corrected_payment,
    ensure_corrected_refund,
)
from billing.domain.declines import Decline, DeclineClass
from billing.errors import CorrectionRefused
from billing.gateways.base import Outcome
from billing.models import OutcomeCorrection, Payment, PaymentAttempt, PaymentOperation, Refund
from billing.models.payments import NOT_EXECUTED
from billing.services.payments.attempt_moves import move_attempt
from billing.services.payments.operation_moves import (
    count_capture_again,
    end_hold_if_done,
    move_operation,
    restore_hold,
)
from billing.services.payments.part_payments import collect_rest
from billing.services.payments.payment_events import record_event
from billing.services.payments.payment_moves import credit_invoice, move_payment
from billing.services.payments.payment_returns import return_payment
from billing.services.payments.refunds import move_refund
from billing.services.payments.settling import end_hold
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.ids import uuid7

TOLD = "as the gateway tells, by two people"


def correct(
    *, correction: OutcomeCorrection, attempt: PaymentAttempt, actor: Actor, at: datetime
) -> None:
    """Bring what a correction is of to the gateway's word, in the caller's transaction.

    The correction is done, as a row, and the attempt is locked by its invoice.

    Raises:
        CorrectionRefused: If what has happened since does not allow it.
        StateMoveNotAllowed: If it cannot move there.
    """
    is_executed = correction.word == CorrectionWord.EXECUTED
    if correction.refund_id is not None:
        _correct_refund(correction, attempt, actor, at)
    elif correction.operation_id is not None:
        _correct_operation(correction, attempt, actor, at)
    elif is_executed and _is_of_its_payment(attempt):
        _take_in(correction, attempt, actor, at)
    elif is_executed:
        _take_in_beside(correction, attempt, actor, at)
    else:
        _take_back(attempt, actor, at)


def _is_of_its_payment(attempt: PaymentAttempt) -> bool:
    """Whether the payment waits for this money still; another attempt may have brought it."""
    others = attempt.payment.attempts.live().exclude(pk=attempt.pk)
    if others.exclude(state=AttemptState.SUCCEEDED).exists():
        raise CorrectionRefused("another attempt of this payment is on its way: wait for its end")
    return attempt.state != AttemptState.SUCCEEDED and not others.exists()


def _take_in(
    correction: OutcomeCorrection, attempt: PaymentAttempt, actor: Actor, at: datetime
) -> None:
    """A charge that was thought dead has brought its money: its payment is paid by it."""
    ensure_corrected_attempt(attempt.state, AttemptState.SUCCEEDED)
    payment, invoice = attempt.payment, attempt.payment.invoice
    payment.amount = correction.amount
    payment.save(update_fields=["amount"])
    _pay(payment, actor, at)
    attempt.gateway_reference = correction.reference or attempt.gateway_reference
    attempt.decline_class = attempt.decline_code = ""
    outcome = Outcome(answer=Answer.SUCCEEDED, amount=correction.amount, message=TOLD)
    move_attempt(attempt, AttemptState.SUCCEEDED, outcome, actor, at)
    collect_rest(invoice=invoice, before=None, actor=actor, at=at)


def _pay(payment: Payment, actor: Actor, at: datetime) -> None:
    """Let a payment that was given up, or canceled, be paid; what is live its attempt moves."""
    if payment.state not in {PaymentState.FAILED, PaymentState.CANCELED}:
        return
    ensure_corrected_payment(payment.state, PaymentState.PAID)
    from_state, payment.state = payment.state, PaymentState.PAID
    payment.paid_at = at
    payment.save(update_fields=["state", "paid_at"])
    record_event(
        payment=payment,
        event="payment_paid",
        actor=actor,
        at=at,
        from_state=from_state,
        to_state=payment.state,
        details={"reason": TOLD},
    )


def _take_in_beside(
    correction: OutcomeCorrection, attempt: PaymentAttempt, actor: Actor, at: datetime
) -> None:
    """Money that came a second time is a payment of its own: what is too much is the customer's."""
    invoice, reference = attempt.payment.invoice, correction.reference
    if attempt.gateway_reference == reference:  # from here on the name of the other one
        attempt.gateway_reference = ""
        attempt.save(update_fields=["gateway_reference"])
    payment = Payment.objects.create(
        id=uuid7(),
        customer_id=invoice.customer_id,
        invoice=invoice,
        currency=correction.currency,
        amount=correction.amount.amount,
        state=Payment.State.PAID,
        purpose=attempt.payment.purpose,
        idempotency_key=f"correction:{correction.pk}",
        paid_at=at,
        created_at=at,
    )
    made = PaymentAttempt.objects.create(
        id=uuid7(),
        payment=payment,
        sequence=1,
        gateway=attempt.gateway,
        channel=attempt.channel,
        method_id=attempt.method_id,
        state=PaymentAttempt.State.SUCCEEDED,
        idempotency_key=f"correction:{correction.pk}",
        gateway_reference=reference,
        currency=correction.currency,
        message=TOLD,
        sends=attempt.sends,
        dispatched_at=attempt.dispatched_at,
        resolved_at=at,
        next_check_at=at,
    )
    record_event(
        payment=payment,
        attempt=made,
        event="payment_paid",
        actor=actor,
        at=at,
        to_state=payment.state,
        details={"reason": TOLD, "reference": reference, "beside": str(attempt.payment_id)},
    )
    credit_invoice(payment, actor, at)


def _take_back(attempt: PaymentAttempt, actor: Actor, at: datetime) -> None:
    """A charge that counted as paid took nothing: it is owed again, and collected again."""
    payment = attempt.payment
    if attempt.state != AttemptState.SUCCEEDED or payment.amount_refunded.amount:
        raise CorrectionRefused("something of it was given back, or it does not count as paid")
    if payment.contested:
        raise CorrectionRefused("a bank has decided about it meanwhile")
    attempt.next_check_at = None
    attempt.save(update_fields=["next_check_at"])
    return_payment(
        attempt=attempt,
        code=NOT_EXECUTED,
        message=TOLD,
        decline=Decline(code=NOT_EXECUTED, decline_class=DeclineClass.TECHNICAL),
        debited_on=None,
        returned_on=at.date(),
        actor=actor,
        at=at,
    )


def _correct_refund(
    correction: OutcomeCorrection, attempt: PaymentAttempt, actor: Actor, at: datetime
) -> None:
    rows = Refund.objects.select_for_update(of=("self",))
    refund, payment = rows.get(corrections=correction), attempt.payment
    refund.payment, refund.attempt = payment, attempt
    is_executed = correction.word == CorrectionWord.EXECUTED
    to_state = RefundState.SUCCEEDED if is_executed else RefundState.FAILED
    ensure_corrected_refund(refund.state, to_state)
    if is_executed:
        given = payment.amount_refunded + refund.amount
        if given + payment.amount_charged_back > payment.amount:
            raise CorrectionRefused("with what was given back since, it is more than was paid")
        payment.amount_refunded = given
        payment.save(update_fields=["amount_refunded"])
        refund.gateway_reference = correction.reference or refund.gateway_reference
    refund.message, refund.next_check_at = TOLD, None
    move_refund(refund, to_state, actor, at)
    refund.save()


def _correct_operation(
    correction: OutcomeCorrection, attempt: PaymentAttempt, actor: Actor, at: datetime
) -> None:
    rows = PaymentOperation.objects.select_for_update(of=("self",))
    operation = rows.get(corrections=correction)
    operation.attempt = attempt
    is_executed = correction.word == CorrectionWord.EXECUTED
    to_state = RefundState.SUCCEEDED if is_executed else RefundState.FAILED
    ensure_corrected_refund(operation.state, to_state)
    operation.message, operation.next_check_at = TOLD, None
    if operation.kind == PaymentOperation.Kind.VOID:
        _correct_void(operation, to_state, actor, at)
        return
    if not is_executed:
        move_operation(operation, to_state, actor, at)
        return
    operation.gateway_reference = correction.reference or operation.gateway_reference
    was_let_go = attempt.state == AttemptState.ABANDONED
    if was_let_go and not _is_of_its_payment(attempt):
        raise CorrectionRefused("its invoice was paid otherwise: give it back at the gateway")
    count_capture_again(operation)
    move_operation(operation, to_state, actor, at)
    if was_let_go:
        ensure_corrected_attempt(attempt.state, AttemptState.SUCCEEDED)
        _pay(attempt.payment, actor, at)
        end_hold(attempt=attempt, reason=TOLD, actor=actor, at=at)


def _correct_void(
    operation: PaymentOperation, to_state: RefundState, actor: Actor, at: datetime
) -> None:
    """A hold was let go after all; or it stands, and may be taken or let go again."""
    attempt = operation.attempt
    if to_state == RefundState.SUCCEEDED:
        move_operation(operation, to_state, actor, at)
        end_hold_if_done(attempt, actor, at)
        return
    if not _is_of_its_payment(attempt) or attempt.payment.state not in _STILL_WANTED:
        raise CorrectionRefused("its payment is over: let the hold go at the gateway, or lapse")
    ensure_corrected_attempt(attempt.state, AttemptState.AUTHORIZED)
    move_operation(operation, to_state, actor, at)
    restore_hold(attempt, actor, at)
    move_payment(attempt.payment, PaymentState.PROCESSING, actor, at)


_STILL_WANTED = frozenset({PaymentState.OPEN, PaymentState.REQUIRES_ACTION})

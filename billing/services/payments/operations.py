"""Captures and voids on their way: sent, settled by what is proven, looked into until it is."""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.db.models import F

from billing.domain.attempts import (
    Answer,
    LookUpRule,
    RefundState,
    is_missed,
    next_check_at,
    proves_absence,
    refund_states_before,
    settled_refund_state,
)
from billing.gateways.base import CaptureRequest, Outcome, VoidRequest
from billing.gateways.registry import gateway_named
from billing.models import PaymentOperation
from billing.services.payments.capture_amounts import is_another_amount, note_other_amount
from billing.services.payments.capture_fees import add_fee_of_capture
from billing.services.payments.contrary_words import SETTLED, note_contrary_word
from billing.services.payments.gateway_calls import Request, ask
from billing.services.payments.gateway_clocks import clock_is_wrong, may_send_again, told_by
from billing.services.payments.operation_moves import move_operation
from billing.services.payments.payment_events import RECONCILER
from billing.services.payments.sending import send_deadline
from billing.services.payments.settling import lock_attempt
from subscriptions.models import CustomerClock
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.clock import running_from

logger = logging.getLogger(__name__)

_UNPROVEN = (RefundState.DISPATCHED, RefundState.UNKNOWN)
Kind = PaymentOperation.Kind


def send_operation(*, operation: PaymentOperation, actor: Actor, at: datetime) -> PaymentOperation:
    """Send an operation's request and settle what is answered; safe to repeat."""
    unproven = PaymentOperation.objects.filter(pk=operation.pk, state__in=_UNPROVEN)
    gateway_of = operation.attempt.gateway
    claimed = not clock_is_wrong(gateway_of) and unproven.update(
        sends=F("sends") + 1,
        sent_at=at,
        missed_at=None,
        next_check_at=at + send_deadline(),
        told_at=told_by(gateway_of),
    )
    sent = PaymentOperation.objects.select_related("attempt").get(pk=operation.pk)
    if not claimed:
        return sent
    return settle_operation(operation=sent, outcome=_request(sent, at), actor=actor, at=at)


@transaction.atomic
def settle_operation(
    *, operation: PaymentOperation, outcome: Outcome, actor: Actor, at: datetime
) -> PaymentOperation:
    """Record what an answer proves, and what follows for the hold and its invoice."""
    attempt = lock_attempt(operation.attempt)
    locked = PaymentOperation.objects.select_for_update().get(pk=operation.pk)
    locked.attempt = attempt
    locked.gateway_reference = outcome.reference or locked.gateway_reference
    locked.message = outcome.message or locked.message
    # The void of a hold is answered by what the hold is then.
    is_gone = locked.kind == Kind.VOID and outcome.answer == Answer.ABANDONED
    answer = Answer.SUCCEEDED if is_gone else outcome.answer
    is_other = is_another_amount(outcome, locked)
    answer = Answer.INCONCLUSIVE if is_other else answer
    if locked.state in SETTLED:
        note_contrary_word(settled=locked, answer=answer, outcome=outcome, actor=actor, at=at)
    to_state = settled_refund_state(answer, is_replay=locked.sends > 1)
    if locked.state in refund_states_before(to_state):
        add_fee_of_capture(operation=locked, to_state=to_state, outcome=outcome, at=at)
        move_operation(locked, to_state, actor, at)
    if is_other:
        note_other_amount(locked, outcome, actor, at)
    _look_again(locked, at)
    return locked


def look_into_operation(
    *, operation: PaymentOperation, actor: Actor, at: datetime
) -> PaymentOperation:
    """Find out what became of an operation: the same key again, or what the hold has become."""
    known = PaymentOperation.objects.select_related("attempt").get(pk=operation.pk)
    gateway = gateway_named(known.attempt.gateway)
    if known.state in _UNPROVEN and may_send_again(
        gateway=known.attempt.gateway,
        first_sent_at=known.requested_at,
        told_at=known.told_at,
        at=at,
    ):
        return send_operation(operation=known, actor=actor, at=at)
    reference = known.attempt.gateway_reference
    seen = _ask(known, "read_charge", reference, lambda: gateway.read_charge(reference), at)
    outcome = _as_proof(known, seen)
    if outcome.answer == Answer.DECLINED and seen.answer == Answer.AUTHORIZED:
        outcome = _second_miss(known, outcome, at)
    return settle_operation(operation=known, outcome=outcome, actor=actor, at=at)


def reconcile_operations(
    *, at: datetime, limit: int = 100, clock: CustomerClock | None = None
) -> int:
    """Look into the operations whose time has come; gives how many.

    Of customers with a test clock only those of `clock`, and of it no others.
    """
    by_now = running_from(at)
    with transaction.atomic(durable=True):
        of_clock = PaymentOperation.objects.filter(attempt__payment__customer__clock=clock)
        due = of_clock.filter(next_check_at__lte=at).order_by("next_check_at")
        claimed = list(due.select_for_update(skip_locked=True, of=("self",))[:limit])
        ids = [operation.pk for operation in claimed]
        later = at + send_deadline()
        PaymentOperation.objects.filter(pk__in=ids).update(next_check_at=later)
    for operation in claimed:
        try:
            look_into_operation(operation=operation, actor=RECONCILER, at=by_now())
        except Exception:  # one that cannot be looked into must not keep the others from it
            logger.exception("operation not settled", extra={"operation": str(operation.pk)})
    return len(claimed)


def _request(operation: PaymentOperation, at: datetime) -> Outcome:
    gateway, attempt = gateway_named(operation.attempt.gateway), operation.attempt
    ours = {
        "our_reference": str(operation.pk),
        "charge_reference": attempt.gateway_reference,
        "idempotency_key": f"operation:{operation.pk}",
    }
    if operation.kind == Kind.VOID:
        void = VoidRequest(**ours)
        return _ask(operation, "void", void, lambda: gateway.void(void), at)
    capture = CaptureRequest(**ours, amount=operation.amount, is_last=operation.is_last)
    return _ask(operation, "capture", capture, lambda: gateway.capture(capture), at)


def _as_proof(operation: PaymentOperation, seen: Outcome) -> Outcome:
    """What the hold's own state proves of an operation on it; mostly nothing.

    A gateway that takes one part only has taken it when the charge says so; one that is still
    held was neither captured nor let go.
    """
    one_part = not gateway_named(operation.attempt.gateway).capabilities.has_multi_capture
    nothing = Outcome(answer=Answer.INCONCLUSIVE, message=seen.message)
    if operation.kind == Kind.VOID and seen.answer == Answer.ABANDONED:
        return Outcome(answer=Answer.SUCCEEDED)
    if not one_part:
        return nothing
    if seen.answer == Answer.SUCCEEDED and operation.kind == Kind.CAPTURE:
        return replace(seen, reference="") if seen.amount == operation.amount else nothing
    if seen.answer == Answer.ABANDONED:
        return Outcome(answer=Answer.DECLINED)
    if seen.answer == Answer.AUTHORIZED:
        return Outcome(answer=Answer.DECLINED, message="it was not carried out")
    return nothing


def _second_miss(operation: PaymentOperation, outcome: Outcome, at: datetime) -> Outcome:
    """That nothing has become of it is proven by the second look: it may be done late."""
    rule = gateway_named(operation.attempt.gateway).capabilities.look_up or LookUpRule()
    sent_at, missed_at = operation.sent_at or operation.requested_at, operation.missed_at
    if proves_absence(sent_at=sent_at, missed_at=missed_at, at=at, rule=rule):
        return outcome
    if missed_at is None and is_missed(sent_at=sent_at, at=at, rule=rule):
        PaymentOperation.objects.filter(pk=operation.pk).update(missed_at=at)
    return Outcome(answer=Answer.INCONCLUSIVE, message="not carried out yet")


def _ask(
    operation: PaymentOperation,
    verb: str,
    request: Request,
    call: Callable[[], Outcome],
    at: datetime,
) -> Outcome:
    attempt = operation.attempt
    return ask(
        gateway=attempt.gateway, verb=verb, request=request, call=call, at=at, attempt=attempt
    )


def _look_again(operation: PaymentOperation, at: datetime) -> None:
    if operation.state in {RefundState.SUCCEEDED, RefundState.FAILED}:
        operation.next_check_at = None
    else:
        operation.next_check_at = next_check_at(checks_done=operation.checks, at=at)
        operation.checks = min(operation.checks + 1, 1000)
    operation.save()

"""Holding money and taking it later: authorise, capture in parts, let go.

Each capture and void is an operation, sent as refunds are: reserved under lock, committed before
the first byte, the same key again, settled when it is proven. What a capture brings counts on
the invoice as soon as it is proven; the hold ends with the last one, a void, or its expiry.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import F

from billing.domain.attempts import (
    COUNTED_REFUND_STATES,
    Answer,
    AttemptState,
    LookUpRule,
    RefundState,
    is_missed,
    next_check_at,
    proves_absence,
    refund_states_before,
    settled_refund_state,
)
from billing.errors import CaptureExceedsHold, HoldNotPossible, PaymentMethodMissing
from billing.gateways.base import CaptureRequest, Outcome, VoidRequest
from billing.gateways.registry import gateway_named
from billing.models import Invoice, Payment, PaymentAttempt, PaymentMethod, PaymentOperation
from billing.services.payments.capture_amounts import is_another_amount, note_other_amount
from billing.services.payments.capture_fees import add_fee_of_capture
from billing.services.payments.charging import default_method, open_routed_attempt
from billing.services.payments.contrary_words import (
    SETTLED,
    note_contrary_word,
    taken_all_the_same,
)
from billing.services.payments.gateway_calls import Request, ask
from billing.services.payments.gateway_clocks import clock_is_wrong, may_send_again, told_by
from billing.services.payments.payment_events import RECONCILER, record_event
from billing.services.payments.payment_moves import note_overpayment
from billing.services.payments.refunds import follow_invoice
from billing.services.payments.sending import send_attempt, send_deadline
from billing.services.payments.settling import end_hold, lock_attempt
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.clock import running_from
from tiktoktoe.kernel.errors import Conflict
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money, quantize, zero

logger = logging.getLogger(__name__)

_UNPROVEN = (RefundState.DISPATCHED, RefundState.UNKNOWN)
Kind = PaymentOperation.Kind


def hold_invoice(
    *, invoice: Invoice, actor: Actor, at: datetime, method: PaymentMethod | None = None
) -> PaymentAttempt:
    """Authorise what is due on an invoice by a stored method, without taking it.

    It is judged and routed as a charge is, among the gateways that can hold money.

    Args:
        method: The one to hold on; by default as for a charge.

    Raises:
        PaymentMethodMissing: If it is not the customer's, or was removed.
        PaymentHeld: If risk rules keep it back for a person.
        NothingToCharge: If nothing can be held anywhere; says why.
        InvoiceNotOpen: If nothing is to be collected on the invoice.
        PaymentInFlight: If an attempt may have moved this money already.
    """
    chosen = method or default_method(invoice)
    if chosen is None or chosen.customer_id != invoice.customer_id or chosen.state != "active":
        raise PaymentMethodMissing("there is no such stored payment method")
    attempt = open_routed_attempt(invoice=invoice, method=method, is_hold=True, actor=actor, at=at)
    return send_attempt(attempt=attempt, actor=actor, at=at)


def capture_hold(
    *,
    attempt: PaymentAttempt,
    amount: Money,
    actor: Actor,
    idempotency_key: str,
    at: datetime,
    is_last: bool = True,
) -> PaymentOperation:
    """Take part or all of a hold; with the last part, what is left is let go.

    Raises:
        HoldNotPossible: If nothing is held, or the gateway takes one part only.
        CaptureExceedsHold: If, with the other captures, it would be more than is held.
        Conflict: If the key was used for another operation.
    """
    operation = open_operation(
        attempt=attempt,
        kind=Kind.CAPTURE,
        amount=amount,
        is_last=is_last,
        actor=actor,
        idempotency_key=idempotency_key,
        at=at,
    )
    return send_operation(operation=operation, actor=actor, at=at)


def void_hold(
    *, attempt: PaymentAttempt, actor: Actor, idempotency_key: str, at: datetime
) -> PaymentOperation:
    """Let go of a hold of which nothing was taken, or of what its last capture has left.

    Raises:
        HoldNotPossible: If nothing is held, or something was taken or may have been.
    """
    operation = open_operation(
        attempt=attempt,
        kind=Kind.VOID,
        amount=zero(attempt.currency),
        is_last=True,
        actor=actor,
        idempotency_key=idempotency_key,
        at=at,
    )
    return send_operation(operation=operation, actor=actor, at=at)


@transaction.atomic(durable=True)
def open_operation(
    *,
    attempt: PaymentAttempt,
    kind: PaymentOperation.Kind,
    amount: Money,
    is_last: bool,
    actor: Actor,
    idempotency_key: str,
    at: datetime,
) -> PaymentOperation:
    """Reserve the amount and commit the operation, before anything is sent."""
    locked = lock_attempt(attempt)
    known = PaymentOperation.objects.filter(idempotency_key=idempotency_key).first()
    if known is not None:
        if (known.attempt_id, known.kind, known.amount) != (locked.pk, kind, amount):
            raise Conflict("this request was made before, for another operation")
        return known
    _check_hold(locked, kind, is_last=is_last)
    if kind == Kind.CAPTURE:
        _reserve(locked, amount)
    operation = PaymentOperation.objects.create(
        id=uuid7(),
        attempt=locked,
        kind=kind,
        currency=locked.currency,
        amount=amount.amount,
        is_last=is_last,
        idempotency_key=idempotency_key,
        requested_at=at,
        next_check_at=at + send_deadline(),
    )
    _record(operation, "", actor, at)
    return operation


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
        add_fee_of_capture(operation=locked, to_state=to_state, outcome=outcome)
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


def reconcile_operations(*, at: datetime, limit: int = 100) -> int:
    """Look into the operations whose time has come; gives how many."""
    by_now = running_from(at)
    with transaction.atomic(durable=True):
        due = PaymentOperation.objects.filter(next_check_at__lte=at).order_by("next_check_at")
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


def keeps_rest(attempt: PaymentAttempt) -> bool:
    """Whether its gateway still holds what the last capture has left."""
    is_over = attempt.is_hold and attempt.state == AttemptState.SUCCEEDED
    is_left = attempt.amount_captured < attempt.amount_authorized
    return is_over and is_left and not gateway_named(attempt.gateway).capabilities.releases_rest


def _check_hold(attempt: PaymentAttempt, kind: PaymentOperation.Kind, *, is_last: bool) -> None:
    if kind == Kind.VOID and keeps_rest(attempt):
        return
    if not attempt.is_hold or attempt.state != AttemptState.AUTHORIZED:
        raise HoldNotPossible("nothing is held any more")
    if not attempt.gateway_reference:
        raise HoldNotPossible("the gateway has not told its name for this hold yet")
    live = attempt.operations.filter(state__in=[str(state) for state in COUNTED_REFUND_STATES])
    if live.filter(is_last=True).exists():
        raise HoldNotPossible("its end was asked for already")
    if kind == Kind.VOID and attempt.amount_captured.amount:
        raise HoldNotPossible("something was taken of it: end it with a last capture")
    if not is_last and not gateway_named(attempt.gateway).capabilities.has_multi_capture:
        raise HoldNotPossible(f"{attempt.gateway} takes one part only, and lets the rest go")


def _reserve(attempt: PaymentAttempt, amount: Money) -> None:
    left = attempt.amount_authorized - attempt.amount_captured - taken_all_the_same(attempt)
    is_payable = amount.currency.code == attempt.currency and quantize(amount) == amount
    if not is_payable or amount.amount <= 0:
        raise HoldNotPossible(f"{amount} cannot be taken of {attempt.amount_authorized}")
    if amount > left:
        raise CaptureExceedsHold(f"at most {left} can be taken")
    attempt.amount_captured += amount
    try:
        with transaction.atomic():
            attempt.save(update_fields=["amount_captured"])
    except IntegrityError as error:
        raise CaptureExceedsHold("more would be taken than is held") from error


def move_operation(
    operation: PaymentOperation, to_state: RefundState, actor: Actor, at: datetime
) -> None:
    """Move an operation; money that it brings counts at once, and what fails frees its share."""
    from_state, attempt = operation.state, operation.attempt
    operation.state = PaymentOperation.State(to_state)
    if to_state in {RefundState.SUCCEEDED, RefundState.FAILED}:
        operation.resolved_at = at
    operation.save()
    _record(operation, from_state, actor, at)
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


def _record(operation: PaymentOperation, from_state: str, actor: Actor, at: datetime) -> None:
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

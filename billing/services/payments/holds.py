"""Holding money and taking it later: authorise, capture in parts, let go.

Each capture and void is an operation, sent as refunds are: reserved under lock, committed before
the first byte, the same key again, settled when it is proven. What a capture brings counts on
the invoice as soon as it is proven; the hold ends with the last one, a void, or its expiry.
"""

from datetime import datetime

from django.db import IntegrityError, transaction

from billing.domain.attempts import COUNTED_REFUND_STATES, AttemptState
from billing.errors import CaptureExceedsHold, HoldNotPossible, PaymentMethodMissing
from billing.gateways.registry import gateway_named
from billing.models import Invoice, PaymentAttempt, PaymentMethod, PaymentOperation
from billing.services.payments.charging import default_method, open_routed_attempt
from billing.services.payments.contrary_words import taken_all_the_same
from billing.services.payments.operation_moves import record_operation
from billing.services.payments.operations import send_operation
from billing.services.payments.sending import send_attempt, send_deadline
from billing.services.payments.settling import lock_attempt
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.errors import Conflict
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money, quantize, zero

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
    record_operation(operation, "", actor, at)
    return operation


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

"""Giving money back: reserved under lock, sent outside of transactions, settled when proven."""

import logging
from collections.abc import Callable
from datetime import datetime

from django.db import transaction
from django.db.models import F

from billing.domain.attempts import (
    COUNTED_REFUND_STATES,
    Answer,
    AttemptState,
    RefundState,
    is_missed,
    next_check_at,
    refund_states_before,
    settled_refund_state,
)
from billing.domain.disputes import FROZEN_STATES
from billing.errors import PaymentDisputed, PaymentNotRefundable, RefundExceedsPayment
from billing.gateways.base import Outcome, RefundRequest
from billing.gateways.registry import gateway_named
from billing.models import CreditNote, Invoice, Payment, PaymentAttempt, Refund
from billing.services.payments.contrary_words import (
    SETTLED,
    given_back_all_the_same,
    note_contrary_word,
)
from billing.services.payments.gateway_calls import Request, ask
from billing.services.payments.gateway_clocks import clock_is_wrong, may_send_again, told_by
from billing.services.payments.payment_events import (
    RECONCILER,
    contradict_once,
    record_event,
    told_amount,
)
from billing.services.payments.payment_moves import note_overpayment, recover_subscription
from billing.services.payments.refund_parts import charge_reference, shares_of_refund
from billing.services.payments.sending import send_deadline
from subscriptions.models import CustomerClock
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.clock import running_from
from tiktoktoe.kernel.errors import Conflict
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money, quantize, total

logger = logging.getLogger(__name__)

_UNPROVEN = frozenset({RefundState.DISPATCHED, RefundState.UNKNOWN})


def refund_payment(
    *,
    payment: Payment,
    amount: Money,
    reason: str,
    actor: Actor,
    idempotency_key: str,
    at: datetime,
    credit_note: CreditNote | None = None,
) -> Refund:
    """Give back part or all of a paid payment. The same key gives the same refund.

    Of a hold that was taken in parts it may be several, one for each capture: its `parts`.

    Without a credit note the invoice is owed again by as much; nothing collects it by itself.

    Raises:
        PaymentNotRefundable: If the payment is not paid, or the amount cannot be paid out.
        PaymentDisputed: If the bank decides who gets the money; an inquiry does not keep it.
        RefundExceedsPayment: If, with earlier refunds, it would be more than was paid.
        Conflict: If the key was used for another refund.
    """
    parts = open_refunds(
        payment=payment,
        amount=amount,
        reason=reason,
        actor=actor,
        idempotency_key=idempotency_key,
        at=at,
        credit_note=credit_note,
    )
    sent = [send_refund(refund=part, actor=actor, at=at) for part in parts]
    return sent[0]


@transaction.atomic(durable=True)
def open_refunds(
    *,
    payment: Payment,
    amount: Money,
    reason: str,
    actor: Actor,
    idempotency_key: str,
    at: datetime,
    credit_note: CreditNote | None = None,
) -> list[Refund]:
    """Reserve the amount and commit the refund, before anything is sent.

    Of a hold that was taken in parts it may need several refunds, one for each capture.
    """
    locked = Payment.objects.select_for_update(of=("self",)).get(pk=payment.pk)
    known = Refund.objects.filter(idempotency_key=idempotency_key).first()
    if known is not None:
        parts = [known, *known.parts.order_by("pk")]
        asked = total((part.amount for part in parts), locked.currency)
        if known.payment_id != locked.pk or asked != amount:
            raise Conflict("this request was made before, for another refund")
        return parts
    attempt = _paid_attempt(locked)
    _check_amount(locked, amount, credit_note)
    locked.amount_refunded += amount
    locked.save(update_fields=["amount_refunded"])
    made: list[Refund] = []
    for number, share in enumerate(shares_of_refund(attempt=attempt, amount=amount)):
        part = Refund.objects.create(
            id=uuid7(),
            payment=locked,
            attempt=attempt,
            credit_note=credit_note,
            capture_id=share.capture,
            part_of=made[0] if made else None,
            currency=locked.currency,
            amount=share.amount.amount,
            reason=reason[:200],
            idempotency_key=f"{idempotency_key}/{number + 1}" if number else idempotency_key,
            requested_at=at,
            next_check_at=at + send_deadline(),
        )
        _record(part, "", actor, at)
        made.append(part)
    return made


def send_refund(*, refund: Refund, actor: Actor, at: datetime) -> Refund:
    """Send a refund's request and settle what is answered; safe to repeat."""
    unproven = Refund.objects.filter(pk=refund.pk, state__in=_UNPROVEN)
    gateway_of = Refund.objects.values_list("attempt__gateway", flat=True).get(pk=refund.pk)
    # Where clocks differ too much it waits; the next look sends it.
    claimed = not clock_is_wrong(gateway_of) and unproven.update(
        sends=F("sends") + 1,
        sent_at=at,
        missed_at=None,
        next_check_at=at + send_deadline(),
        told_at=told_by(gateway_of),
    )
    sent = Refund.objects.select_related("payment__invoice", "attempt").get(pk=refund.pk)
    if not claimed:
        return sent
    gateway, request = gateway_named(sent.attempt.gateway), _request(sent)
    outcome = _ask(sent, "refund", request, lambda: gateway.refund(request), at)
    return settle_refund(refund=sent, outcome=outcome, actor=actor, at=at)


@transaction.atomic
def settle_refund(*, refund: Refund, outcome: Outcome, actor: Actor, at: datetime) -> Refund:
    """Record what an answer proves about a refund, and what follows for its invoice."""
    invoice = Invoice.objects.select_for_update(of=("self",)).get(payments__refunds=refund.pk)
    payment = Payment.objects.select_for_update(of=("self",)).get(refunds=refund.pk)
    locked = Refund.objects.select_for_update(of=("self",)).get(pk=refund.pk)
    payment.invoice, locked.payment, locked.attempt.payment = invoice, payment, payment
    locked.gateway_reference = outcome.reference or locked.gateway_reference
    locked.message = outcome.message or locked.message
    is_other = _is_another_amount(outcome, locked)
    # That it is not found says nothing of one that is known to be given back.
    is_lost = outcome.answer == Answer.NO_SUCH_REQUEST and locked.state == RefundState.SUCCEEDED
    if locked.state in SETTLED:
        note_contrary_word(
            settled=locked, answer=outcome.answer, outcome=outcome, actor=actor, at=at
        )
    to_state = settled_refund_state(
        Answer.INCONCLUSIVE if is_other or is_lost else outcome.answer,
        is_replay=locked.sends > 1,
        sent_at=locked.sent_at or locked.requested_at,
        at=at,
        look_up=gateway_named(locked.attempt.gateway).capabilities.look_up,
        missed_at=locked.missed_at,
    )
    _note_miss(locked, outcome, at)
    if locked.state in refund_states_before(to_state):
        move_refund(locked, to_state, actor, at)
    if is_other:
        _note_contradiction(locked, outcome, actor, at)
    _look_again(locked, at)
    return locked


def look_into_refund(*, refund: Refund, actor: Actor, at: datetime) -> Refund:
    """Ask the gateway what became of a refund, and settle what is proven."""
    known = Refund.objects.select_related("payment", "attempt").get(pk=refund.pk)
    gateway = gateway_named(known.attempt.gateway)
    if known.gateway_reference:
        reference = known.gateway_reference
        outcome = _ask(known, "read_refund", reference, lambda: gateway.read_refund(reference), at)
        return settle_refund(refund=known, outcome=outcome, actor=actor, at=at)
    if known.state in _UNPROVEN and may_send_again(
        gateway=gateway.name,
        first_sent_at=known.requested_at,
        told_at=known.told_at,
        at=at,
    ):
        known = send_refund(refund=known, actor=actor, at=at)
        if known.state not in _UNPROVEN:
            return known
    outcome = _ask(known, "find_refund", str(known.pk), lambda: _find(known), at)
    return settle_refund(refund=known, outcome=outcome, actor=actor, at=at)


def reconcile_refunds(*, at: datetime, limit: int = 100, clock: CustomerClock | None = None) -> int:
    """Look into the refunds whose time has come; gives how many were looked into.

    Of customers with a test clock only those of `clock`, and of it no others.
    """
    by_now = running_from(at)
    with transaction.atomic(durable=True):
        own = Refund.objects.filter(payment__customer__clock=clock, next_check_at__lte=at)
        due = own.order_by("next_check_at")
        claimed = list(due.select_for_update(skip_locked=True, of=("self",))[:limit])
        for refund in claimed:
            later = next_check_at(checks_done=refund.checks, at=at + send_deadline())
            Refund.objects.filter(pk=refund.pk).update(next_check_at=later)
    for refund in claimed:
        try:
            look_into_refund(refund=refund, actor=RECONCILER, at=by_now())
        except Exception:  # one that cannot be looked into must not keep the others from it
            logger.exception("refund not settled", extra={"refund": str(refund.pk)})
    return len(claimed)


def _find(refund: Refund) -> Outcome:
    """What the gateway has by our reference."""
    attempt = refund.attempt
    return gateway_named(attempt.gateway).find_refund(
        our_reference=str(refund.pk), charge_reference=attempt.gateway_reference
    )


def _ask(
    refund: Refund, verb: str, request: Request, call: Callable[[], Outcome], at: datetime
) -> Outcome:
    name = refund.attempt.gateway
    return ask(gateway=name, verb=verb, request=request, call=call, at=at, refund=refund)


def _paid_attempt(payment: Payment) -> PaymentAttempt:
    if payment.disputes.filter(state__in=FROZEN_STATES).exists():
        raise PaymentDisputed("the payment is disputed: the bank decides who gets the money")
    attempt = payment.attempts.filter(state=AttemptState.SUCCEEDED).first()
    if payment.state != Payment.State.PAID or attempt is None:
        raise PaymentNotRefundable("only a paid payment can be refunded")
    if not attempt.gateway_reference:
        raise PaymentNotRefundable("the gateway has not told its name for this payment yet")
    return attempt


def _check_amount(payment: Payment, amount: Money, credit_note: CreditNote | None) -> None:
    if (
        amount.currency != payment.amount.currency
        or amount.amount <= 0
        or quantize(amount) != amount
    ):
        raise PaymentNotRefundable(f"{amount} cannot be refunded of {payment.amount}")
    left = payment.amount_refundable - given_back_all_the_same(payment)
    if amount > left:
        raise RefundExceedsPayment(f"at most {max(left, left * 0)} can be refunded")
    if credit_note is not None:
        _check_note(payment, amount, credit_note)


def _check_note(payment: Payment, amount: Money, credit_note: CreditNote) -> None:
    """What is given back for a note is not owed any more; what is more would be owed again."""
    CreditNote.objects.select_for_update(of=("self",)).get(pk=credit_note.pk)  # two of its payments
    if credit_note.invoice_id != payment.invoice_id:
        raise PaymentNotRefundable(f"credit note {credit_note} is of another invoice")
    counted = Refund.objects.filter(credit_note=credit_note, state__in=COUNTED_REFUND_STATES)
    given = total((refund.amount for refund in counted), payment.currency)
    if given + amount > credit_note.to_refund:
        left = credit_note.to_refund - given
        raise PaymentNotRefundable(f"{left} is left to refund of credit note {credit_note}")


def _request(refund: Refund) -> RefundRequest:
    return RefundRequest(
        our_reference=str(refund.pk),
        charge_reference=charge_reference(refund),
        amount=refund.amount,
        metadata={"refund_id": str(refund.pk), "payment_id": str(refund.payment_id)},
        idempotency_key=f"refund:{refund.pk}",
    )


def move_refund(refund: Refund, to_state: RefundState, actor: Actor, at: datetime) -> None:
    """Move a refund; its reservation ends with a failure, even one that comes after success."""
    from_state, refund.state = refund.state, to_state
    payment, invoice = refund.payment, refund.payment.invoice
    if to_state == RefundState.SUCCEEDED:
        invoice.amount_refunded += refund.amount
    if to_state == RefundState.FAILED and from_state == RefundState.SUCCEEDED:
        invoice.amount_refunded -= refund.amount
    if from_state in COUNTED_REFUND_STATES and to_state not in COUNTED_REFUND_STATES:
        payment.amount_refunded -= refund.amount
        payment.save(update_fields=["amount_refunded"])
    if to_state in {RefundState.SUCCEEDED, RefundState.FAILED}:
        refund.resolved_at = at
        follow_invoice(invoice, at)
    _record(refund, from_state, actor, at)
    if to_state == RefundState.FAILED:
        note_overpayment(payment, actor, at)
    logger.info("refund settled", extra={"refund": str(refund.pk), "state": str(to_state)})


def follow_invoice(invoice: Invoice, at: datetime) -> None:
    """A paid invoice is open while something of it is owed again, and paid when it is not."""
    is_owed = invoice.amount_due.amount > 0
    if invoice.state == Invoice.State.PAID and is_owed:
        invoice.state, invoice.paid_at = Invoice.State.OPEN, None
    elif invoice.state in {Invoice.State.OPEN, Invoice.State.UNCOLLECTIBLE} and not is_owed:
        invoice.state, invoice.paid_at = Invoice.State.PAID, at
    invoice.save(update_fields=["amount_paid", "amount_refunded", "state", "paid_at"])
    if invoice.state == Invoice.State.PAID:
        recover_subscription(invoice, at)


def _note_miss(refund: Refund, outcome: Outcome, at: datetime) -> None:
    """Note when a look-up first found nothing of what was sent last."""
    rule = gateway_named(refund.attempt.gateway).capabilities.look_up
    if outcome.answer == Answer.NO_SUCH_REQUEST and rule and refund.missed_at is None:
        sent_at = refund.sent_at or refund.requested_at
        refund.missed_at = at if is_missed(sent_at=sent_at, at=at, rule=rule) else None


def _is_another_amount(outcome: Outcome, refund: Refund) -> bool:
    told = outcome.amount
    return outcome.answer == Answer.SUCCEEDED and told is not None and told != refund.amount


def _note_contradiction(refund: Refund, outcome: Outcome, actor: Actor, at: datetime) -> None:
    """Another amount was given back than we asked for: nothing is settled, a person must look."""
    assert outcome.amount is not None
    is_new = contradict_once(
        attempt=refund.attempt,
        about={
            "refund": str(refund.pk),
            "given_back": told_amount(outcome.amount, currency=refund.currency),
        },
        details={"asked_for": told_amount(refund.amount, currency=refund.currency)},
        actor=actor,
        at=at,
    )
    if is_new:
        logger.error("gateway contradicts our refund", extra={"refund": str(refund.pk)})


def _look_again(refund: Refund, at: datetime) -> None:
    if refund.state in {RefundState.SUCCEEDED, RefundState.FAILED}:
        refund.next_check_at = None
    else:
        refund.next_check_at = next_check_at(checks_done=refund.checks, at=at)
        refund.checks = min(refund.checks + 1, 1000)
    refund.save()


def _record(refund: Refund, from_state: str, actor: Actor, at: datetime) -> None:
    record_event(
        payment=refund.payment,
        attempt=refund.attempt,
        event=f"refund_{refund.state}",
        actor=actor,
        at=at,
        from_state=from_state,
        to_state=refund.state,
        details={
            "refund": str(refund.pk),
            "amount": str(quantize(refund.amount).amount),
            "reason": refund.reason,
            **({"message": refund.message} if refund.message else {}),
        },
    )

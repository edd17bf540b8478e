"""What a gateway's answer does to an attempt, its payment, its invoice and its subscription.

Everything moves in one transaction, by the tables of billing.domain.attempts: an answer that
comes late, twice or out of order finds the attempt in a state that it cannot leave that way.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from billing.domain.attempts import (
    UNPROVEN_ATTEMPT_STATES,
    Answer,
    AttemptState,
    PaymentState,
    attempt_states_before,
    ensure_payment_move,
    is_missed,
    next_check_at,
    payment_state_of,
    settled_state,
)
from billing.domain.budgets import spent_representments
from billing.domain.campaigns import plan_retry
from billing.domain.declines import POLICIES, Decline, DeclineClass
from billing.domain.dunning import Retry
from billing.errors import StateMoveNotAllowed
from billing.gateways.base import Outcome
from billing.gateways.registry import gateway_named
from billing.models import Invoice, Payment, PaymentAttempt, PaymentDecision
from billing.queries.risk import returns_of
from billing.services.dunning.campaigns import terms_of
from billing.services.invoices.consolidating import subscriptions_of
from billing.services.payments.contrary_words import note_charge_contrary, takes_several_parts
from billing.services.payments.part_payments import collect_rest_of, planned_again
from billing.services.payments.payment_events import record_event
from billing.services.payments.payment_returns import return_payment
from billing.services.payments.reviews import hold_for_person
from billing.services.payments.stored_methods import keep_method
from billing.services.payments.strategy import (
    has_fallback,
    is_for_good,
    must_confirm,
    reasons_in_words,
)
from subscriptions.models import Subscription
from subscriptions.services.lifecycle import (
    activate_subscription,
    mark_past_due,
    mark_recovered,
)
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.money import quantize

logger = logging.getLogger(__name__)

STORED_METHOD = "stored_method"
UNROUTABLE_WAIT = timedelta(days=1)
_TAKEN_ALREADY = {"the gateway says that it has taken this money already": 100}
_RESOLVED = frozenset(
    {
        AttemptState.SUCCEEDED,
        AttemptState.DECLINED,
        AttemptState.NOT_SENT,
        AttemptState.ABANDONED,
    }
)


@transaction.atomic
def settle_attempt(
    *, attempt: PaymentAttempt, outcome: Outcome, actor: Actor, at: datetime
) -> PaymentAttempt:
    """Record what an answer proves; one that proves nothing new only sets the next look."""
    locked = _lock(attempt)
    note_charge_contrary(attempt=locked, outcome=outcome, actor=actor, at=at)
    if _is_only_held(locked, outcome):
        outcome = replace(outcome, answer=Answer.AUTHORIZED)
    to_state = _proven_state(locked, outcome, at)
    _keep_references(locked, outcome)
    _note_miss(locked, outcome, at)
    if locked.state in attempt_states_before(to_state):
        _move_attempt(locked, to_state, outcome, actor, at)
    else:
        _look_again(locked, at)
        _note_contradiction(locked, outcome, actor, at)
        _note_late_failure(locked, outcome, actor, at)
    return locked


@transaction.atomic
def prove_not_executed(
    *, attempt: PaymentAttempt, proof: str, reason: str, actor: Actor, at: datetime
) -> PaymentAttempt:
    """Take a person's word, with its proof, that an unknown attempt was not executed.

    Should the gateway say otherwise later, that is written down as a contradiction.

    Raises:
        StateMoveNotAllowed: If its outcome is known.
    """
    locked = _lock_unknown(attempt)
    _note_proof(locked, proof, reason, actor, at)
    outcome = Outcome(answer=Answer.NO_SUCH_REQUEST, message="proven by a person")
    _move_attempt(locked, AttemptState.NOT_SENT, outcome, actor, at)
    return locked


@transaction.atomic
def prove_executed(
    *,
    attempt: PaymentAttempt,
    reference: str,
    proof: str,
    reason: str,
    actor: Actor,
    at: datetime,
) -> PaymentAttempt:
    """Take people's word, with its proof, that an unknown attempt has taken its amount.

    Raises:
        StateMoveNotAllowed: If its outcome is known.
    """
    locked = _lock_unknown(attempt)
    _note_proof(locked, proof, reason, actor, at)
    outcome = Outcome(
        answer=Answer.SUCCEEDED,
        reference=reference,
        amount=locked.payment.amount,
        message="proven by a person",
    )
    held = _is_only_held(locked, outcome)
    _keep_references(locked, outcome)
    to_state = AttemptState.AUTHORIZED if held else AttemptState.SUCCEEDED
    _move_attempt(locked, to_state, outcome, actor, at)
    return locked


def _lock_unknown(attempt: PaymentAttempt) -> PaymentAttempt:
    locked = _lock(attempt)
    if locked.state != AttemptState.UNKNOWN:
        raise StateMoveNotAllowed(f"the attempt is {locked.state}: its outcome is known")
    return locked


def _note_proof(
    attempt: PaymentAttempt, proof: str, reason: str, actor: Actor, at: datetime
) -> None:
    record_event(
        payment=attempt.payment,
        attempt=attempt,
        event="proof_given",
        actor=actor,
        at=at,
        details={"reason": reason[:300], "message": f"proof: {proof[:300]}"},
    )


def end_hold(*, attempt: PaymentAttempt, reason: str, actor: Actor, at: datetime) -> None:
    """End a hold: what was taken of it is what was paid; of which nothing was, it is let go.

    The caller has locked the attempt by its invoice.
    """
    payment, taken = attempt.payment, attempt.amount_captured
    attempt.message = reason or attempt.message
    outcome = Outcome(answer=Answer.ABANDONED, message=reason)
    if taken.amount:
        payment.amount = taken
        payment.save(update_fields=["amount"])
        _move_attempt(attempt, AttemptState.SUCCEEDED, outcome, actor, at)
    else:
        _move_attempt(attempt, AttemptState.ABANDONED, outcome, actor, at)


def _is_only_held(attempt: PaymentAttempt, outcome: Outcome) -> bool:
    """Whether "succeeded" speaks of an authorisation: a hold's captures tell of its money."""
    if not attempt.is_hold or outcome.answer != Answer.SUCCEEDED:
        return False
    if attempt.state == AttemptState.ABANDONED:  # let go, and yet taken
        return takes_several_parts(attempt)
    return attempt.state != AttemptState.SUCCEEDED


def _lock(attempt: PaymentAttempt) -> PaymentAttempt:
    """The attempt as it is now; the invoice is always locked first, so that nobody deadlocks."""
    invoice = (
        Invoice.objects.select_for_update(of=("self",))
        .select_related("subscription")
        .get(payments__attempts=attempt.pk)
    )
    locked = (
        PaymentAttempt.objects.select_for_update(of=("self", "payment"))
        .select_related("payment__customer")
        .get(pk=attempt.pk)
    )
    locked.payment.invoice = invoice
    return locked


def _proven_state(attempt: PaymentAttempt, outcome: Outcome, at: datetime) -> AttemptState:
    if outcome.answer == Answer.SUCCEEDED and outcome.amount != attempt.payment.amount:
        return AttemptState.UNKNOWN
    return settled_state(
        outcome.answer,
        is_replay=attempt.sends > 1,
        sent_at=attempt.sent_at or attempt.dispatched_at,
        at=at,
        look_up=gateway_named(attempt.gateway).capabilities.look_up,
        missed_at=attempt.missed_at,
    )


def _note_miss(attempt: PaymentAttempt, outcome: Outcome, at: datetime) -> None:
    """Note when a look-up first found nothing of what was sent last."""
    rule = gateway_named(attempt.gateway).capabilities.look_up
    if outcome.answer == Answer.NO_SUCH_REQUEST and rule and attempt.missed_at is None:
        sent_at = attempt.sent_at or attempt.dispatched_at
        attempt.missed_at = at if is_missed(sent_at=sent_at, at=at, rule=rule) else None


def _keep_references(attempt: PaymentAttempt, outcome: Outcome) -> None:
    if not _is_second_charge(attempt, outcome):
        attempt.gateway_reference = outcome.reference or attempt.gateway_reference
    attempt.gateway_session = outcome.session or attempt.gateway_session
    attempt.action_url = outcome.action_url or attempt.action_url
    attempt.fee = attempt.fee if outcome.fee is None else outcome.fee
    attempt.message = outcome.message or attempt.message


def _move_attempt(
    attempt: PaymentAttempt, to_state: AttemptState, outcome: Outcome, actor: Actor, at: datetime
) -> None:
    from_state, attempt.state = attempt.state, to_state
    if to_state in _RESOLVED:
        attempt.resolved_at, attempt.action_url = at, ""
    if outcome.decline and to_state in {AttemptState.DECLINED, AttemptState.NOT_SENT}:
        attempt.decline_class = outcome.decline.decline_class
        attempt.decline_code = outcome.decline.code[:64]
    if attempt.is_hold and to_state == AttemptState.AUTHORIZED:
        lasts = gateway_named(attempt.gateway).capabilities.authorization_lasts
        attempt.authorized_until = at + lasts if lasts else None
    attempt.checks = attempt.checks if from_state in UNPROVEN_ATTEMPT_STATES else 0
    _look_again(attempt, at)
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


def _look_again(attempt: PaymentAttempt, at: datetime) -> None:
    """Save the attempt, and when to look at it again: never, once nothing is missing."""
    lacks_fee = attempt.state == AttemptState.SUCCEEDED and attempt.fee is None
    if attempt.state in _RESOLVED and not lacks_fee:
        attempt.next_check_at = None
    else:
        attempt.next_check_at = next_check_at(checks_done=attempt.checks, at=at)
        attempt.checks = min(attempt.checks + 1, 1000)
    attempt.save()


def _note_contradiction(
    attempt: PaymentAttempt, outcome: Outcome, actor: Actor, at: datetime
) -> None:
    """Money moved although we had proof that it had not, or another amount, or a second time.

    A person must look; until then nothing of the invoice is charged by itself.
    """
    is_known = attempt.state == AttemptState.SUCCEEDED and not _is_second_charge(attempt, outcome)
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


def _is_second_charge(attempt: PaymentAttempt, outcome: Outcome) -> bool:
    """Whether what has succeeded already is said to have, under another name of the gateway's."""
    known, told = attempt.gateway_reference, outcome.reference
    is_again = attempt.state == AttemptState.SUCCEEDED and outcome.answer == Answer.SUCCEEDED
    return is_again and not attempt.is_hold and bool(known and told) and known != told


def _note_late_failure(
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


def _follow(attempt: PaymentAttempt, outcome: Outcome, actor: Actor, at: datetime) -> None:
    """Move the payment after its attempt, and what hangs on it."""
    payment = attempt.payment
    if attempt.state == AttemptState.SUCCEEDED:
        payment.paid_at, payment.next_attempt_at = at, None
        _move_payment(payment, PaymentState.PAID, actor, at)
        if not attempt.is_hold:  # whose captures have counted one by one
            _credit_invoice(payment, actor, at)
        if outcome.method is not None and attempt.saves_method:
            keep_method(
                customer_id=payment.customer_id,
                details=outcome.method,
                at=at,
                gateway=attempt.gateway,
            )
        collect_rest_of(payment, actor=actor, at=at)
    elif attempt.state in _RESOLVED and attempt.channel == STORED_METHOD and not attempt.is_hold:
        _plan_next_try(attempt, actor, at)
    else:
        _move_payment(payment, payment_state_of(attempt.state), actor, at)


def _move_payment(
    payment: Payment,
    to_state: PaymentState,
    actor: Actor,
    at: datetime,
    details: dict[str, object] | None = None,
) -> None:
    from_state = payment.state
    if from_state != to_state:
        ensure_payment_move(from_state, to_state)
        payment.state = to_state
        record_event(
            payment=payment,
            event=f"payment_{to_state}",
            actor=actor,
            at=at,
            from_state=from_state,
            to_state=to_state,
            details=details,
        )
    payment.save(update_fields=["state", "paid_at", "next_attempt_at"])


def _credit_invoice(payment: Payment, actor: Actor, at: datetime) -> None:
    invoice = payment.invoice
    invoice.amount_paid += payment.amount
    if invoice.amount_due.amount <= 0 and invoice.state != Invoice.State.VOID:
        invoice.state, invoice.paid_at = Invoice.State.PAID, at
    invoice.save(update_fields=["amount_paid", "state", "paid_at"])
    note_overpayment(payment, actor, at)
    recover_subscription(invoice, at)


def note_overpayment(payment: Payment, actor: Actor, at: datetime) -> None:
    """Write down that an invoice has been paid beyond what it is owed; a person may refund it."""
    too_much = payment.invoice.amount_overpaid
    if too_much.amount <= 0:
        return
    record_event(
        payment=payment,
        event="invoice_overpaid",
        actor=actor,
        at=at,
        details={"too_much": str(quantize(too_much).amount)},
    )
    logger.warning("invoice overpaid", extra={"invoice": payment.invoice.number})


def recover_subscription(invoice: Invoice, at: datetime) -> None:
    """After an invoice was settled: what waited for it begins, what was past due recovers."""
    for subscription in subscriptions_of(invoice):
        is_new = subscription.state == Subscription.State.INCOMPLETE
        if is_new and invoice.state == Invoice.State.PAID:
            activate_subscription(subscription=subscription, at=at)
        is_behind = subscription.state == Subscription.State.PAST_DUE
        if is_behind and not _is_still_behind(invoice, subscription, at):
            mark_recovered(subscription=subscription, at=at)


def _is_still_behind(invoice: Invoice, subscription: Subscription, at: datetime) -> bool:
    others = Invoice.objects.collectable().filter(
        Q(subscription=subscription) | Q(parts__subscription=subscription)
    )
    uncollected = Q(payments__state__in=["failed", "requires_action"]) | Q(due_at__lt=at)
    return others.exclude(pk=invoice.pk).filter(uncollected).exists()


def wait_for_a_way(
    *, payment: Payment, decision: PaymentDecision, actor: Actor, at: datetime
) -> None:
    """Nothing can be charged now: try again tomorrow, or give up until the customer acts.

    The caller holds the invoice's lock.
    """
    given_up = is_for_good(decision)
    payment.next_attempt_at = None if given_up else at + UNROUTABLE_WAIT
    record_event(
        payment=payment,
        event="payment_not_routed",
        actor=actor,
        at=at,
        details={"reason": reasons_in_words(decision)[:500]},
    )
    to_state = PaymentState.FAILED if given_up else PaymentState.OPEN
    if must_confirm(decision):
        payment.next_attempt_at, to_state = None, PaymentState.REQUIRES_ACTION
    _move_payment(payment, to_state, actor, at)
    if given_up:
        _fall_behind(payment, DeclineClass.HARD_INSTRUMENT, at)


def _plan_next_try(attempt: PaymentAttempt, actor: Actor, at: datetime) -> None:
    """After a stored method was charged in vain: when to try again, or who has to act."""
    payment = attempt.payment
    as_planned = planned_again(payment)
    if as_planned is not None:
        _move_payment(payment, as_planned, actor, at, {"reason": "what was planned stands"})
        return
    if payment.rest == Payment.Rest.NONE and has_fallback(attempt):
        payment.next_attempt_at = at
        _move_payment(payment, PaymentState.OPEN, actor, at, {"reason": "another gateway is next"})
        return
    decline_class = DeclineClass(attempt.decline_class or DeclineClass.UNCLASSIFIED)
    if decline_class == DeclineClass.AUTH_REQUIRED:
        details: dict[str, object] = {"reason": POLICIES[decline_class].advice}
        _move_payment(payment, PaymentState.REQUIRES_ACTION, actor, at, details)
        _fall_behind(payment, decline_class, at)
        return
    tried = payment.attempts.filter(channel=STORED_METHOD, resolved_at__isnull=False)
    first = tried.order_by("sequence").first()
    first_failed_at = first.resolved_at if first and first.resolved_at else at
    terms, past_due_from = terms_of(payment.invoice, at)
    retry = plan_retry(
        terms=terms,
        past_due_from=past_due_from or first_failed_at,
        decline_class=decline_class,
        retries_done=payment.retries_done,
        first_failed_at=first_failed_at,
        failed_at=at,
        time_zone=payment.customer.time_zone,
    )
    if retry.at is not None and attempt.method is not None:
        brand = attempt.method.brand
        returns = returns_of([attempt.method]).get((payment.invoice_id, brand), [])
        rule = spent_representments(brand=brand, returns=returns, at=retry.at)
        retry = Retry(at=None, reason=f"{rule.words()} ({rule.source})") if rule else retry
    payment.next_attempt_at = retry.at
    to_state = PaymentState.OPEN if retry.at else PaymentState.FAILED
    _move_payment(payment, to_state, actor, at, {"reason": retry.reason})
    if retry.at is None:
        _fall_behind(payment, decline_class, at)


def _fall_behind(payment: Payment, decline_class: DeclineClass, at: datetime) -> None:
    reason = f"invoice {payment.invoice}: {decline_class}"
    for subscription in subscriptions_of(payment.invoice):
        mark_past_due(subscription=subscription, reason=reason[:200], at=at)

"""After a stored method was charged in vain: when it is tried again, or who has to act."""

from datetime import datetime, timedelta

from billing.domain.attempts import PaymentState
from billing.domain.budgets import spent_representments
from billing.domain.campaigns import plan_retry
from billing.domain.declines import POLICIES, DeclineClass
from billing.domain.dunning import Retry
from billing.domain.eligibility import Why
from billing.models import Payment, PaymentAttempt, PaymentDecision
from billing.queries.risk import returns_of
from billing.services.dunning.campaigns import terms_of
from billing.services.invoices.consolidating import subscriptions_of
from billing.services.payments.on_session import state_after_leaving, state_beside_plan
from billing.services.payments.part_payments import planned_again
from billing.services.payments.payment_events import record_event
from billing.services.payments.payment_moves import move_payment
from billing.services.payments.strategy import (
    has_fallback,
    is_for_good,
    must_confirm,
    reasons_in_words,
)
from subscriptions.services.lifecycle import mark_past_due
from subscriptions.services.transitions import Actor

STORED_METHOD = "stored_method"
UNROUTABLE_WAIT = timedelta(days=1)
OUTAGE_WAIT = timedelta(minutes=15)  # a gateway that fails is left alone for ten at most


def wait_for_a_way(
    *, payment: Payment, decision: PaymentDecision, actor: Actor, at: datetime
) -> None:
    """Nothing can be charged now: try again tomorrow, or give up until the customer acts.

    Where all that keeps it is a gateway that has been failing, it is tried again much sooner.

    The caller holds the invoice's lock.
    """
    given_up = is_for_good(decision)
    wait = OUTAGE_WAIT if _is_outage(decision) else UNROUTABLE_WAIT
    payment.next_attempt_at = None if given_up else at + wait
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
    move_payment(payment, to_state, actor, at)
    if given_up:
        _fall_behind(payment, DeclineClass.HARD_INSTRUMENT, at)


def _is_outage(decision: PaymentDecision) -> bool:
    """Whether somewhere nothing is missing but that the gateway recovers."""
    return any(candidate["why_not"] == [Why.BREAKER_OPEN] for candidate in decision.candidates)


def plan_next_try(attempt: PaymentAttempt, actor: Actor, at: datetime) -> None:
    """After a stored method was charged in vain: when to try again, or who has to act."""
    payment = attempt.payment
    as_planned = state_after_leaving(attempt) or planned_again(payment)
    if as_planned is not None:
        move_payment(payment, as_planned, actor, at, {"reason": "what was planned stands"})
        return
    if payment.rest == Payment.Rest.NONE and has_fallback(attempt):
        payment.next_attempt_at = at
        move_payment(payment, PaymentState.OPEN, actor, at, {"reason": "another gateway is next"})
        return
    as_planned = state_beside_plan(attempt)
    if as_planned is not None:
        move_payment(payment, as_planned, actor, at, {"reason": "what was planned stands"})
        return
    decline_class = DeclineClass(attempt.decline_class or DeclineClass.UNCLASSIFIED)
    if decline_class == DeclineClass.AUTH_REQUIRED:
        details: dict[str, object] = {"reason": POLICIES[decline_class].advice}
        move_payment(payment, PaymentState.REQUIRES_ACTION, actor, at, details)
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
    move_payment(payment, to_state, actor, at, {"reason": retry.reason})
    if retry.at is None:
        _fall_behind(payment, decline_class, at)


def _fall_behind(payment: Payment, decline_class: DeclineClass, at: datetime) -> None:
    reason = f"invoice {payment.invoice}: {decline_class}"
    for subscription in subscriptions_of(payment.invoice):
        mark_past_due(subscription=subscription, reason=reason[:200], at=at)

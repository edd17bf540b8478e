"""The bank's question about a stored card: answered by who is there, given up, or left open.

Whoever closes the bank's page leaves an attempt that may still take money, so that it stays live
until the gateway has proven that it will not.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from billing.domain.attempts import Answer, AttemptState, PaymentState
from billing.gateways.base import Outcome, VoidRequest
from billing.gateways.challenges import (
    EndsChallenges,
    EndsUnnamed,
    HearsReturns,
    ReturnRequest,
)
from billing.gateways.registry import gateway_named
from billing.models import Invoice, PaymentAttempt
from billing.services.payments.attempt_moves import move_attempt
from billing.services.payments.channels import Channel
from billing.services.payments.gateway_calls import ask
from billing.services.payments.payment_events import contradict_once
from billing.services.payments.settling import lock_attempt, settle_attempt
from subscriptions.services.transitions import Actor

CHALLENGE_IS_OPEN_FOR = timedelta(hours=1)  # as a page of ours is
IS_TOLD_WITHIN = timedelta(days=1)  # what came of giving it up; then nobody knows
_WITH_CUSTOMER = frozenset({AttemptState.REQUIRES_ACTION, AttemptState.PENDING})


def waiting_for_customer(invoice: Invoice) -> PaymentAttempt | None:
    """The attempt of an invoice that is with its customer: on a page, or at the bank's question.

    A debit that is on its way is with the banks, whoever has chosen it.
    """
    there = Q(channel=Channel.HOSTED_PAGE) | Q(is_on_session=True)
    on_its_way = Q(is_on_session=True, state=AttemptState.PENDING, method__kind="bank_debit")
    live = PaymentAttempt.objects.live().filter(there, payment__invoice=invoice)
    return live.exclude(on_its_way).exclude(state=AttemptState.SUCCEEDED).first()


def hand_over_return(
    *, attempt: PaymentAttempt, told: str, actor: Actor, at: datetime
) -> PaymentAttempt:
    """Hand the gateway what the browser brings back from the bank, where it has to be.

    The same return twice is one request with one key.
    """
    gateway = gateway_named(attempt.gateway)
    is_open = attempt.is_on_session and attempt.state == AttemptState.REQUIRES_ACTION
    if not (told and is_open and isinstance(gateway, HearsReturns)):
        return attempt
    request = ReturnRequest(
        our_reference=str(attempt.pk),
        told=told,
        idempotency_key=f"{attempt.idempotency_key}:return",
    )
    outcome = ask(
        gateway=attempt.gateway,
        verb="complete_challenge",
        request=request,
        call=lambda: gateway.complete_challenge(request),
        at=at,
        attempt=attempt,
    )
    return settle_attempt(attempt=attempt, outcome=outcome, actor=actor, at=at)


def is_left(attempt: PaymentAttempt, at: datetime) -> bool:
    """Whether a bank's question is to be given up, or once more: nobody will answer it any more.

    So is one that was never heard, and one whose end the gateway has not told within a day.
    """
    if not attempt.is_on_session or _ending(attempt) is None:
        return False
    age, is_card = _age(attempt, at), attempt.method and attempt.method.kind == "card"
    if attempt.state == AttemptState.REQUIRES_ACTION:
        return age >= CHALLENGE_IS_OPEN_FOR
    if attempt.state == AttemptState.UNKNOWN:
        return bool(is_card) and age >= CHALLENGE_IS_OPEN_FOR
    return bool(is_card) and attempt.state == AttemptState.PENDING and age >= IS_TOLD_WITHIN


def end_challenge(*, attempt: PaymentAttempt, actor: Actor, at: datetime) -> PaymentAttempt:
    """Give up a charge whose customer was asked to confirm, so that it can be paid otherwise.

    Gives the attempt as it is then: succeeded if the customer was quicker, pending where the
    gateway tells only later what came of it, and unchanged where it cannot be given up. It is
    asked for once more each day, by a new key, so that the gateway tells once more what came of
    it; one of which nothing is told for a day is unknown, and waits for people.
    """
    end = _ending(attempt)
    if end is None:
        return attempt
    request = VoidRequest(
        our_reference=str(attempt.pk),
        charge_reference=attempt.gateway_reference,
        idempotency_key=_key_of_day(attempt, at),
    )
    outcome = ask(
        gateway=attempt.gateway,
        verb="end_challenge",
        request=request,
        call=lambda: end(request),
        at=at,
        attempt=attempt,
    )
    if attempt.state == AttemptState.UNKNOWN and outcome.answer == Answer.PENDING:
        outcome = Outcome(answer=Answer.INCONCLUSIVE)  # that it was asked for proves nothing
    settled = settle_attempt(attempt=attempt, outcome=outcome, actor=actor, at=at)
    return _lose_sight(settled, actor, at)


def challenge_was_ended(
    *, attempt: PaymentAttempt, answer: Answer, actor: Actor, at: datetime
) -> PaymentAttempt:
    """What a gateway tells later of a charge that was to be given up; a no decides nothing.

    Of one that has succeeded, as it has told itself, it is a contradiction, and moves nothing.
    """
    waits = _WITH_CUSTOMER | {AttemptState.UNKNOWN, AttemptState.SUCCEEDED}
    if not attempt.is_on_session or attempt.state not in waits or answer != Answer.ABANDONED:
        return attempt
    outcome = Outcome(answer=Answer.ABANDONED, message="the customer did not confirm")
    settled = settle_attempt(attempt=attempt, outcome=outcome, actor=actor, at=at)
    is_paid = settled.state == AttemptState.SUCCEEDED and settled.payment.state == PaymentState.PAID
    if is_paid and not settled.outcome_claims.filter(state="agreed").exists():
        contradict_once(
            attempt=settled,
            about={"attempt": str(settled.pk)},
            details={"message": "canceled at the gateway, after it was taken"},
            actor=actor,
            at=at,
        )
    return settled


def _ending(attempt: PaymentAttempt) -> Callable[[VoidRequest], Outcome] | None:
    """How its gateway is asked to give it up; None: it cannot be asked."""
    gateway = gateway_named(attempt.gateway)
    if attempt.gateway_reference:
        return gateway.end_challenge if isinstance(gateway, EndsChallenges) else None
    return gateway.end_unnamed if isinstance(gateway, EndsUnnamed) else None


def _age(attempt: PaymentAttempt, at: datetime) -> timedelta:
    """How long its customer has been asked: by a test clock of its own, which may be behind."""
    clock = attempt.payment.customer.clock
    return (min(at, clock.at) if clock else at) - attempt.dispatched_at


def _key_of_day(attempt: PaymentAttempt, at: datetime) -> str:
    """Of what has a name by now it is another request than of what had none."""
    days = _age(attempt, at).days
    end = "end" if attempt.gateway_reference else "end_unnamed"
    return f"{attempt.idempotency_key}:{end}" + (f":{days}" if days > 0 else "")


def _lose_sight(attempt: PaymentAttempt, actor: Actor, at: datetime) -> PaymentAttempt:
    """Say that nobody knows what became of a question that was given up over a day ago."""
    if attempt.state not in _WITH_CUSTOMER or _age(attempt, at) < IS_TOLD_WITHIN:
        return attempt
    with transaction.atomic():
        locked = lock_attempt(attempt)
        if locked.state in _WITH_CUSTOMER:
            outcome = Outcome(
                answer=Answer.INCONCLUSIVE,
                message="the customer has left, and the gateway does not tell what came of it",
            )
            move_attempt(locked, AttemptState.UNKNOWN, outcome, actor, at)
        return locked

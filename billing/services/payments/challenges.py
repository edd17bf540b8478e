"""The bank's question about a stored card: answered by who is there, given up, or left open.

Whoever closes the bank's page leaves an attempt that may still take money, so that it stays live
until the gateway has proven that it will not.
"""

from datetime import datetime, timedelta

from django.db.models import Q

from billing.domain.attempts import Answer, AttemptState
from billing.gateways.base import Outcome, VoidRequest
from billing.gateways.challenges import EndsChallenges, HearsReturns, ReturnRequest
from billing.gateways.registry import gateway_named
from billing.models import Invoice, PaymentAttempt
from billing.services.payments.channels import Channel
from billing.services.payments.gateway_calls import ask
from billing.services.payments.settling import settle_attempt
from subscriptions.services.transitions import Actor

CHALLENGE_IS_OPEN_FOR = timedelta(hours=1)  # as a page of ours is


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
    """Whether a bank's question has been open for so long that nobody will answer it."""
    is_open = attempt.is_on_session and attempt.state == AttemptState.REQUIRES_ACTION
    return is_open and at - attempt.dispatched_at >= CHALLENGE_IS_OPEN_FOR


def end_challenge(*, attempt: PaymentAttempt, actor: Actor, at: datetime) -> PaymentAttempt:
    """Give up a charge whose customer was asked to confirm, so that it can be paid otherwise.

    Gives the attempt as it is then: succeeded if the customer was quicker, pending where the
    gateway tells only later what came of it, and unchanged where it cannot be given up.
    """
    gateway = gateway_named(attempt.gateway)
    if not isinstance(gateway, EndsChallenges):
        return attempt
    request = VoidRequest(
        our_reference=str(attempt.pk),
        charge_reference=attempt.gateway_reference,
        idempotency_key=f"{attempt.idempotency_key}:end",
    )
    outcome = ask(
        gateway=attempt.gateway,
        verb="end_challenge",
        request=request,
        call=lambda: gateway.end_challenge(request),
        at=at,
        attempt=attempt,
    )
    return settle_attempt(attempt=attempt, outcome=outcome, actor=actor, at=at)


def challenge_was_ended(
    *, attempt: PaymentAttempt, answer: Answer, actor: Actor, at: datetime
) -> PaymentAttempt:
    """What a gateway tells later of a charge that was to be given up; a no decides nothing."""
    waits = {AttemptState.REQUIRES_ACTION, AttemptState.PENDING}
    if not attempt.is_on_session or attempt.state not in waits or answer != Answer.ABANDONED:
        return attempt
    outcome = Outcome(answer=Answer.ABANDONED, message="the customer did not confirm")
    return settle_attempt(attempt=attempt, outcome=outcome, actor=actor, at=at)

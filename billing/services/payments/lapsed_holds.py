"""Holds that are over by their own date, of which no gateway has told the end: people say it.

It takes one person, not two: nothing was taken of such a hold, none but us could take anything,
and once it has ended nothing of it can be taken any more.
"""

import logging
from datetime import datetime

from django.db import transaction

from billing.domain.attempts import LIVE_REFUND_STATES, Answer, AttemptState
from billing.domain.hold_ends import is_over
from billing.errors import HoldNotPossible, ProofMissing
from billing.gateways.base import Outcome
from billing.gateways.registry import gateway_named
from billing.models import PaymentAttempt
from billing.services.payments.gateway_calls import ask
from billing.services.payments.lapsing_holds import hold_has_lapsed
from billing.services.payments.operations import settle_operation
from billing.services.payments.settling import note_proof, settle_attempt
from subscriptions.services.transitions import Actor

logger = logging.getLogger(__name__)


def say_hold_has_lapsed(
    *, attempt: PaymentAttempt, proof: str, actor: Actor, at: datetime
) -> PaymentAttempt:
    """Take a person's word that a hold is over, by what they have seen at the gateway.

    Talks to the gateway, whose word comes first: wrap no transaction around it.

    Raises:
        ProofMissing: If there is no proof, or no person.
        HoldNotPossible: If it is not over by its date, a capture of it is not known yet, or the
            gateway says that it is held still.
    """
    if actor.user is None or not proof.strip():
        raise ProofMissing("name what shows that it is over: only a person can")
    until = attempt.authorized_until
    if not attempt.is_hold or until is None or not is_over(authorized_until=until, at=at):
        raise HoldNotPossible("it is not over by its own date yet: let it go instead")
    gateway, reference = gateway_named(attempt.gateway), attempt.gateway_reference
    told = ask(
        gateway=gateway.name,
        verb="read_charge",
        request=reference,
        call=lambda: gateway.read_charge(reference),
        at=at,
        attempt=attempt,
    )
    seen = settle_attempt(attempt=attempt, outcome=told, actor=actor, at=at)
    if seen.state != AttemptState.AUTHORIZED:
        return seen
    if told.answer == Answer.AUTHORIZED:
        raise HoldNotPossible("the gateway says that it is held still: let it go")
    return _end(seen, proof.strip(), actor, at)


@transaction.atomic
def _end(attempt: PaymentAttempt, proof: str, actor: Actor, at: datetime) -> PaymentAttempt:
    """Write the proof down; what is over was let go, also by a void that nobody answered."""
    note_proof(attempt, proof[:280], "the hold has lapsed", actor, at)
    live = [str(state) for state in LIVE_REFUND_STATES]
    gone = Outcome(answer=Answer.ABANDONED)
    for void in attempt.operations.filter(kind="void", state__in=live):
        settle_operation(operation=void, outcome=gone, actor=actor, at=at)
    ended = hold_has_lapsed(attempt=attempt, actor=actor, at=at)
    if ended.state == AttemptState.AUTHORIZED:
        raise HoldNotPossible("a capture of it is not known yet: find that out first")
    logger.info("hold said to have lapsed", extra={"attempt": str(attempt.pk)})
    return ended

"""Holds that would lapse, or have: what was taken of them is paid, and the rest is let go."""

from datetime import datetime

from django.db import transaction

from billing.domain.attempts import LIVE_REFUND_STATES, AttemptState
from billing.domain.hold_ends import LET_GO_BEFORE, is_over
from billing.models import PaymentAttempt
from billing.services.payments.failed_voids import due_for_void
from billing.services.payments.holds import void_hold
from billing.services.payments.settling import end_hold, lock_attempt
from subscriptions.models import CustomerClock
from subscriptions.services.transitions import SCHEDULE, Actor
from tiktoktoe.kernel.errors import Conflict


def let_go_of_lapsing(*, at: datetime, limit: int = 100, clock: CustomerClock | None = None) -> int:
    """End the holds that would lapse soon, by a void where nothing was taken; gives how many.

    After a void that has failed, another is sent an hour later, then two, then four; and none
    once the hold is over by its own date: then its gateway is only asked, and people are told.
    Of customers with a test clock only those of `clock`, and of it no others.
    """
    lapsing = PaymentAttempt.objects.filter(
        payment__customer__clock=clock,
        is_hold=True,
        state=AttemptState.AUTHORIZED,
        authorized_until__lte=at + LET_GO_BEFORE,
    ).exclude(operations__state__in=[str(state) for state in LIVE_REFUND_STATES])
    due = [
        hold.pk
        for hold in due_for_void(lapsing, at)
        if not (hold.voids_failed and is_over(authorized_until=hold.authorized_until, at=at))
    ]
    ended = 0
    for pk in due[:limit]:
        try:
            _let_go(PaymentAttempt.objects.get(pk=pk), at)
        except Conflict:  # somebody was quicker
            continue
        ended += 1
    return ended


@transaction.atomic
def hold_has_lapsed(*, attempt: PaymentAttempt, actor: Actor, at: datetime) -> PaymentAttempt:
    """Record the gateway's word that a hold has lapsed: what was not taken is let go.

    What is not known yet of its captures must be known first.
    """
    locked = lock_attempt(attempt)
    open_ones = locked.operations.filter(state__in=[str(state) for state in LIVE_REFUND_STATES])
    if locked.is_hold and locked.state == AttemptState.AUTHORIZED and not open_ones.exists():
        end_hold(attempt=locked, reason="the authorisation has lapsed", actor=actor, at=at)
    return locked


def _let_go(attempt: PaymentAttempt, at: datetime) -> None:
    if attempt.amount_captured.amount:
        hold_has_lapsed(attempt=attempt, actor=SCHEDULE, at=at)
        return
    key = f"lapse:{attempt.pk}:{attempt.operations.count()}"
    void_hold(attempt=attempt, actor=SCHEDULE, idempotency_key=key, at=at)

"""What a stored card's challenge does to its attempt, and to its payment once it was left."""

from django.conf import settings

from billing.domain.attempts import AttemptState, PaymentState
from billing.domain.challenges import challenge_segment
from billing.domain.declines import DeclineClass
from billing.domain.fees import is_cross_border
from billing.models import PaymentAttempt
from billing.services.payments.part_payments import planned_again


def begin_challenge(attempt: PaymentAttempt) -> None:
    """The bank asks: from now on the attempt's outcome tells whether customers stay.

    On pages everybody is counted who may be asked; of a stored card only who really was.
    """
    if not attempt.is_on_session or attempt.method is None:
        return
    attempt.segment = challenge_segment(
        currency=attempt.currency,
        is_cross_border=is_cross_border(
            attempt.method.country, account_country=settings.COMPANY["country"]
        ),
    )


def state_after_leaving(attempt: PaymentAttempt) -> PaymentState | None:
    """Where its payment is left by a customer who was there, and did not confirm.

    What had been planned stands, as when a page is left. None if this attempt is none of those:
    then the decline plans, as of any.
    """
    is_unconfirmed = (
        attempt.state == AttemptState.ABANDONED
        or attempt.decline_class == DeclineClass.AUTH_REQUIRED
    )
    if not (attempt.is_on_session and is_unconfirmed):
        return None
    payment = attempt.payment
    planned = planned_again(payment)
    if planned is not None:
        return planned
    if payment.next_attempt_at is not None:
        return PaymentState.OPEN
    tried = payment.attempts.exclude(pk=attempt.pk)
    was_asked = tried.filter(decline_class=DeclineClass.AUTH_REQUIRED, is_on_session=False)
    is_refused = attempt.decline_class == DeclineClass.AUTH_REQUIRED
    return PaymentState.REQUIRES_ACTION if is_refused or was_asked.exists() else PaymentState.OPEN

"""What a stored card's challenge does to its attempt, and to its payment once it was left."""

from django.conf import settings

from billing.domain.attempts import AttemptState, PaymentState
from billing.domain.challenges import challenge_segment
from billing.domain.declines import DeclineClass
from billing.domain.fees import is_cross_border
from billing.models import Payment, PaymentAttempt, PaymentMethod
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
    is_refused = attempt.decline_class == DeclineClass.AUTH_REQUIRED
    return _as_planned(attempt, asks_again=is_refused)


def state_beside_plan(attempt: PaymentAttempt) -> PaymentState | None:
    """Where its payment is left by a customer who tried another than the default method in vain.

    What it was declined for says nothing of the method that is charged by itself, so that what
    had been planned for that one stands, and what was given up stays so. None if it is no such
    attempt.
    """
    if not attempt.is_on_session:
        return None
    payment = attempt.payment
    methods = PaymentMethod.objects.usable().filter(customer=payment.customer_id)
    default = methods.filter(is_default=True).first()
    if default is None or default.pk == attempt.method_id:
        return None
    state = _as_planned(attempt, asks_again=False)
    is_planned = state != PaymentState.OPEN or payment.next_attempt_at is not None
    if (
        not is_planned
        and Payment.objects.filter(invoice=payment.invoice_id, state="failed").exists()
    ):
        return PaymentState.FAILED
    return state


def _as_planned(attempt: PaymentAttempt, *, asks_again: bool) -> PaymentState:
    """Where the payment was before the customer came: to be tried, or for the customer to act."""
    payment = attempt.payment
    planned = planned_again(payment)
    if planned is not None:
        return planned
    if payment.next_attempt_at is not None:
        return PaymentState.OPEN
    tried = payment.attempts.exclude(pk=attempt.pk)
    was_asked = tried.filter(decline_class=DeclineClass.AUTH_REQUIRED, is_on_session=False)
    return PaymentState.REQUIRES_ACTION if asks_again or was_asked.exists() else PaymentState.OPEN

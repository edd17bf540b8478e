"""Money that a gateway takes back by itself, after it had counted as paid."""

import logging
from datetime import datetime, timedelta

from billing.domain.attempts import (
    COUNTED_REFUND_STATES,
    LIVE_ATTEMPT_STATES,
    Answer,
    AttemptState,
)
from billing.domain.declines import Decline, DeclineClass
from billing.errors import PaymentInFlight
from billing.gateways.base import Outcome
from billing.gateways.disputes import ListsDisputes
from billing.gateways.registry import gateway_named
from billing.models import PaymentAttempt, PaymentOperation
from billing.services.disputes.records import tell_of_dispute
from billing.services.payments.operations import settle_operation
from billing.services.payments.payment_events import WEBHOOK, contradict_once, told_amount
from billing.services.payments.payment_returns import return_payment

logger = logging.getLogger(__name__)

REVERSED = "REVERSED"
TOLD = "the gateway took the money back"
# A chargeback takes money back and opens a dispute: told in any order, within moments.
DISPUTES_FOLLOW_WITHIN = timedelta(minutes=2)


def look_at_reversal(
    *, gateway: str, reference: str, charge_reference: str, told_at: datetime, at: datetime
) -> str:
    """Find out why a charge was taken back: by a dispute, which tells itself, or for good.

    Args:
        reference: The gateway's name of the reversal.

    Raises:
        PaymentInFlight: If it is too early to know, or cannot be read now; asked again later.
        GatewayUnavailable, GatewayRefused: If the gateway cannot be asked now.
    """
    attempt, capture = _charge(gateway, charge_reference)
    if attempt is None:
        return "not ours"
    source = gateway_named(gateway)
    reports = source.list_disputes(charge_reference) if isinstance(source, ListsDisputes) else ()
    for report in reports:
        tell_of_dispute(gateway=gateway, report=report, actor=WEBHOOK, at=at)
    if reports:
        return "a dispute"
    if at - told_at < DISPUTES_FOLLOW_WITHIN:
        raise PaymentInFlight("a dispute may be behind it: this has to wait")
    reversal = source.read_refund(reference)
    if reversal.amount is None:
        raise PaymentInFlight("how much was taken back cannot be read now: this has to wait")
    if not _is_whole(reversal, attempt, capture):
        return _leave_to_a_person(attempt, reversal, charge_reference, at)
    if capture is None:
        return take_back(attempt=attempt, code=REVERSED, message=TOLD, returned_at=told_at, at=at)
    lost = Outcome(answer=Answer.DECLINED, message=TOLD)
    settled = settle_operation(operation=capture, outcome=lost, actor=WEBHOOK, at=at)
    return f"capture {settled.state}"


def _charge(gateway: str, reference: str) -> tuple[PaymentAttempt | None, PaymentOperation | None]:
    """The attempt that a charge is of, and the capture, if it is one of a hold."""
    captures = PaymentOperation.objects.filter(attempt__gateway=gateway, kind="capture")
    capture = captures.filter(gateway_reference=reference).select_related("attempt").first()
    if capture is not None:
        return capture.attempt, capture
    attempts = PaymentAttempt.objects.filter(gateway=gateway, gateway_reference=reference)
    return attempts.first(), None


def _is_whole(reversal: Outcome, attempt: PaymentAttempt, capture: PaymentOperation | None) -> bool:
    """Whether all that was taken is gone, and nothing of it had been given back before."""
    taken = attempt.payment.amount if capture is None else capture.amount
    given = attempt.refunds.filter(state__in=COUNTED_REFUND_STATES, capture=capture)
    return reversal.amount == taken and not given.exists()


def _leave_to_a_person(
    attempt: PaymentAttempt, reversal: Outcome, charge_reference: str, at: datetime
) -> str:
    """Part of it is gone, or more than was left: what is owed then, somebody has to say."""
    assert reversal.amount is not None
    is_new = contradict_once(
        attempt=attempt,
        about={"reversal": reversal.reference},
        details={
            "charge": charge_reference,
            "taken_back": told_amount(reversal.amount, currency=attempt.currency),
        },
        actor=WEBHOOK,
        at=at,
    )
    if is_new:
        logger.error("part of a payment was taken back", extra={"attempt": str(attempt.pk)})
    return "a person has to look"


def take_back(
    *, attempt: PaymentAttempt, code: str, message: str, returned_at: datetime, at: datetime
) -> str:
    """The money of a charge that counts as paid is gone: it is owed again.

    Raises:
        PaymentInFlight: If it is not known to be paid yet.
    """
    if attempt.state in LIVE_ATTEMPT_STATES - {AttemptState.SUCCEEDED}:
        raise PaymentInFlight("it is not known to be paid yet: this has to wait")
    if attempt.state != AttemptState.SUCCEEDED:
        return "nothing was paid"
    returned = return_payment(
        attempt=attempt,
        code=code,
        message=message,
        decline=Decline(code=code, decline_class=DeclineClass.UNCLASSIFIED),
        debited_on=None,
        returned_on=returned_at.date(),
        actor=WEBHOOK,
        at=at,
    )
    return "payment returned" if returned else "payment returned before"

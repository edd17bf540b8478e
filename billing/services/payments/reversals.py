"""Money that a gateway takes back by itself, after it had counted as paid."""

from datetime import datetime, timedelta

from billing.domain.attempts import LIVE_ATTEMPT_STATES, Answer, AttemptState
from billing.domain.declines import Decline, DeclineClass
from billing.errors import PaymentInFlight
from billing.gateways.base import Outcome
from billing.gateways.disputes import ListsDisputes
from billing.gateways.registry import gateway_named
from billing.models import PaymentAttempt, PaymentOperation
from billing.services.disputes.records import tell_of_dispute
from billing.services.payments.holds import settle_operation
from billing.services.payments.payment_events import WEBHOOK
from billing.services.payments.payment_returns import return_payment

REVERSED = "REVERSED"
# A chargeback takes money back and opens a dispute: told in any order, within moments.
DISPUTES_FOLLOW_WITHIN = timedelta(minutes=2)


def look_at_reversal(
    *, gateway: str, charge_reference: str, told_at: datetime, at: datetime
) -> str:
    """Find out why a charge was taken back: by a dispute, which tells itself, or for good.

    Raises:
        PaymentInFlight: If it is too early to know; asked again later.
    """
    attempts = PaymentAttempt.objects.filter(gateway=gateway)
    attempt = attempts.filter(gateway_reference=charge_reference).first()
    captures = PaymentOperation.objects.filter(attempt__gateway=gateway, kind="capture")
    capture = captures.filter(gateway_reference=charge_reference).first()
    if attempt is None and capture is None:
        return "not ours"
    source = gateway_named(gateway)
    reports = source.list_disputes(charge_reference) if isinstance(source, ListsDisputes) else ()
    for report in reports:
        tell_of_dispute(gateway=gateway, report=report, actor=WEBHOOK, at=at)
    if reports:
        return "a dispute"
    if at - told_at < DISPUTES_FOLLOW_WITHIN:
        raise PaymentInFlight("a dispute may be behind it: this has to wait")
    message = "the gateway took the money back"
    if capture is not None:
        lost = Outcome(answer=Answer.DECLINED, message=message)
        settled = settle_operation(operation=capture, outcome=lost, actor=WEBHOOK, at=at)
        return f"capture {settled.state}"
    assert attempt is not None
    return take_back(attempt=attempt, code=REVERSED, message=message, returned_at=told_at, at=at)


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

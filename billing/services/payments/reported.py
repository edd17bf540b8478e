"""What an event of a gateway leads to.

Where the gateway can be asked, an event is a hint to ask. Where it cannot, what is signed in
the event is the gateway's word, and settles what an answer to a request would have settled.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from billing.domain.attempts import (
    UNPROVEN_ATTEMPT_STATES,
    Answer,
    AttemptState,
)
from billing.gateways.base import Outcome
from billing.gateways.disputes import report_kept
from billing.gateways.registry import gateway_named
from billing.models import PaymentAttempt, PaymentOperation, Refund, WebhookEvent
from billing.services.disputes.fees import record_dispute_fees
from billing.services.disputes.records import look_at_dispute, tell_of_dispute
from billing.services.payments.challenges import challenge_was_ended
from billing.services.payments.channels import Channel
from billing.services.payments.event_rows import outcome_of_proof
from billing.services.payments.intake import kind_of_event, look_at_reported
from billing.services.payments.lapsing_holds import hold_has_lapsed
from billing.services.payments.operations import settle_operation
from billing.services.payments.payment_events import WEBHOOK
from billing.services.payments.payment_methods import (
    refresh_method,
    refresh_methods,
    take_over_method,
)
from billing.services.payments.reconciling import find_attempt, look_into
from billing.services.payments.refunds import look_into_refund, settle_refund
from billing.services.payments.reversals import look_at_reversal, take_back
from billing.services.payments.settled_events import keep_unheard_moves
from billing.services.payments.settlement import record_fees
from billing.services.payments.settling import settle_attempt

PROVEN_NOT_TAKEN = frozenset({AttemptState.DECLINED, AttemptState.NOT_SENT, AttemptState.ABANDONED})
HINT = "hint"  # of what an event is about, where its name says it


def handle_event(*, event: WebhookEvent, at: datetime) -> str:
    """Do what an event calls for; says what that was. Doing it again changes nothing."""
    handle = _HANDLERS.get(event.about)
    return handle(event, at) if handle else "nothing to do"


def _handle_payment(event: WebhookEvent, at: datetime) -> str:
    attempt = _attempt(event)
    if attempt is None:
        return "not ours"
    proven = outcome_of_proof(event.proof)
    if proven is not None and proven.answer == Answer.SUCCEEDED:
        settled = settle_attempt(attempt=attempt, outcome=proven, actor=WEBHOOK, at=at)
        return f"attempt {settled.state}"
    # A repeated request tells more than the event does, such as why it was declined.
    seen = look_into(attempt=attempt, actor=WEBHOOK, at=at)
    if proven is not None and _is_decided_by(proven, seen):
        seen = settle_attempt(attempt=seen, outcome=proven, actor=WEBHOOK, at=at)
    if proven is None and seen.state in UNPROVEN_ATTEMPT_STATES and event.reference:
        # Whose charge it is the signed event says; what became of it, the gateway.
        found = gateway_named(event.gateway).read_charge(event.reference)
        seen = settle_attempt(attempt=seen, outcome=found, actor=WEBHOOK, at=at)
    elif proven is None and _names_another(event, seen):
        found = gateway_named(event.gateway).read_charge(event.reference)
        if found.answer == Answer.SUCCEEDED:  # taken a second time, or after a no
            seen = settle_attempt(attempt=seen, outcome=found, actor=WEBHOOK, at=at)
    return f"attempt {seen.state}"


def _names_another(event: WebhookEvent, attempt: PaymentAttempt) -> bool:
    """Whether it is of a charge in our name that the attempt, whose outcome is known, is not."""
    ends = {*PROVEN_NOT_TAKEN, AttemptState.SUCCEEDED}
    ours = {attempt.gateway_reference, attempt.gateway_session, ""}
    return attempt.state in ends and event.reference not in ours


def _is_decided_by(proven: Outcome, attempt: PaymentAttempt) -> bool:
    """Whether a decline ends an attempt; on an open page the customer may try another card."""
    if attempt.channel == Channel.HOSTED_PAGE or proven.answer != Answer.DECLINED:
        return False
    waits = {AttemptState.PENDING, AttemptState.REQUIRES_ACTION, AttemptState.AUTHORIZED}
    return attempt.state in UNPROVEN_ATTEMPT_STATES | waits


def _handle_page(event: WebhookEvent, at: datetime) -> str:
    attempt = _attempt(event)
    if attempt is not None:
        return f"attempt {look_into(attempt=attempt, actor=WEBHOOK, at=at).state}"
    taken = take_over_method(session=event.reference, at=at, gateway=event.gateway)
    return "method stored" if taken else "not ours"


def _handle_refund(event: WebhookEvent, at: datetime) -> str:
    refund = _refund(event)
    if refund is None:
        return "not ours"
    proven = outcome_of_proof(event.proof)
    if proven is None and not refund.gateway_reference and event.reference:
        proven = gateway_named(event.gateway).read_refund(event.reference)
    if proven is None:
        return f"refund {look_into_refund(refund=refund, actor=WEBHOOK, at=at).state}"
    settled = settle_refund(refund=refund, outcome=proven, actor=WEBHOOK, at=at)
    return f"refund {settled.state}"


def _handle_dispute(event: WebhookEvent, at: datetime) -> str:
    if not event.proof:
        return look_at_dispute(
            reference=event.reference, actor=WEBHOOK, at=at, gateway=event.gateway
        )
    report = report_kept(event.proof, event.happened_at)
    return tell_of_dispute(gateway=event.gateway, report=report, actor=WEBHOOK, at=at)


def _handle_operation(event: WebhookEvent, at: datetime) -> str:
    """A capture or void was carried out, or failed, perhaps after it had been."""
    operations = PaymentOperation.objects.filter(attempt__gateway=event.gateway)
    identity = _uuid(event.our_reference)
    known = operations.filter(pk=identity).first() if identity else None
    known = known or operations.filter(gateway_reference=event.reference).first()
    proven = outcome_of_proof(event.proof)
    if known is None and event.name in _GIVEN_UP and proven is not None:
        return _handle_ended_challenge(event, proven, at)
    if known is None or (proven is None and not event.reference):
        return _handle_failed_capture(event, at) if event.name == "CAPTURE_FAILED" else "not ours"
    # Whose it is the signed event says; what became of it, the gateway.
    proven = proven or gateway_named(event.gateway).read_charge(event.reference)
    settled = settle_operation(operation=known, outcome=proven, actor=WEBHOOK, at=at)
    return f"{settled.kind} {settled.state}"


_GIVEN_UP = frozenset({"CANCELLATION", "TECHNICAL_CANCEL"})


def _handle_ended_challenge(event: WebhookEvent, proven: Outcome, at: datetime) -> str:
    """What came of giving up a charge that its customer did not confirm."""
    attempt = _attempt(event)
    if attempt is None or not attempt.is_on_session:
        return "not ours"
    seen = challenge_was_ended(attempt=attempt, answer=proven.answer, actor=WEBHOOK, at=at)
    return f"attempt {seen.state}"


def _handle_failed_capture(event: WebhookEvent, at: datetime) -> str:
    attempt = _attempt(event)
    if attempt is None or attempt.is_hold:
        return "not ours"
    return take_back(
        attempt=attempt,
        code="CAPTURE_FAILED",
        message="the capture failed: the money did not come",
        returned_at=event.happened_at or at,
        at=at,
    )


def _handle_reversal(event: WebhookEvent, at: datetime) -> str:
    told_at = event.happened_at or event.received_at
    return look_at_reversal(
        gateway=event.gateway,
        reference=event.our_reference,
        charge_reference=event.reference,
        told_at=told_at,
        at=at,
    )


def _handle_lapse(event: WebhookEvent, at: datetime) -> str:
    attempt = _attempt(event)
    if attempt is None:
        return "not ours"
    gone = Outcome(answer=Answer.ABANDONED)
    for void in attempt.operations.filter(kind="void", state__in=["dispatched", "unknown"]):
        settle_operation(operation=void, outcome=gone, actor=WEBHOOK, at=at)
    return f"attempt {hold_has_lapsed(attempt=attempt, actor=WEBHOOK, at=at).state}"


def _handle_methods(event: WebhookEvent, at: datetime) -> str:
    reference = event.customer_reference
    kept = refresh_methods(customer_reference=reference, at=at, gateway=event.gateway)
    return f"{kept} methods kept" if kept else "not ours"


def _handle_token(event: WebhookEvent, at: datetime) -> str:
    """A stored card was renewed, or is not there any more: it is asked about."""
    known = refresh_method(reference=event.reference, gateway=event.gateway)
    return f"method {known.state}" if known is not None else _handle_methods(event, at)


def _handle_hint(event: WebhookEvent, at: datetime) -> str:
    return look_at_reported(
        kind=kind_of_event(event.name),
        reference=event.reference,
        our_reference=event.our_reference,
        at=at,
        gateway=event.gateway,
    )


def _handle_report(event: WebhookEvent, at: datetime) -> str:
    """What it says of money that nobody had told us of comes first: that has its fees, too.

    The inbox does it once more, which changes nothing; where it fails, the report comes again.
    """
    unheard = keep_unheard_moves(gateway=event.gateway, report=event.reference, at=at)
    for move in unheard:
        handle_event(event=move, at=at)
    fees = record_fees(gateway=event.gateway, report=event.reference, at=at)
    of_disputes = record_dispute_fees(gateway=event.gateway, report=event.reference, at=at)
    said = f"{fees} fees recorded" + (f", {of_disputes} of disputes" if of_disputes else "")
    return said + (f", {len(unheard)} moves that were not told" if unheard else "")


_HANDLERS: Mapping[str, Callable[[WebhookEvent, datetime], str]] = {
    "payment": _handle_payment,
    "page": _handle_page,
    "refund": _handle_refund,
    "operation": _handle_operation,
    "hold": _handle_lapse,
    "dispute": _handle_dispute,
    "method": _handle_methods,
    "report": _handle_report,
    "reversal": _handle_reversal,
    "token": _handle_token,
    HINT: _handle_hint,
}


def _attempt(event: WebhookEvent) -> PaymentAttempt | None:
    by_reference = None
    if event.reference:
        by_reference = find_attempt(reference=event.reference, gateway=event.gateway)
    identity = _uuid(event.our_reference)
    if by_reference is not None or identity is None:
        return by_reference
    return PaymentAttempt.objects.filter(pk=identity, gateway=event.gateway).first()


def _refund(event: WebhookEvent) -> Refund | None:
    refunds = Refund.objects.filter(attempt__gateway=event.gateway)
    identity = _uuid(event.our_reference)
    known = refunds.filter(pk=identity).first() if identity else None
    return known or refunds.filter(gateway_reference=event.reference).first()


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None

"""A dispute about what was taken of a hold, while the rest of it is still held."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.attempts import Answer
from billing.domain.disputes import DisputeState
from billing.gateways.base import CaptureRequest, Outcome
from billing.gateways.disputes import DisputeMovement, DisputeReport, report_as_kept
from billing.models import Dispute, Invoice, Payment, PaymentAttempt, WebhookEvent
from billing.queries.waiting import waiting_for_people
from billing.services.payments.holds import capture_hold, hold_invoice
from billing.services.payments.webhook_inbox import TRIES_MAX, work_off_waiting
from tests.scripted_gateway import TwoGateways, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # a fixture
pytestmark = pytest.mark.django_db
PART = Money("30.00", "USD")


def test_a_dispute_waits_for_the_end_of_its_hold_however_long_and_is_taken_in_then(
    gateways: TwoGateways,
) -> None:
    hold = _hold(gateways)
    _take(hold, PART, is_last=False)
    event = _told(hold)

    for hour in range(TRIES_MAX + 1):
        work_off_waiting(at=later(hours=hour))

    event.refresh_from_db()
    assert (event.state, event.result, event.tries) == ("waiting", "DisputedWhileHeld", 0)
    assert not Dispute.objects.exists()
    told = [row.words for row in waiting_for_people(later(hours=1))]
    assert told == ["Disputes that wait for a hold to end: take the rest, or let it go"]
    _take(hold, Money("20.00", "USD"), is_last=True)

    work_off_waiting(at=later(hours=TRIES_MAX + 1))

    event.refresh_from_db()
    dispute, payment = Dispute.objects.get(), Payment.objects.get()
    assert (event.state, event.result) == ("done", "dispute needs_response")
    assert (dispute.state, dispute.amount, dispute.held) == ("needs_response", PART, PART)
    assert (payment.amount, payment.shown_state) == (Money("50.00", "USD"), "disputed")


def _hold(gateways: TwoGateways) -> PaymentAttempt:
    gateways.alpha.capabilities = replace(
        gateways.alpha.capabilities,
        has_partial_capture=True,
        has_multi_capture=True,
        authorization_lasts=timedelta(days=7),
    )
    gateways.alpha.capture = _takes  # type: ignore[attr-defined]
    gateways.alpha.read_charge = _is_held  # type: ignore[method-assign]
    invoice: Invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    return hold_invoice(invoice=invoice, actor=PERSON, at=NOW)


def _takes(request: CaptureRequest) -> Outcome:
    return Outcome(answer=Answer.SUCCEEDED, reference=request.our_reference, amount=request.amount)


def _is_held(reference: str) -> Outcome:
    return Outcome(answer=Answer.AUTHORIZED, reference=reference)


def _take(hold: PaymentAttempt, amount: Money, *, is_last: bool) -> None:
    key = f"{amount}"
    capture_hold(
        attempt=hold, amount=amount, is_last=is_last, actor=PERSON, idempotency_key=key, at=NOW
    )


def _told(hold: PaymentAttempt) -> WebhookEvent:
    report = DisputeReport(
        reference="dp_1",
        amount=PART,
        reason="fraudulent",
        state=DisputeState.NEEDS_RESPONSE,
        happened_at=NOW,
        charge_reference=hold.gateway_reference,
        movements=(DisputeMovement(kind="funds", reference="t1", amount=PART),),
    )
    return WebhookEvent.objects.create(
        gateway="alpha",
        event_id="1",
        name="CHARGEBACK",
        about="dispute",
        proof=report_as_kept(report),
        is_signed=True,
        payload="",
        next_try_at=NOW,
        happened_at=NOW,
        received_at=NOW,
    )

"""Gateways that contradict themselves, or make no sense: written down, held, nothing guessed."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.domain.attempts import Answer
from billing.domain.declines import DeclineClass
from billing.errors import PaymentHeld, ProofMissing
from billing.gateways.adyen import AdyenGateway
from billing.gateways.base import CaptureRequest, ChargeRequest, Outcome, RefundRequest
from billing.gateways.paypal import PayPalGateway
from billing.gateways.stripe import StripeGateway
from billing.models import (
    Invoice,
    OutcomeClaim,
    Payment,
    PaymentAttempt,
    PaymentReview,
    Refund,
    WebhookEvent,
)
from billing.queries.contradictions import open_contradictions
from billing.queries.waiting import waiting_for_people
from billing.services.payments.charging import charge_invoice
from billing.services.payments.checkout import open_payment_page
from billing.services.payments.collection import collect_due
from billing.services.payments.corrections import agree_to_correction, propose_correction
from billing.services.payments.holds import capture_hold, hold_invoice
from billing.services.payments.operations import settle_operation
from billing.services.payments.part_payments import collect_rest
from billing.services.payments.reconciling import reconcile_attempts
from billing.services.payments.refunds import refund_payment, settle_refund
from billing.services.payments.settling import settle_attempt
from billing.services.payments.unknowns import agree_to_claim, claim_outcome
from billing.services.payments.webhook_inbox import work_off
from subscriptions.services.transitions import Actor
from tests.factories.accounts import make_user
from tests.scripted_gateway import LOST, TwoGateways, declined, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # a fixture
pytestmark = pytest.mark.django_db
USD99 = Money("99.00", "USD")


def test_money_that_was_taken_after_a_proven_no_is_not_taken_again(gateways: TwoGateways) -> None:
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    gateways.alpha.script = [declined(DeclineClass.SOFT_FUNDS)]
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    _say_taken(attempt, "a late one")
    passes = [collect_due(at=later(days=day)).attempts for day in range(1, 30)]

    review = PaymentReview.objects.get()
    assert (review.state, review.points) == ("open", 100)
    assert list(review.hits) == ["the gateway says that it has taken this money already"]
    assert (sum(passes), gateways.charges) == (0, 0)
    with pytest.raises(PaymentHeld):
        charge_invoice(invoice=invoice, actor=PERSON, at=later(days=30))
    with pytest.raises(PaymentHeld, match="looking into an earlier payment"):
        open_payment_page(invoice=invoice, gateway="alpha", actor=PERSON, at=later(days=30))


def test_a_second_success_under_another_name_is_written_down(gateways: TwoGateways) -> None:
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    first = attempt.gateway_reference

    _say_taken(attempt, first)  # the same again is no news
    assert not _contradictions(attempt)
    _say_taken(attempt, "another")
    _say_taken(attempt, "another")

    attempt.refresh_from_db()
    assert attempt.gateway_reference == first
    assert [event.details["reference"] for event in _contradictions(attempt)] == ["another"]


def test_an_answer_that_makes_no_sense_leaves_it_unknown_and_is_kept(
    gateways: TwoGateways, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    take = gateways.alpha.charge

    def nonsense(_request: ChargeRequest) -> Outcome:
        raise KeyError("amount of sk_live_1234567890")

    monkeypatch.setattr(gateways.alpha, "charge", nonsense)
    collect_due(at=NOW)

    attempt = PaymentAttempt.objects.get()
    call = attempt.calls.get()
    assert (attempt.state, call.answer, call.is_technical_failure) == (
        "unknown",
        "inconclusive",
        True,
    )
    assert call.response["message"] == "the answer makes no sense: KeyError"
    assert "an answer makes no sense" in caplog.text
    assert "sk_live" not in caplog.text
    monkeypatch.setattr(gateways.alpha, "charge", take)
    reconcile_attempts(at=later(minutes=1))
    invoice.refresh_from_db()
    assert (invoice.state, gateways.charges) == ("paid", 1)


def test_that_a_capture_failed_waits_until_its_payment_is_known(gateways: TwoGateways) -> None:
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    gateways.alpha.script = [LOST]
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    event = WebhookEvent.objects.create(
        gateway="alpha",
        event_id="1",
        name="CAPTURE_FAILED",
        about="operation",
        our_reference=str(attempt.pk),
        is_signed=True,
        payload="",
        next_try_at=NOW,
        received_at=NOW,
    )

    assert work_off(event=event, at=NOW).state == "waiting"
    _say_taken(attempt, "alpha-1")
    assert Payment.objects.get().state == "paid"

    assert work_off(event=event, at=later(hours=1)).result == "payment returned"
    invoice.refresh_from_db()
    assert (invoice.state, invoice.amount_due) == ("open", USD99)


def test_another_amount_than_was_asked_for_settles_no_refund(gateways: TwoGateways) -> None:
    charge_invoice(
        invoice=invoice_of(gateways.customer_with_card(held_by="alpha")), actor=PERSON, at=NOW
    )
    gateways.alpha.refund = lambda _: _given_back("1.00")  # type: ignore[attr-defined]

    refund = _refund("10.00")

    assert (refund.state, refund.payment.invoice.amount_refunded.amount) == ("unknown", 0)
    for _ in range(2):
        settle_refund(refund=refund, outcome=_given_back("1.00"), actor=PERSON, at=NOW)
    assert [row.count for row in waiting_for_people(later(hours=1)) if "another" in row.words] == [
        1
    ]
    told = Payment.objects.get().events.get(event="gateway_contradicts")
    assert (told.details["given_back"], told.details["asked_for"]) == ("1.00", "10.00")
    (row,) = open_contradictions()
    assert (row.what, row.word) == ("refund", None)
    assert row.says == "The refund came to 1.00 USD, and 10.00 USD was asked for"
    settle_refund(refund=refund, outcome=_given_back("10.00"), actor=PERSON, at=NOW)
    refund.refresh_from_db()
    assert refund.state == "succeeded"


def test_another_amount_is_seen_to_before_people_take_a_refund_for_executed(
    gateways: TwoGateways,
) -> None:
    charge_invoice(
        invoice=invoice_of(gateways.customer_with_card(held_by="alpha")), actor=PERSON, at=NOW
    )
    gateways.alpha.refund = lambda _: _given_back("1.00")  # type: ignore[attr-defined]
    refund, told = _refund("10.00"), Payment.objects.get().events
    gateways.alpha.read_refund = lambda _: LOST  # type: ignore[attr-defined]
    one, other = (Actor(source="finance", user=make_user()) for _ in range(2))

    def claim() -> OutcomeClaim:
        return claim_outcome(
            target=Refund.objects.get(pk=refund.pk),
            verdict=OutcomeClaim.Verdict.EXECUTED,
            proof="the statement",
            reason="the rest was given back there",
            reference="re-1",
            actor=one,
            at=later(days=2),
        )

    with pytest.raises(ProofMissing, match="refund came to another amount"):
        claim()
    seen_to = propose_correction(
        contradiction=told.get(event="gateway_contradicts"),
        note="9.00 given back at the gateway",
        actor=one,
        at=later(days=2),
    )
    agree_to_correction(correction=seen_to, actor=other, at=later(days=2))
    agree_to_claim(claim=claim(), actor=other, at=later(days=2))

    refund.refresh_from_db()
    assert (refund.state, Invoice.objects.get().amount_refunded) == (
        "succeeded",
        Money("10.00", "USD"),
    )


def test_another_amount_that_is_told_after_one_person_has_claimed_stops_the_second(
    gateways: TwoGateways,
) -> None:
    charge_invoice(
        invoice=invoice_of(gateways.customer_with_card(held_by="alpha")), actor=PERSON, at=NOW
    )
    gateways.alpha.refund = lambda _: LOST  # type: ignore[attr-defined]
    gateways.alpha.find_refund = lambda **_: LOST  # type: ignore[attr-defined]
    refund = _refund("10.00")
    one, other = (Actor(source="finance", user=make_user()) for _ in range(2))
    claim = claim_outcome(
        target=refund,
        verdict=OutcomeClaim.Verdict.EXECUTED,
        proof="the statement",
        reason="it is there",
        reference="re-1",
        actor=one,
        at=later(days=2),
    )
    settle_refund(refund=refund, outcome=_given_back("1.00"), actor=PERSON, at=later(days=2))
    gateways.alpha.read_refund = lambda _: LOST  # type: ignore[attr-defined]

    with pytest.raises(ProofMissing, match="refund came to another amount"):
        agree_to_claim(claim=claim, actor=other, at=later(days=2))

    claim.refresh_from_db()
    refund.refresh_from_db()
    assert (claim.state, refund.state) == ("open", "unknown")


def test_another_amount_than_was_asked_for_settles_no_capture(gateways: TwoGateways) -> None:
    gateways.alpha.capabilities = replace(
        gateways.alpha.capabilities,
        has_partial_capture=True,
        has_multi_capture=True,
        authorization_lasts=timedelta(days=7),
    )
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    hold = hold_invoice(invoice=invoice, actor=PERSON, at=NOW)
    gateways.alpha.capture = lambda _: _given_back("1.00")  # type: ignore[attr-defined]

    capture = capture_hold(
        attempt=hold, amount=Money("10.00", "USD"), actor=PERSON, idempotency_key="c", at=NOW
    )

    assert (capture.state, Invoice.objects.get().amount_paid.amount) == ("unknown", 0)
    for _ in range(2):
        settle_operation(operation=capture, outcome=_given_back("1.00"), actor=PERSON, at=NOW)
    told = Payment.objects.get().events.get(event="gateway_contradicts")
    assert (told.details["taken"], told.details["asked_for"]) == ("1.00", "10.00")
    assert (
        open_contradictions()[0].says == "The capture came to 1.00 USD, and 10.00 USD was asked for"
    )
    settle_operation(operation=capture, outcome=_given_back("10.00"), actor=PERSON, at=NOW)
    assert Invoice.objects.get().amount_paid == Money("10.00", "USD")


class Nobody:
    """A client that must not be used."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a request was made: {name}")


ADYEN = AdyenGateway("adyen", Nobody(), hmac_keys=())  # type: ignore[arg-type]
PAYPAL = PayPalGateway("paypal", Nobody(), webhook_id="")  # type: ignore[arg-type]
STRIPE = StripeGateway(Nobody)


@pytest.mark.parametrize(
    ("gateway", "amount"),
    [
        (ADYEN, Money("10.50", "IDR")),
        (ADYEN, Money("0.50", "CVE")),
        (PAYPAL, Money("10.50", "HUF")),
        (PAYPAL, Money("99.50", "TWD")),
        (STRIPE, Money("1.005", "KWD")),
    ],
)
def test_what_a_gateway_cannot_write_is_neither_captured_nor_given_back_in_part(
    gateway: AdyenGateway | PayPalGateway | StripeGateway, amount: Money
) -> None:
    ours: dict[str, Any] = {
        "our_reference": "o",
        "charge_reference": "c",
        "amount": amount,
        "idempotency_key": "k",
    }

    refunded = gateway.refund(RefundRequest(**ours, metadata={}))
    captured = gateway.capture(CaptureRequest(**ours))

    assert (refunded.answer, captured.answer) == (Answer.NEVER_LEFT, Answer.NEVER_LEFT)
    assert refunded.decline is not None
    assert refunded.decline.decline_class == DeclineClass.CONFIG


def _say_taken(attempt: PaymentAttempt, reference: str) -> None:
    taken = Outcome(answer=Answer.SUCCEEDED, reference=reference, amount=USD99)
    settle_attempt(attempt=attempt, outcome=taken, actor=PERSON, at=NOW)


def _contradictions(attempt: PaymentAttempt) -> list[Any]:
    return list(attempt.events.filter(event="gateway_contradicts"))


def _given_back(amount: str) -> Outcome:
    money = Money(Decimal(amount), "USD")
    return Outcome(answer=Answer.SUCCEEDED, reference="re", amount=money)


def _refund(amount: str) -> Refund:
    return refund_payment(
        payment=Payment.objects.get(),
        amount=Money(amount, "USD"),
        reason="goodwill",
        actor=PERSON,
        idempotency_key="r",
        at=NOW,
    )


def test_what_is_contradicted_stays_held_when_the_amount_due_changes(
    gateways: TwoGateways,
) -> None:
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    gateways.alpha.script = [declined(DeclineClass.SOFT_FUNDS)]
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    _say_taken(attempt, "a late one")
    Invoice.objects.update(amount_paid=40)

    with pytest.raises(PaymentHeld, match="contradicts an earlier payment"):
        charge_invoice(invoice=invoice, actor=PERSON, at=later(days=1))
    before = Payment.objects.get()
    Payment.objects.update(state="canceled")
    invoice.refresh_from_db()
    rest = collect_rest(invoice=invoice, before=before, actor=PERSON, at=later(days=1))

    assert rest is not None
    assert (rest.state, rest.review.state, rest.next_attempt_at) == ("open", "open", None)
    assert (collect_due(at=later(days=30)).attempts, gateways.charges) == (0, 0)

"""Refunds, captures and voids that no gateway tells the end of: two people do, and it counts."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum

from billing.domain.attempts import Answer, LookUpRule
from billing.errors import (
    CaptureExceedsHold,
    ProofMissing,
    RefundExceedsPayment,
    StateMoveNotAllowed,
)
from billing.gateways.base import Outcome
from billing.models import (
    Invoice,
    OutcomeClaim,
    Payment,
    PaymentAttempt,
    PaymentOperation,
    PaymentReview,
    Refund,
    WebhookEvent,
)
from billing.queries.waiting import waiting_for_people
from billing.services.payments.charging import charge_invoice
from billing.services.payments.claim_targets import Target
from billing.services.payments.collection import collect_due
from billing.services.payments.event_rows import proof_of
from billing.services.payments.holds import capture_hold, hold_invoice, void_hold
from billing.services.payments.operations import reconcile_operations, settle_operation
from billing.services.payments.refunds import reconcile_refunds, refund_payment, settle_refund
from billing.services.payments.settling import settle_attempt
from billing.services.payments.unknowns import agree_to_claim, claim_outcome, refuse_claim
from billing.services.payments.webhook_inbox import work_off
from finance.models import Posting
from finance.queries import unposted_count
from finance.services.posting import post_documents
from subscriptions.services.transitions import Actor
from tests.factories.accounts import make_user
from tests.scripted_gateway import LOST, TwoGateways, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # a fixture
pytestmark = pytest.mark.django_db
EXECUTED, NOT = OutcomeClaim.Verdict.EXECUTED, OutcomeClaim.Verdict.NOT_EXECUTED
Sent = Callable[[Any], Outcome]


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def test_a_refund_that_two_people_saw_given_back_is_booked_and_not_sent_again(
    gateways: TwoGateways,
) -> None:
    refund = _unknown_refund(gateways)
    assert _balances("1100", "1200") == [9900, 0]

    _settle(refund, EXECUTED, "re-1")

    refund.refresh_from_db()
    invoice = Invoice.objects.get()
    assert (refund.state, refund.gateway_reference) == ("succeeded", "re-1")
    assert refund.message == "proven by two people"
    assert (invoice.amount_refunded, invoice.state) == (usd("10.00"), "open")
    assert _balances("1100", "1200") == [8900, 1000]
    gateways.alpha.refund = _never  # type: ignore[attr-defined]
    assert reconcile_refunds(at=later(days=30)) == 0
    told = Payment.objects.get().events.get(event="proof_given")
    assert told.details["message"] == "refund, it was executed; proof: statement of 2 January"


def test_a_refund_that_two_people_saw_was_not_is_free_to_be_given_back_anew(
    gateways: TwoGateways,
) -> None:
    refund = _unknown_refund(gateways)
    with pytest.raises(RefundExceedsPayment):
        _refund("99.00", "all")

    _settle(refund, NOT)

    refund.refresh_from_db()
    assert (refund.state, Payment.objects.get().amount_refunded.amount) == ("failed", 0)
    assert _balances("1100", "1200") == [9900, 0]
    gateways.alpha.refund = _done("re-2")  # type: ignore[attr-defined]
    again = _refund("99.00", "all")
    assert (again.state, again.idempotency_key) == ("succeeded", "all")
    assert _balances("1100", "1200") == [0, 9900]


def test_only_two_people_a_proof_and_a_name_settle_a_refund(gateways: TwoGateways) -> None:
    refund, person = _unknown_refund(gateways), _person()
    other = _refund_of_another(gateways)

    for verdict, reference, at, words in (
        (EXECUTED, "", later(days=2), "name the refund"),
        (EXECUTED, other.gateway_reference, later(days=2), "another refund"),
        (NOT, "", later(hours=23), "not a day old"),
    ):
        with pytest.raises(ProofMissing, match=words):
            _claim(refund, verdict, reference, actor=person, at=at)
    claim = _claim(refund, NOT, actor=person)
    with pytest.raises(ProofMissing, match="a second person"):
        agree_to_claim(claim=claim, actor=person, at=later(days=2))
    with pytest.raises(ProofMissing, match="somebody has said already"):
        _claim(refund, NOT)
    refuse_claim(claim=claim, actor=person, at=later(days=2))

    refund.refresh_from_db()
    assert refund.state == "unknown"


def test_what_the_gateway_says_of_a_refund_counts_before_the_people(gateways: TwoGateways) -> None:
    refund = _unknown_refund(gateways)
    claim = _claim(refund, NOT)
    gateways.alpha.find_refund = _found("re-9")  # type: ignore[attr-defined]

    with pytest.raises(StateMoveNotAllowed, match="the refund is succeeded"):
        agree_to_claim(claim=claim, actor=_person(), at=later(days=2))

    refund.refresh_from_db()
    claim.refresh_from_db()
    assert (refund.state, refund.gateway_reference, claim.state) == ("succeeded", "re-9", "open")


def test_a_refund_that_is_told_of_after_it_was_proven_not_to_be_is_a_contradiction(
    gateways: TwoGateways,
) -> None:
    refund = _unknown_refund(gateways)
    _settle(refund, NOT)

    for number in range(2):
        event = _event(refund, number, _yes("re-1", "10.00"))
        assert work_off(event=event, at=later(days=3)).result == "refund failed"

    refund.refresh_from_db()
    claim, payment = OutcomeClaim.objects.get(), Payment.objects.get()
    told = payment.events.get(event="gateway_contradicts")
    assert (refund.state, claim.contradicted_at) == ("failed", later(days=3))
    assert told.details["message"] == (
        "refund: it was not executed, by two people; the gateway says succeeded"
    )
    words = {row.words for row in waiting_for_people(later(days=3, hours=1))}
    assert "Payments of which a gateway says another thing than we know" in words
    gateways.alpha.refund = _done("re-2")  # type: ignore[attr-defined]
    with pytest.raises(RefundExceedsPayment, match=r"89\.00"):
        _refund("89.01", "more")
    assert _refund("89.00", "rest").state == "succeeded"


def test_a_refund_that_came_back_after_it_was_proven_is_a_contradiction_and_owed_again(
    gateways: TwoGateways,
) -> None:
    refund = _unknown_refund(gateways)
    _settle(refund, EXECUTED, "re-1")
    no = Outcome(answer=Answer.DECLINED, reference="re-1")

    for _ in range(2):
        settle_refund(refund=refund, outcome=no, actor=PERSON, at=later(days=3))

    refund.refresh_from_db()
    payment = Payment.objects.get()
    assert (refund.state, payment.amount_refunded.amount) == ("failed", 0)
    assert payment.events.filter(event="gateway_contradicts").count() == 1
    assert _balances("1100", "1200") == [9900, 0]


def test_that_a_proven_refund_is_not_found_does_not_undo_it(gateways: TwoGateways) -> None:
    refund = _unknown_refund(gateways)
    _settle(refund, EXECUTED, "re-1")
    gateways.alpha.capabilities = replace(gateways.alpha.capabilities, look_up=LookUpRule())
    none = Outcome(answer=Answer.NO_SUCH_REQUEST)

    for days in (3, 4, 5):
        settle_refund(refund=refund, outcome=none, actor=PERSON, at=later(days=days))

    refund.refresh_from_db()
    assert refund.state == "succeeded"
    assert Payment.objects.get().events.filter(event="gateway_contradicts").count() == 1


def test_a_capture_that_two_people_saw_taken_is_paid_and_ends_its_hold(
    gateways: TwoGateways,
) -> None:
    capture = _unknown_capture(gateways, names_captures=True)
    with pytest.raises(ProofMissing, match="name the capture"):
        _claim(capture, EXECUTED)

    _settle(capture, EXECUTED, "cap-1")

    capture.refresh_from_db()
    payment, invoice = Payment.objects.get(), Invoice.objects.get()
    assert (capture.state, capture.gateway_reference) == ("succeeded", "cap-1")
    assert (payment.state, payment.amount) == ("paid", usd("30.00"))
    assert (invoice.state, invoice.amount_due) == ("open", usd("69.00"))
    assert _balances("1100", "1200") == [3000, 6900]
    gateways.alpha.capture = _never  # type: ignore[attr-defined]
    assert reconcile_operations(at=later(days=30)) == 0


def test_a_capture_that_was_not_is_free_and_one_told_of_later_takes_nothing_twice(
    gateways: TwoGateways,
) -> None:
    capture = _unknown_capture(gateways)
    _settle(capture, NOT)
    hold = PaymentAttempt.objects.get()
    assert (hold.state, hold.amount_captured.amount) == ("authorized", 0)

    for _ in range(2):
        outcome = _yes("cap-1", "30.00")
        settle_operation(operation=capture, outcome=outcome, actor=PERSON, at=later(days=3))

    capture.refresh_from_db()
    assert (capture.state, Invoice.objects.get().amount_paid.amount) == ("failed", 0)
    assert hold.payment.events.filter(event="gateway_contradicts").count() == 1
    assert PaymentReview.objects.get().state == "open"
    with pytest.raises(CaptureExceedsHold, match=r"69\.00"):
        _capture(hold, "69.01", "again")
    gateways.alpha.void = _done("")  # type: ignore[attr-defined]
    void_hold(attempt=hold, actor=PERSON, idempotency_key="v", at=later(days=3))
    assert Payment.objects.get().state == "open"
    assert collect_due(at=later(days=30)).attempts == 0
    assert gateways.charges == 0


def test_a_void_that_two_people_saw_carried_out_lets_the_invoice_be_charged(
    gateways: TwoGateways,
) -> None:
    void = _unknown_void(gateways)

    _settle(void, EXECUTED)

    void.refresh_from_db()
    assert (void.state, PaymentAttempt.objects.get().state) == ("succeeded", "abandoned")
    assert Payment.objects.get().state == "open"
    charge_invoice(invoice=Invoice.objects.get(), actor=PERSON, at=later(days=3))
    assert (Invoice.objects.get().state, gateways.charges) == ("paid", 1)


def test_a_void_that_was_not_leaves_the_hold_to_be_taken(gateways: TwoGateways) -> None:
    void = _unknown_void(gateways)

    _settle(void, NOT)

    hold = PaymentAttempt.objects.get()
    gateways.alpha.capture = _done("cap-1")  # type: ignore[attr-defined]
    assert (hold.state, _capture(hold, "99.00", "c").state) == ("authorized", "succeeded")
    assert Invoice.objects.get().state == "paid"


@pytest.mark.parametrize("make", ["refund", "capture", "void"])
def test_the_database_lets_nobody_settle_them_alone_early_or_otherwise(
    gateways: TwoGateways, make: str
) -> None:
    target = _MAKERS[make](gateways)
    claim = _claim(target, NOT)
    facts = {"verdict": NOT, "proof": "p", "reason": "r", "claimed_by": claim.claimed_by}
    field = "refund" if make == "refund" else "operation"
    other = "attempt" if make != "refund" else "operation"
    two = {other: target.attempt} if other == "attempt" else {"attempt": target.attempt}
    refused: list[Callable[[], object]] = [
        lambda: _forge(facts, later(days=2)),  # of nothing
        lambda: _forge(facts, later(days=2), **{field: target}),  # a second one
        lambda: _forge(facts, later(days=2), **{field: target, **two}),
        lambda: _forge(facts, later(hours=23), **{field: target}),
        lambda: _change(state="agreed", decided_by=claim.claimed_by, decided_at=NOW),
        lambda: _change(verdict="executed", reference="x"),
        lambda: _change(proof="another"),
        lambda: _change(contradicted_at=NOW),
        lambda: OutcomeClaim.objects.all().delete(),
    ]
    for attack in refused:
        with pytest.raises(IntegrityError), transaction.atomic():
            attack()
    agree_to_claim(claim=claim, actor=_person(), at=later(days=2))
    for attack in (
        lambda: _forge(facts, later(days=2), **{field: target}),  # it is known by now
        lambda: _change(state="open", decided_by=None, decided_at=None),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            attack()


def test_a_hold_that_is_said_to_be_taken_contradicts_that_its_capture_was_not(
    gateways: TwoGateways,
) -> None:
    capture = _unknown_capture(gateways)
    gateways.alpha.capabilities = replace(gateways.alpha.capabilities, has_multi_capture=False)
    _settle(capture, NOT)

    for _ in range(2):
        taken = _yes(capture.attempt.gateway_reference, "30.00")
        settle_attempt(attempt=capture.attempt, outcome=taken, actor=PERSON, at=later(days=3))

    assert OutcomeClaim.objects.get().contradicted_at == later(days=3)
    assert Payment.objects.get().events.filter(event="gateway_contradicts").count() == 1
    assert (PaymentReview.objects.get().state, PaymentAttempt.objects.get().state) == (
        "open",
        "authorized",
    )


@pytest.mark.parametrize("answer", [Answer.AUTHORIZED, Answer.SUCCEEDED])
def test_a_hold_that_was_proven_to_be_let_go_and_is_not_is_a_contradiction(
    gateways: TwoGateways, answer: Answer
) -> None:
    void = _unknown_void(gateways)
    gateways.alpha.capabilities = replace(gateways.alpha.capabilities, has_multi_capture=False)
    _settle(void, EXECUTED)
    said = Outcome(answer=answer, reference=void.attempt.gateway_reference, amount=usd("99.00"))

    for _ in range(2):
        settle_attempt(attempt=void.attempt, outcome=said, actor=PERSON, at=later(days=3))

    payment = Payment.objects.get()
    assert payment.events.filter(event="gateway_contradicts").count() == 1
    taken = answer == Answer.SUCCEEDED
    assert PaymentReview.objects.filter(state="open").exists() == taken  # not charged again
    assert collect_due(at=later(days=30)).attempts == 0


def test_a_refund_known_by_another_name_than_people_told_is_a_contradiction(
    gateways: TwoGateways,
) -> None:
    refund = _unknown_refund(gateways)
    _settle(refund, EXECUTED, "re-1")

    for name in ("re-1", "re-2"):
        settle_refund(refund=refund, outcome=_yes(name, "10.00"), actor=PERSON, at=later(days=3))

    refund.refresh_from_db()
    told = Payment.objects.get().events.get(event="gateway_contradicts")
    assert (refund.state, refund.gateway_reference) == ("succeeded", "re-2")
    assert told.details["reference"] == "re-2"


def _forge(facts: dict[str, Any], at: datetime, **of: object) -> OutcomeClaim:
    return OutcomeClaim.objects.create(claimed_at=at, **facts, **of)


def _change(**terms: object) -> int:
    return OutcomeClaim.objects.update(**terms)


def _person() -> Actor:
    return Actor(source="finance", user=make_user(role=Role.FINANCE))


def _claim(
    target: Target,
    verdict: OutcomeClaim.Verdict,
    reference: str = "",
    *,
    actor: Actor | None = None,
    at: datetime | None = None,
) -> OutcomeClaim:
    return claim_outcome(
        target=target,
        verdict=verdict,
        reference=reference,
        proof="statement of 2 January",
        reason="asked",
        actor=actor or _person(),
        at=at or later(days=2),
    )


def _settle(target: Target, verdict: OutcomeClaim.Verdict, reference: str = "") -> None:
    claim = _claim(target, verdict, reference)
    agree_to_claim(claim=claim, actor=_person(), at=later(days=2))


def _unknown_refund(gateways: TwoGateways) -> Refund:
    """One of a gateway that cannot be searched, and is too late to be sent again."""
    customer = gateways.customer_with_card(held_by="alpha")
    charge_invoice(invoice=invoice_of(customer), actor=PERSON, at=NOW)
    gateways.alpha.capabilities = replace(gateways.alpha.capabilities, look_up=None)
    gateways.alpha.refund = lambda _: LOST  # type: ignore[attr-defined]
    gateways.alpha.find_refund = lambda **_: LOST  # type: ignore[attr-defined]
    return _refund("10.00", "r")


def _refund_of_another(gateways: TwoGateways) -> Refund:
    lost = gateways.alpha.refund  # type: ignore[attr-defined]
    customer = gateways.customer_with_card(held_by="alpha")
    paid = charge_invoice(invoice=invoice_of(customer), actor=PERSON, at=NOW)
    gateways.alpha.refund = _done("re-other")  # type: ignore[attr-defined]
    refund = _refund("10.00", "other", payment=paid.payment)
    gateways.alpha.refund = lost  # type: ignore[attr-defined]
    return refund


def _refund(amount: str, key: str, *, payment: Payment | None = None) -> Refund:
    return refund_payment(
        payment=payment or Payment.objects.get(),
        amount=usd(amount),
        reason="goodwill",
        actor=PERSON,
        idempotency_key=key,
        at=NOW,
    )


def _hold(gateways: TwoGateways, *, names_captures: bool = False) -> PaymentAttempt:
    gateways.alpha.capabilities = replace(
        gateways.alpha.capabilities,
        has_partial_capture=True,
        has_multi_capture=True,
        names_captures=names_captures,
        authorization_lasts=timedelta(days=7),
        look_up=None,
    )
    gateways.alpha.read_charge = lambda reference: LOST  # type: ignore[method-assign]  # noqa: ARG005
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    return hold_invoice(invoice=invoice, actor=PERSON, at=NOW)


def _unknown_capture(gateways: TwoGateways, *, names_captures: bool = False) -> PaymentOperation:
    hold = _hold(gateways, names_captures=names_captures)
    gateways.alpha.capture = lambda _: LOST  # type: ignore[attr-defined]
    return _capture(hold, "30.00", "c1")


def _capture(hold: PaymentAttempt, amount: str, key: str) -> PaymentOperation:
    return capture_hold(attempt=hold, amount=usd(amount), actor=PERSON, idempotency_key=key, at=NOW)


def _unknown_void(gateways: TwoGateways) -> PaymentOperation:
    hold = _hold(gateways)
    gateways.alpha.void = lambda _: LOST  # type: ignore[attr-defined]
    return void_hold(attempt=hold, actor=PERSON, idempotency_key="v1", at=NOW)


_MAKERS: dict[str, Callable[[TwoGateways], Any]] = {
    "refund": _unknown_refund,
    "capture": _unknown_capture,
    "void": _unknown_void,
}


def _yes(reference: str, amount: str) -> Outcome:
    return Outcome(answer=Answer.SUCCEEDED, reference=reference, amount=usd(amount))


def _event(refund: Refund, number: int, outcome: Outcome) -> WebhookEvent:
    return WebhookEvent.objects.create(
        gateway="alpha",
        event_id=str(number),
        name="REFUND",
        about="refund",
        our_reference=str(refund.pk),
        proof=proof_of(outcome),
        is_signed=True,
        payload="",
        next_try_at=NOW,
        received_at=NOW,
    )


def _done(reference: str) -> Sent:
    return lambda request: Outcome(
        answer=Answer.SUCCEEDED,
        reference=reference,
        amount=getattr(request, "amount", None),
    )


def _found(reference: str) -> Callable[..., Outcome]:
    return lambda **_: Outcome(answer=Answer.SUCCEEDED, reference=reference)


def _never(request: object) -> Outcome:
    raise AssertionError(f"sent again: {request}")


def _balances(*codes: str) -> list[int]:
    at = later(days=400)
    post_documents(at=at)
    assert unposted_count(at=at) == 0
    rows = Posting.objects.order_by().values_list("account__code").annotate(Sum("amount_minor"))
    found = dict(rows)
    assert sum(found.values()) == 0
    return [found.get(code, 0) for code in codes]

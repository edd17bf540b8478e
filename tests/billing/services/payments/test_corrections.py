"""A gateway says the opposite of what was settled: two people bring all of it to its word, once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum

from billing.domain.attempts import Answer, LookUpRule
from billing.domain.declines import DeclineClass
from billing.errors import CorrectionRefused, PaymentHeld
from billing.gateways.base import Outcome
from billing.models import (
    Invoice,
    OutcomeClaim,
    OutcomeCorrection,
    Payment,
    PaymentAttempt,
    PaymentEvent,
    PaymentOperation,
    Refund,
)
from billing.queries.contradictions import open_contradictions
from billing.queries.waiting import waiting_for_people
from billing.services.credit.overpayments import credit_overpayment
from billing.services.payments.charging import charge_invoice
from billing.services.payments.claim_targets import Target
from billing.services.payments.collection import collect_due
from billing.services.payments.corrections import (
    agree_to_correction,
    propose_correction,
    refuse_correction,
)
from billing.services.payments.holds import capture_hold, hold_invoice, void_hold
from billing.services.payments.lapsed_reviews import lapse_settled_reviews
from billing.services.payments.operations import settle_operation
from billing.services.payments.refunds import refund_payment, settle_refund
from billing.services.payments.settling import settle_attempt
from billing.services.payments.unknowns import agree_to_claim, claim_outcome
from finance.models import Posting
from finance.queries import unposted_count
from finance.services.posting import post_documents
from subscriptions.services.transitions import Actor
from tests.factories.accounts import make_user
from tests.scripted_gateway import LOST, TwoGateways, declined, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # a fixture
pytestmark = pytest.mark.django_db
EXECUTED, NOT = OutcomeClaim.Verdict.EXECUTED, OutcomeClaim.Verdict.NOT_EXECUTED


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def test_a_charge_that_took_its_money_after_all_pays_its_invoice(gateways: TwoGateways) -> None:
    attempt = _unknown_charge(gateways)
    _settle(attempt, NOT)
    assert _balances("1100", "1200") == [0, 9900]
    _say(attempt, _yes("ch-1", "99.00"))

    _correct()

    attempt.refresh_from_db()
    invoice, payment = Invoice.objects.get(), Payment.objects.get()
    assert (attempt.state, attempt.gateway_reference) == ("succeeded", "ch-1")
    assert (payment.state, invoice.state, invoice.amount_due) == ("paid", "paid", usd("0.00"))
    assert _balances("1100", "1200") == [9900, 0]
    assert lapse_settled_reviews(at=later(days=9)) == 1
    assert (open_contradictions(), waiting_for_people(later(days=9))) == ([], [])
    _say(attempt, _yes("ch-1", "99.00"))
    assert open_contradictions() == []
    assert payment.events.filter(event="correction_made").count() == 1


def test_a_charge_of_an_invoice_that_was_paid_since_becomes_the_customers_credit(
    gateways: TwoGateways,
) -> None:
    attempt = _unknown_charge(gateways)
    _settle(attempt, NOT)
    paid = charge_invoice(invoice=Invoice.objects.get(), actor=PERSON, at=later(days=3))
    assert paid.state == "succeeded"
    _say(attempt, _yes("ch-late", "99.00"))

    _correct()

    invoice = Invoice.objects.get()
    assert invoice.amount_overpaid == usd("99.00")
    beside = Payment.objects.exclude(pk=paid.payment_id).get()
    assert (beside.state, beside.attempts.get().gateway_reference) == ("paid", "ch-late")
    assert _balances("1100", "1200") == [19800, -9900]
    credit_overpayment(invoice=invoice, reason="charged twice", actor=PERSON, at=later(days=5))
    assert _balances("1100", "1200", "2300") == [19800, 0, -9900]
    _say(attempt, _yes("ch-late", "99.00"))
    assert open_contradictions() == []


def test_a_second_success_under_another_name_is_booked_beside_and_can_be_refunded(
    gateways: TwoGateways,
) -> None:
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    gateways.alpha.taken["twice"] = _yes("twice", "99.00")
    _say(attempt, _yes("twice", "99.00"))
    assert open_contradictions()[0].says == "The charge was executed a second time"

    _correct()

    beside = Payment.objects.exclude(pk=attempt.payment_id).get()
    gateways.alpha.refund = _done("re-1")  # type: ignore[attr-defined]
    refund = _refund("99.00", "both", payment=beside)
    invoice.refresh_from_db()
    assert (refund.state, refund.attempt.gateway_reference) == ("succeeded", "twice")
    assert (invoice.state, invoice.amount_overpaid) == ("paid", usd("0"))
    assert _balances("1100", "1200") == [9900, 0]


def test_another_amount_than_was_asked_for_is_what_was_paid_and_the_rest_is_owed(
    gateways: TwoGateways,
) -> None:
    attempt = _unknown_charge(gateways)
    _say(attempt, _yes("ch-1", "60.00"))

    _correct()

    invoice, payment = Invoice.objects.get(), Payment.objects.get(state="paid")
    assert (payment.amount, invoice.state, invoice.amount_due) == (
        usd("60.00"),
        "open",
        usd("39.00"),
    )
    assert _balances("1100", "1200") == [6000, 3900]


def test_a_charge_that_did_not_happen_after_all_is_reversed_and_owed_again(
    gateways: TwoGateways,
) -> None:
    attempt = _unknown_charge(gateways)
    _settle(attempt, EXECUTED, "ch-1")
    assert _balances("1100", "1200") == [9900, 0]
    gateways.alpha.capabilities = replace(gateways.alpha.capabilities, look_up=LookUpRule())
    _say(attempt, Outcome(answer=Answer.NO_SUCH_REQUEST))
    _say(attempt, Outcome(answer=Answer.NO_SUCH_REQUEST))
    assert len(open_contradictions()) == 1

    _correct()

    invoice = Invoice.objects.get()
    first, again = Payment.objects.order_by("created_at", "pk")
    assert (first.state, again.state, invoice.state) == ("returned", "open", "open")
    assert _balances("1100", "1200") == [0, 9900]
    # Should it turn round once more, nothing is charged twice.
    _say(attempt, _yes("ch-1", "99.00"))
    assert collect_due(at=later(days=30)).attempts == 0
    with pytest.raises(PaymentHeld):
        charge_invoice(invoice=invoice, actor=PERSON, at=later(days=30))
    gateways.alpha.taken["x"] = _yes("ch-1", "99.00")
    _correct()
    invoice.refresh_from_db()
    assert (invoice.state, invoice.amount_overpaid) == ("paid", usd("0"))
    assert _balances("1100", "1200") == [9900, 0]
    assert lapse_settled_reviews(at=later(days=31)) == 1


def test_a_refund_that_was_given_back_after_all_is_booked(gateways: TwoGateways) -> None:
    refund = _unknown_refund(gateways)
    _settle(refund, NOT)
    settle_refund(refund=refund, outcome=_yes("re-1", "10.00"), actor=PERSON, at=later(days=3))

    _correct()

    refund.refresh_from_db()
    payment, invoice = Payment.objects.get(), Invoice.objects.get()
    assert (refund.state, refund.gateway_reference) == ("succeeded", "re-1")
    assert (payment.amount_refunded, invoice.amount_refunded) == (usd("10.00"), usd("10.00"))
    assert (invoice.state, invoice.amount_due) == ("open", usd("10.00"))
    assert _balances("1100", "1200") == [8900, 1000]
    assert payment.amount_refundable == usd("89.00")


def test_a_refund_that_was_not_given_back_is_booked_back(gateways: TwoGateways) -> None:
    refund = _unknown_refund(gateways)
    _settle(refund, EXECUTED, "re-1")
    assert _balances("1100", "1200") == [8900, 1000]
    gateways.alpha.capabilities = replace(gateways.alpha.capabilities, look_up=LookUpRule())
    none = Outcome(answer=Answer.NO_SUCH_REQUEST)
    settle_refund(refund=refund, outcome=none, actor=PERSON, at=later(days=3))
    gateways.alpha.read_refund = lambda _: none  # type: ignore[attr-defined]

    _correct()

    refund.refresh_from_db()
    assert (refund.state, Payment.objects.get().amount_refunded.amount) == ("failed", 0)
    assert _balances("1100", "1200") == [9900, 0]


def test_a_capture_that_was_taken_after_all_counts_and_stays_within_its_hold(
    gateways: TwoGateways,
) -> None:
    capture = _unknown_capture(gateways)
    _settle(capture, NOT)
    settle_operation(
        operation=capture, outcome=_yes("cap-1", "30.00"), actor=PERSON, at=later(days=3)
    )

    _correct()

    capture.refresh_from_db()
    payment, hold = Payment.objects.get(), PaymentAttempt.objects.get()
    assert (capture.state, hold.state, hold.amount_captured) == (
        "succeeded",
        "succeeded",
        usd("30.00"),
    )
    assert (payment.state, payment.amount) == ("paid", usd("30.00"))
    assert _balances("1100", "1200") == [3000, 6900]


def test_a_capture_of_a_hold_that_was_let_go_since_is_what_was_paid(gateways: TwoGateways) -> None:
    capture = _unknown_capture(gateways)
    _settle(capture, NOT)
    gateways.alpha.void = _done("")  # type: ignore[attr-defined]
    void_hold(attempt=capture.attempt, actor=PERSON, idempotency_key="v", at=later(days=3))
    assert PaymentAttempt.objects.get().state == "abandoned"
    settle_operation(
        operation=capture, outcome=_yes("cap-1", "30.00"), actor=PERSON, at=later(days=4)
    )

    _correct()

    payment = Payment.objects.get()
    assert (payment.state, payment.amount) == ("paid", usd("30.00"))
    assert PaymentAttempt.objects.get().state == "succeeded"
    assert _balances("1100", "1200") == [3000, 6900]


def test_a_hold_that_stands_after_all_can_be_taken_or_let_go_again(gateways: TwoGateways) -> None:
    void = _unknown_void(gateways)
    gateways.alpha.capabilities = replace(gateways.alpha.capabilities, has_multi_capture=False)
    _settle(void, EXECUTED)
    held = Outcome(answer=Answer.AUTHORIZED, reference=void.attempt.gateway_reference)
    settle_attempt(attempt=void.attempt, outcome=held, actor=PERSON, at=later(days=3))

    _correct()

    void.refresh_from_db()
    hold, payment = PaymentAttempt.objects.get(), Payment.objects.get()
    assert (void.state, hold.state, payment.state) == ("failed", "authorized", "processing")
    gateways.alpha.void = _done("")  # type: ignore[attr-defined]
    void_hold(attempt=hold, actor=PERSON, idempotency_key="v2", at=later(days=4))
    assert PaymentAttempt.objects.get().state == "abandoned"


def test_it_takes_two_people_and_happens_once(gateways: TwoGateways) -> None:
    attempt = _unknown_charge(gateways)
    _settle(attempt, NOT)
    event = _say(attempt, _yes("ch-1", "99.00"))
    first = _person()

    with pytest.raises(CorrectionRefused, match="only a person"):
        propose_correction(contradiction=event, actor=PERSON, at=later(days=4))
    made = propose_correction(contradiction=event, actor=first, at=later(days=4))
    with pytest.raises(CorrectionRefused, match="proposed this already"):
        propose_correction(contradiction=event, actor=_person(), at=later(days=4))
    for nobody in (first, PERSON):
        with pytest.raises(CorrectionRefused, match="a second person"):
            agree_to_correction(correction=made, actor=nobody, at=later(days=4))
    refuse_correction(correction=made, actor=_person(), at=later(days=4))
    with pytest.raises(CorrectionRefused, match="refused already"):
        agree_to_correction(correction=made, actor=_person(), at=later(days=4))
    assert _balances("1100", "1200") == [0, 9900]

    again = propose_correction(contradiction=event, actor=first, at=later(days=5))
    agree_to_correction(correction=again, actor=_person(), at=later(days=5))
    with pytest.raises(CorrectionRefused, match="done already"):
        agree_to_correction(correction=again, actor=_person(), at=later(days=5))
    with pytest.raises(CorrectionRefused, match="or it is corrected"):
        propose_correction(contradiction=event, actor=_person(), at=later(days=5))
    assert _balances("1100", "1200") == [9900, 0]


def test_what_the_gateway_says_by_now_comes_before_people(gateways: TwoGateways) -> None:
    attempt = _unknown_charge(gateways)
    _settle(attempt, NOT)
    event = _say(attempt, _yes("ch-1", "99.00"))
    made = propose_correction(contradiction=event, actor=_person(), at=later(days=4))

    for said, words in (
        (declined(DeclineClass.SOFT_FUNDS), "by now: declined"),
        (_yes("ch-1", "98.00"), r"it is .*98\.00"),
    ):
        gateways.alpha.read_charge = lambda _, said=said: said  # type: ignore[method-assign,misc]
        with pytest.raises(CorrectionRefused, match=words):
            agree_to_correction(correction=made, actor=_person(), at=later(days=4))

    attempt.refresh_from_db()
    made.refresh_from_db()
    assert (attempt.state, made.state) == ("not_sent", "open")


def test_a_refund_that_was_given_back_again_meanwhile_is_left_to_people(
    gateways: TwoGateways,
) -> None:
    refund = _unknown_refund(gateways)
    _settle(refund, NOT)
    gateways.alpha.refund = _done("re-2")  # type: ignore[attr-defined]
    _refund("99.00", "all")
    settle_refund(refund=refund, outcome=_yes("re-1", "10.00"), actor=PERSON, at=later(days=3))

    with pytest.raises(CorrectionRefused, match="more than was paid"):
        _correct()
    made = OutcomeCorrection.objects.get()
    assert (made.state, Payment.objects.get().amount_refunded) == ("open", usd("99.00"))
    refuse_correction(correction=made, actor=_person(), at=later(days=4))
    _correct(note="the gateway gave the 10.00 back to us")

    refund.refresh_from_db()
    assert (refund.state, open_contradictions()) == ("failed", [])
    assert _balances("1100", "1200") == [0, 9900]


def test_the_database_lets_nobody_correct_alone_twice_or_in_passing(gateways: TwoGateways) -> None:
    attempt = _unknown_charge(gateways)
    _settle(attempt, NOT)
    event = _say(attempt, _yes("ch-1", "99.00"))
    made = propose_correction(contradiction=event, actor=_person(), at=later(days=4))
    other = attempt.payment.events.exclude(pk=event.pk).first()
    rows, facts = OutcomeCorrection.objects, _facts(made)
    attacks: list[Callable[[], object]] = [
        lambda: rows.create(**facts),  # a second one
        lambda: rows.create(**facts | {"state": "done"}),
        lambda: rows.create(**facts | {"contradiction": other}),  # of nothing that contradicts
        lambda: rows.update(state="done", decided_by=made.proposed_by, decided_at=NOW),
        lambda: rows.update(state="done"),
        lambda: rows.update(amount=Decimal(1)),
        lambda: rows.update(word="seen_to", note="x"),
        lambda: rows.all().delete(),
        lambda: PaymentAttempt.objects.update(state="succeeded"),
        lambda: Payment.objects.update(state="failed") and Payment.objects.update(state="paid"),
    ]
    for attack in attacks:
        with pytest.raises(IntegrityError), transaction.atomic():
            attack()
    agree_to_correction(correction=made, actor=_person(), at=later(days=4))
    for attack in (
        lambda: rows.update(state="open", decided_by=None, decided_at=None),
        lambda: rows.update(applied_in=1),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            attack()


@pytest.mark.django_db(transaction=True)
def test_ten_workers_that_agree_at_once_correct_it_once(gateways: TwoGateways) -> None:
    refund = _unknown_refund(gateways)
    _settle(refund, NOT)
    settle_refund(refund=refund, outcome=_yes("re-1", "10.00"), actor=PERSON, at=later(days=3))
    event = open_contradictions()[0].event
    made = propose_correction(contradiction=event, actor=_person(), at=later(days=4))
    people = [_person() for _ in range(10)]

    def agree(actor: Actor) -> bool:
        try:
            agree_to_correction(correction=made, actor=actor, at=later(days=4))
        except CorrectionRefused:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(10) as pool:
        done = list(pool.map(agree, people))

    assert done.count(True) == 1
    assert Payment.objects.get().amount_refunded == usd("10.00")
    assert _balances("1100", "1200") == [8900, 1000]


def _facts(made: OutcomeCorrection) -> dict[str, Any]:
    names = ("contradiction", "payment", "attempt", "word", "currency", "proposed_at")
    facts = {name: getattr(made, name) for name in names}
    return {**facts, "amount": made.amount.amount, "proposed_by": made.proposed_by}


def _person() -> Actor:
    return Actor(source="finance", user=make_user(role=Role.FINANCE))


def _correct(*, note: str = "") -> None:
    found = open_contradictions()[0]
    made = propose_correction(
        contradiction=found.event, actor=_person(), note=note, at=later(days=30)
    )
    agree_to_correction(correction=made, actor=_person(), at=later(days=30))


def _say(attempt: PaymentAttempt, outcome: Outcome) -> PaymentEvent:
    """The gateway tells, and says the same when it is asked."""
    settle_attempt(attempt=attempt, outcome=outcome, actor=PERSON, at=later(days=4))
    return attempt.events.filter(event="gateway_contradicts").latest("pk")


def _settle(target: Target, verdict: OutcomeClaim.Verdict, reference: str = "") -> None:
    claim = claim_outcome(
        target=target,
        verdict=verdict,
        reference=reference,
        proof="statement of 2 January",
        reason="asked",
        actor=_person(),
        at=later(days=2),
    )
    agree_to_claim(claim=claim, actor=_person(), at=later(days=2))


def _unknown_charge(gateways: TwoGateways) -> PaymentAttempt:
    """One of a gateway that cannot be searched, and is too late to be sent again."""
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    gateways.alpha.capabilities = replace(gateways.alpha.capabilities, look_up=None)
    gateways.alpha.script = [LOST]
    return charge_invoice(invoice=invoice, actor=PERSON, at=NOW)


def _unknown_refund(gateways: TwoGateways) -> Refund:
    customer = gateways.customer_with_card(held_by="alpha")
    charge_invoice(invoice=invoice_of(customer), actor=PERSON, at=NOW)
    gateways.alpha.capabilities = replace(gateways.alpha.capabilities, look_up=None)
    gateways.alpha.refund = lambda _: LOST  # type: ignore[attr-defined]
    gateways.alpha.find_refund = lambda **_: LOST  # type: ignore[attr-defined]
    gateways.alpha.read_refund = lambda _: LOST  # type: ignore[attr-defined]
    return _refund("10.00", "r")


def _refund(amount: str, key: str, *, payment: Payment | None = None) -> Refund:
    return refund_payment(
        payment=payment or Payment.objects.get(),
        amount=usd(amount),
        reason="goodwill",
        actor=PERSON,
        idempotency_key=key,
        at=NOW,
    )


def _hold(gateways: TwoGateways) -> PaymentAttempt:
    gateways.alpha.capabilities = replace(
        gateways.alpha.capabilities,
        has_partial_capture=True,
        has_multi_capture=True,
        authorization_lasts=timedelta(days=7),
        look_up=None,
    )
    gateways.alpha.read_charge = lambda reference: LOST  # type: ignore[method-assign]  # noqa: ARG005
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    return hold_invoice(invoice=invoice, actor=PERSON, at=NOW)


def _unknown_capture(gateways: TwoGateways) -> PaymentOperation:
    hold = _hold(gateways)
    gateways.alpha.capture = lambda _: LOST  # type: ignore[attr-defined]
    return capture_hold(
        attempt=hold, amount=usd("30.00"), actor=PERSON, idempotency_key="c1", at=NOW
    )


def _unknown_void(gateways: TwoGateways) -> PaymentOperation:
    hold = _hold(gateways)
    gateways.alpha.void = lambda _: LOST  # type: ignore[attr-defined]
    return void_hold(attempt=hold, actor=PERSON, idempotency_key="v1", at=NOW)


def _yes(reference: str, amount: str) -> Outcome:
    return Outcome(answer=Answer.SUCCEEDED, reference=reference, amount=usd(amount))


def _done(reference: str) -> Callable[[Any], Outcome]:
    return lambda request: Outcome(
        answer=Answer.SUCCEEDED, reference=reference, amount=getattr(request, "amount", None)
    )


def _balances(*codes: str) -> list[int]:
    at = later(days=400)
    post_documents(at=at)
    assert unposted_count(at=at) == 0
    rows = Posting.objects.order_by().values_list("account__code").annotate(Sum("amount_minor"))
    found = dict(rows)
    assert sum(found.values()) == 0
    return [found.get(code, 0) for code in codes]

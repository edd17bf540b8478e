"""Risky payments wait for a person or for the customer, and nothing is charged meanwhile."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from billing.domain.attempts import Answer
from billing.domain.declines import DeclineClass
from billing.errors import NothingToCharge, PaymentHeld, ReviewDecided
from billing.gateways.base import Outcome
from billing.models import Payment, PaymentLimit, PaymentReview
from billing.queries.risk import record_of
from billing.services.payments import collection
from billing.services.payments.channels import Channel
from billing.services.payments.charging import charge_invoice, open_attempt
from billing.services.payments.collection import collect_due
from billing.services.payments.judging import judge_payment
from billing.services.payments.reviews import decide_review
from billing.services.payments.settling import settle_attempt
from subscriptions.models import Customer
from subscriptions.services.transitions import Actor
from tests.factories.accounts import make_user
from tests.scripted_gateway import TwoGateways, declined, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.accounts.roles import Role

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db


def _held(gateways: TwoGateways) -> Payment:
    """A second try to collect what an issuer called fraudulent."""
    invoice = invoice_of(gateways.customer_with_card(country="US"))
    gateways.alpha.script = [declined(DeclineClass.FRAUD)]
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    with pytest.raises(PaymentHeld):
        charge_invoice(invoice=invoice, actor=PERSON, at=later(days=2))
    return Payment.objects.get(review__isnull=False)


def _person() -> Actor:
    return Actor(source="finance", user=make_user(role=Role.FINANCE))


def test_a_risky_payment_waits_and_says_which_rules_it_hit(gateways: TwoGateways) -> None:
    payment = _held(gateways)

    review = PaymentReview.objects.get()
    assert (review.state, review.points) == ("open", 70)
    assert review.hits == {"the card's issuer called a payment fraudulent": 70}
    assert payment.state == "open"
    assert collect_due(at=later(days=3)).attempts == 0
    assert gateways.charges == 0


def test_what_a_person_approves_is_charged_by_the_next_pass(gateways: TwoGateways) -> None:
    payment = _held(gateways)

    decide_review(
        review=PaymentReview.objects.get(),
        approve=True,
        reason="known for years",
        actor=_person(),
        at=later(days=3),
    )

    assert collect_due(at=later(days=3)).succeeded == 1
    payment.refresh_from_db()
    assert payment.state == "paid"


def test_what_a_person_refuses_is_given_up(gateways: TwoGateways) -> None:
    payment = _held(gateways)
    review = PaymentReview.objects.get()

    decide_review(review=review, approve=False, reason="fraud", actor=_person(), at=later(days=3))

    payment.refresh_from_db()
    assert payment.state == "failed"
    assert collect_due(at=later(days=9)).attempts == 0
    with pytest.raises(ReviewDecided):
        decide_review(review=review, approve=True, reason="no", actor=_person(), at=later(days=4))
    assert gateways.charges == 0


def test_a_decision_needs_a_person_and_a_reason(gateways: TwoGateways) -> None:
    _held(gateways)
    review = PaymentReview.objects.get()

    for actor, reason in ((PERSON, "fine"), (_person(), "  ")):
        with pytest.raises(ReviewDecided):
            decide_review(review=review, approve=True, reason=reason, actor=actor, at=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        PaymentReview.objects.update(state="approved", decided_at=NOW, reason="")

    assert PaymentReview.objects.get().state == "open"


def test_who_has_to_confirm_is_not_charged_but_asked(gateways: TwoGateways) -> None:
    customer = gateways.customer_with_card(country="US")
    Customer.objects.filter(pk=customer.pk).update(email="x@mailinator.com")
    invoice = invoice_of(Customer.objects.get(pk=customer.pk))

    with pytest.raises(NothingToCharge, match="has to confirm"):
        charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    payment = Payment.objects.get()
    assert (payment.state, payment.next_attempt_at) == ("requires_action", None)
    assert payment.decisions.get().inputs["risk"] == {"a disposable e-mail address": 40}
    assert gateways.charges == 0


def test_the_queue_has_two_safe_actions_for_those_who_may(
    gateways: TwoGateways, client: Client
) -> None:
    _held(gateways)
    review = PaymentReview.objects.get()
    client.force_login(make_user(role=Role.SUPPORT))
    assert client.get("/payments/reviews/").status_code == 200
    assert client.post(f"/payments/reviews/{review.pk}/approval/").status_code == 403
    client.force_login(make_user(role=Role.FINANCE))

    assert "Approve…" in client.get("/payments/reviews/").content.decode()
    client.post(f"/payments/reviews/{review.pk}/approval/", {"reason": ""})
    review.refresh_from_db()
    assert review.state == "open"
    client.post(f"/payments/reviews/{review.pk}/refusal/", {"reason": "fraud"})

    review.refresh_from_db()
    assert (review.state, review.reason) == ("refused", "fraud")


def test_beyond_its_own_or_everybodys_limit_a_payment_waits(gateways: TwoGateways) -> None:
    PaymentLimit.objects.create(currency="USD", maximum="98.99")
    PaymentLimit.objects.create(currency="EUR", maximum="1.00")
    usual, trusted = gateways.customer_with_card(), gateways.customer_with_card()
    PaymentLimit.objects.create(currency="USD", customer=trusted, maximum="99.00")

    with pytest.raises(PaymentHeld):
        charge_invoice(invoice=invoice_of(usual), actor=PERSON, at=NOW)
    assert charge_invoice(invoice=invoice_of(trusted), actor=PERSON, at=NOW).state == "succeeded"

    hits = PaymentReview.objects.get().hits
    assert hits["above the limit of one payment"] == 70


def test_beyond_the_limit_of_a_day_or_of_thirty_a_payment_waits(gateways: TwoGateways) -> None:
    PaymentLimit.objects.create(currency="USD", daily_maximum="99.00")
    customer = gateways.customer_with_card()
    charge_invoice(invoice=invoice_of(customer), actor=PERSON, at=NOW)
    paid = Payment.objects.get()
    second = Payment(
        customer=customer,
        invoice=paid.invoice,
        currency="USD",
        amount="0.01",
        purpose="off_session",
    )

    def judged(at: datetime) -> Mapping[str, int]:
        method, record = customer.payment_methods.get(), record_of([customer.pk], at=at)
        return judge_payment(
            payment=second, method=method, record=record, is_first=False, at=at
        ).hits

    assert paid.state == "paid"
    assert "above the customer's limit of a day" in judged(later(hours=23))
    assert "above the customer's limit of a day" not in judged(later(hours=25))
    PaymentLimit.objects.update(daily_maximum=None, monthly_maximum="99.00")
    words = "above the customer's limit of thirty days, with 99.00 USD paid in them"
    assert judged(later(days=29))[words] == 70
    assert words not in judged(later(days=31))


def test_one_limit_a_currency_and_customer_and_none_of_nothing() -> None:
    PaymentLimit.objects.create(currency="USD", maximum=1)

    for terms in (
        {"currency": "USD", "maximum": 2},
        {"currency": "EUR"},
        {"currency": "EUR", "monthly_maximum": 0},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            PaymentLimit.objects.create(**terms)


def test_many_held_retries_keep_nobody_else_from_being_charged(
    gateways: TwoGateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "BATCH", 2)
    gateways.alpha.script = [declined(DeclineClass.SOFT_FUNDS)] * 3
    for _ in range(3):
        invoice_of(gateways.customer_with_card(held_by="alpha"))
    collect_due(at=NOW)
    PaymentLimit.objects.create(currency="USD", maximum=50)
    free = gateways.customer_with_card(held_by="alpha")
    PaymentLimit.objects.create(currency="USD", customer=free, maximum=500)
    invoice_of(free)

    done = collect_due(at=later(days=2))  # it would never end

    assert (done.attempts, done.succeeded) == (1, 1)
    assert PaymentReview.objects.filter(state="open").count() == 3
    assert not Payment.objects.filter(next_attempt_at__isnull=False).exists()


def test_who_left_a_page_is_not_taken_to_be_there(gateways: TwoGateways) -> None:
    able = replace(gateways.alpha.capabilities, has_three_d_secure=True)
    gateways.alpha.capabilities = able
    customer = gateways.customer_with_card(held_by="alpha")
    Customer.objects.filter(pk=customer.pk).update(email="somebody@mailinator.com")
    invoice = invoice_of(customer)
    left = open_attempt(
        invoice=invoice, channel=Channel.HOSTED_PAGE, gateway="alpha", actor=PERSON, at=NOW
    )
    gone = Outcome(answer=Answer.ABANDONED)
    settle_attempt(attempt=left, outcome=gone, actor=PERSON, at=later(hours=2))

    collect_due(at=later(hours=3))

    payment = Payment.objects.get()
    assert (payment.state, payment.purpose) == ("requires_action", "off_session")
    assert gateways.charges == 0

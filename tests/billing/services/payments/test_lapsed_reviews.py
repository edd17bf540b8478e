"""A review whose payment is over leaves the queue, with the reason; nobody decides it any more."""

import pytest

from billing.domain.declines import DeclineClass
from billing.errors import PaymentHeld, ReviewDecided
from billing.models import Invoice, Payment, PaymentReview
from billing.services.payments.charging import charge_invoice
from billing.services.payments.collection import collect_due
from billing.services.payments.lapsed_reviews import lapse_settled_reviews
from billing.services.payments.reviews import decide_review
from subscriptions.services.transitions import Actor
from tests.factories.accounts import make_user
from tests.scripted_gateway import TwoGateways, declined, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.accounts.roles import Role

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db


def test_the_review_of_a_payment_for_another_amount_lapses_and_the_new_one_is_judged(
    gateways: TwoGateways,
) -> None:
    payment = _held(gateways)
    Invoice.objects.update(amount_paid=40)

    with pytest.raises(PaymentHeld):
        charge_invoice(invoice=payment.invoice, actor=PERSON, at=later(days=3))

    payment.refresh_from_db()
    review = PaymentReview.objects.get(payment=payment)
    assert (payment.state, review.state) == ("canceled", "lapsed")
    assert review.reason == "canceled: the amount due has changed"
    assert PaymentReview.objects.get(state="open").payment.amount.amount == 59
    assert payment.events.get(event="review_lapsed").details == {"reason": review.reason}


def test_the_review_of_what_is_settled_in_another_way_lapses(gateways: TwoGateways) -> None:
    payment = _held(gateways)
    assert lapse_settled_reviews(at=later(days=3)) == 0
    Invoice.objects.update(amount_paid=99, state="paid", paid_at=later(days=3))

    assert [lapse_settled_reviews(at=later(days=3)) for _ in range(2)] == [1, 0]

    payment.refresh_from_db()
    review = PaymentReview.objects.get()
    assert (payment.state, review.state, review.decided_by) == ("canceled", "lapsed", None)
    assert review.reason == "canceled: the invoice is paid"
    assert collect_due(at=later(days=9)).attempts == 0


def test_nobody_decides_the_review_of_a_payment_that_is_over(gateways: TwoGateways) -> None:
    payment = _held(gateways)
    Payment.objects.filter(pk=payment.pk).update(state="paid", paid_at=NOW)
    review, person = PaymentReview.objects.get(), make_user(role=Role.FINANCE)

    for approve in (True, False):
        with pytest.raises(ReviewDecided, match="the payment is paid"):
            decide_review(
                review=review,
                approve=approve,
                reason="fine",
                actor=Actor(source="finance", user=person),
                at=later(days=3),
            )

    assert lapse_settled_reviews(at=later(days=3)) == 1
    review.refresh_from_db()
    assert (review.state, review.reason) == ("lapsed", "the payment is paid")


def _held(gateways: TwoGateways) -> Payment:
    invoice = invoice_of(gateways.customer_with_card(country="US"))
    gateways.alpha.script = [declined(DeclineClass.FRAUD)]
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    with pytest.raises(PaymentHeld):
        charge_invoice(invoice=invoice, actor=PERSON, at=later(days=2))
    return Payment.objects.get(review__isnull=False)

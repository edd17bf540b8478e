"""A page is judged before it is opened, as a charge is: it may wait, or be stepped up."""

from datetime import timedelta

import pytest
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.test import Client

from billing.domain.declines import DeclineClass
from billing.errors import PaymentHeld
from billing.models import (
    Invoice,
    Payment,
    PaymentAttempt,
    PaymentDecision,
    PaymentEvent,
    PaymentLimit,
    PaymentReview,
)
from billing.queries.portal import held_in_words
from billing.services.announcements.announcing import announce_new, start_announcing
from billing.services.announcements.notices import send_notices
from billing.services.payments.charging import charge_invoice
from billing.services.payments.checkout import confirm_payment, open_payment_page
from billing.services.payments.collection import collect_due
from billing.services.payments.reviews import PAYS_WITHIN, decide_review
from subscriptions.models import Customer
from subscriptions.services.transitions import Actor
from tests.factories.accounts import make_user
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import make_customer, published_version, recurring
from tests.scripted_gateway import TwoGateways, declined, gateways
from tests.stripe_world import NOW, PERSON, StripeWorld, invoice_of, later
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.clock import now

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db


def page(invoice: Invoice) -> str:
    return open_payment_page(invoice=invoice, actor=PERSON, at=now())


def decide(review: PaymentReview, *, approve: bool = True) -> None:
    person = Actor(source="finance", user=make_user(role=Role.FINANCE))
    decide_review(review=review, approve=approve, reason="we rang them", actor=person, at=now())


def with_throwaway_address(customer: Customer) -> Customer:
    Customer.objects.filter(pk=customer.pk).update(email="x@mailinator.com")
    return Customer.objects.get(pk=customer.pk)


def test_beyond_a_limit_no_page_is_opened_before_a_person_has_looked(stripe: StripeWorld) -> None:
    PaymentLimit.objects.create(currency="USD", maximum="98.99")
    invoice = invoice_of(make_customer())

    for _ in range(2):
        with pytest.raises(PaymentHeld, match="look at this payment first"):
            page(invoice)

    review, payment = PaymentReview.objects.get(), Payment.objects.get()
    assert (review.state, review.is_on_page, review.payment) == ("open", True, payment)
    assert review.hits == {"above the limit of one payment": 70}
    assert (payment.state, payment.next_attempt_at) == ("open", None)
    held = PaymentEvent.objects.get(payment=payment, event="payment_held")
    assert held.details == {"reason": "above the limit of one payment", "points": 70}
    assert not PaymentAttempt.objects.exists()
    with pytest.raises(IntegrityError), transaction.atomic():
        PaymentReview.objects.create(payment=payment, points=0, hits={})


def test_what_a_person_approves_is_paid_on_the_page_with_a_challenge(stripe: StripeWorld) -> None:
    PaymentLimit.objects.create(currency="USD", maximum="98.99")
    invoice = invoice_of(make_customer())
    with pytest.raises(PaymentHeld):
        page(invoice)
    decide(PaymentReview.objects.get())

    stripe.pay_on_page(page(invoice))

    assert confirm_payment(payment=Payment.objects.get(), actor=PERSON, at=now()).state == "paid"
    assert stripe.charged(invoice) == [9900]
    attempt = PaymentAttempt.objects.get()
    assert attempt.authentication["ask"] == "challenge"
    assert PaymentDecision.objects.get().inputs["risk"] == {"above the limit of one payment": 70}


def test_who_was_held_is_written_to_once_a_person_has_approved(
    stripe: StripeWorld, mailoutbox: list[EmailMessage]
) -> None:
    start_announcing(at=now())
    PaymentLimit.objects.create(currency="USD", maximum="98.99")
    invoice = invoice_of(make_customer())
    with pytest.raises(PaymentHeld):
        page(invoice)
    assert announce_new(at=now()) == 0
    decide(PaymentReview.objects.get())

    assert [announce_new(at=now()) for _ in range(2)] == [1, 0]
    assert send_notices(at=now()).sent == 1

    (mail,) = mailoutbox
    assert mail.subject == f"You can pay invoice {invoice} now"
    (address,) = [word for word in str(mail.body).split() if "/pay/" in word]
    shown = Client().get("/" + address.split("/", 3)[3]).content.decode()
    assert ">Pay</button>" in shown


def test_a_stored_card_waits_for_whoever_was_let_on_to_the_page(stripe: StripeWorld) -> None:
    customer = make_customer()
    stripe.store_card(customer)
    PaymentLimit.objects.create(currency="USD", maximum="98.99")
    invoice = invoice_of(customer)
    with pytest.raises(PaymentHeld):
        page(invoice)
    assert collect_due(at=now()).attempts == 0
    decide(PaymentReview.objects.get())

    assert collect_due(at=now() + timedelta(hours=71)).attempts == 0
    assert collect_due(at=now() + PAYS_WITHIN).succeeded == 1


def test_a_person_is_asked_again_where_one_has_refused(stripe: StripeWorld) -> None:
    PaymentLimit.objects.create(currency="USD", maximum="98.99")
    invoice = invoice_of(make_customer())
    with pytest.raises(PaymentHeld):
        page(invoice)
    decide(PaymentReview.objects.get(), approve=False)
    PaymentLimit.objects.all().delete()

    with pytest.raises(PaymentHeld):
        page(invoice)

    again = PaymentReview.objects.get(state="open")
    assert again.hits == {"a person refused an earlier payment of this invoice": 70}
    assert Payment.objects.filter(state="failed").count() == 1
    decide(again)
    assert page(invoice)


def test_what_the_rules_block_is_refused_and_told_without_the_rules(stripe: StripeWorld) -> None:
    PaymentLimit.objects.create(currency="USD", maximum="98.99")
    invoice = invoice_of(with_throwaway_address(make_customer()))

    with pytest.raises(PaymentHeld):
        page(invoice)

    review = PaymentReview.objects.get()
    assert (review.state, review.points) == ("open", 110)
    words = held_in_words(invoice)
    assert words.startswith("This invoice cannot be paid online at the moment. Please write to ")
    assert not PaymentAttempt.objects.exists()


def test_who_has_to_confirm_is_asked_to_on_the_page(stripe: StripeWorld) -> None:
    invoice = invoice_of(with_throwaway_address(make_customer()))  # of the United States

    assert page(invoice)

    attempt = PaymentAttempt.objects.get()
    assert (attempt.authentication["ask"], attempt.authentication["reason"]) == (
        "challenge",
        "risk points want it",
    )
    assert "challenge" in attempt.authentication["sent"].values()
    assert attempt.decision is not None
    assert attempt.decision.inputs["risk"] == {"a disposable e-mail address": 40}
    assert not PaymentReview.objects.exists()


def test_what_may_be_paid_on_another_page_counts_in_the_limit_of_the_day(
    stripe: StripeWorld,
) -> None:
    PaymentLimit.objects.create(currency="USD", daily_maximum="150.00")
    customer = make_customer()
    first, second = (
        open_invoice(NOW, customer=customer, version=published_version(recurring(amount="99.00")))
        for _ in range(2)
    )
    page(first)

    with pytest.raises(PaymentHeld):
        page(second)

    assert PaymentReview.objects.get().hits == {"above the customer's limit of a day": 70}


def test_a_charge_called_fraudulent_holds_the_page_too(gateways: TwoGateways) -> None:
    invoice = invoice_of(gateways.customer_with_card(country="US"))
    gateways.alpha.script = [declined(DeclineClass.FRAUD)]
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    with pytest.raises(PaymentHeld):
        open_payment_page(invoice=invoice, gateway="alpha", actor=PERSON, at=later(days=2))

    hits = PaymentReview.objects.get().hits
    assert hits == {"the card's issuer called a payment fraudulent": 70}

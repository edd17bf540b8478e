"""A customer pays a part by card: once, and the rest is collected by what had been planned."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from billing.domain.attempts import Answer
from billing.domain.declines import DeclineClass
from billing.domain.part_amounts import Part
from billing.errors import InvoiceNotOpen, PaymentHeld, PaymentInFlight
from billing.gateways.base import Outcome
from billing.models import Invoice, Payment, PaymentAttempt, PaymentLimit, PaymentReview
from billing.services.payments.charging import charge_invoice, open_routed_attempt
from billing.services.payments.collection import collect_due
from billing.services.payments.settling import settle_attempt
from tests.factories.subscriptions import make_customer
from tests.scripted_gateway import TwoGateways, declined, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # a fixture
pytestmark = pytest.mark.django_db
FORTY = Part(amount=Money("40.00", "USD"), of=Money("99.00", "USD"))


def pay_part(invoice: Invoice, part: Part = FORTY, at: datetime = NOW) -> PaymentAttempt:
    return charge_invoice(
        invoice=invoice,
        method=invoice.customer.payment_methods.get(),
        part=part,
        actor=PERSON,
        at=at,
    )


def asked(gateways: TwoGateways) -> list[Decimal]:
    return [call.amount.amount for call in (*gateways.alpha.asked, *gateways.beta.asked)]


def test_the_part_is_charged_and_the_rest_by_the_next_pass(gateways: TwoGateways) -> None:
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))

    pay_part(invoice)

    invoice.refresh_from_db()
    assert (invoice.state, invoice.shown_state) == ("open", "part_paid")
    assert (invoice.amount_paid, invoice.amount_due) == (FORTY.amount, Money("59.00", "USD"))
    assert collect_due(at=later(hours=1)).succeeded == 1
    invoice.refresh_from_db()
    assert (invoice.state, asked(gateways)) == ("paid", [Decimal("40.00"), Decimal("59.00")])


def test_parts_below_the_limit_of_one_payment_do_not_pass_it_together(
    gateways: TwoGateways,
) -> None:
    PaymentLimit.objects.create(currency="USD", maximum="98.99")
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    pay_part(invoice)
    invoice.refresh_from_db()
    rest = Part(amount=Money("58.50", "USD"), of=Money("59.00", "USD"))
    pay_part(invoice, rest)

    invoice.refresh_from_db()
    last = Part(amount=Money("0.50", "USD"), of=Money("0.50", "USD"))
    with pytest.raises(PaymentHeld):
        pay_part(invoice, last)
    assert collect_due(at=later(days=9)).attempts == 0

    review = PaymentReview.objects.get()
    words = "above the limit of one payment, with 98.50 USD paid of the invoice before"
    assert review.hits[words] == 70
    assert words in review.payment.events.get(event="payment_held").details["reason"]
    assert asked(gateways) == [Decimal("40.00"), Decimal("58.50")]


def test_a_planned_retry_stays_planned_for_the_rest(gateways: TwoGateways) -> None:
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    gateways.alpha.script = [declined(DeclineClass.SOFT_FUNDS)]
    collect_due(at=NOW)
    planned = Payment.objects.get().next_attempt_at
    assert planned is not None

    pay_part(invoice, at=later(hours=1))

    rest = Payment.objects.live().get()
    assert (rest.amount, rest.next_attempt_at) == (Money("59.00", "USD"), planned)
    assert collect_due(at=later(hours=2)).attempts == 0
    assert collect_due(at=planned).succeeded == 1
    assert asked(gateways) == [Decimal("99.00"), Decimal("40.00"), Decimal("59.00")]


def test_a_declined_part_leaves_all_as_it_was_planned_and_goes_nowhere_else(
    gateways: TwoGateways,
) -> None:
    invoice = invoice_of(gateways.customer_with_card())
    gateways.alpha.script = [declined(DeclineClass.SOFT_FUNDS), declined(DeclineClass.TECHNICAL)]
    collect_due(at=NOW)
    planned = Payment.objects.get().next_attempt_at
    assert planned is not None

    attempt = pay_part(invoice, at=later(hours=1))

    assert attempt.state == "declined"
    waiting = Payment.objects.live().get()
    assert (waiting.state, waiting.next_attempt_at) == ("open", planned)
    assert collect_due(at=later(hours=2)).attempts == 0
    collect_due(at=planned)
    assert asked(gateways) == [Decimal("99.00"), Decimal("40.00"), Decimal("99.00")]


def test_what_was_given_up_stays_so_after_a_part(gateways: TwoGateways) -> None:
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    gateways.alpha.script = [declined(DeclineClass.DATA_FIX)]
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    assert Payment.objects.get().state == "failed"

    pay_part(invoice)

    assert not Payment.objects.live().exists()
    assert collect_due(at=later(days=9)).attempts == 0
    invoice.refresh_from_db()
    assert invoice.amount_due == Money("59.00", "USD")


def test_who_must_confirm_the_payment_must_still_confirm_the_rest(gateways: TwoGateways) -> None:
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    gateways.alpha.script = [declined(DeclineClass.AUTH_REQUIRED)]
    collect_due(at=NOW)

    pay_part(invoice, at=later(hours=1))

    rest = Payment.objects.live().get()
    assert (rest.state, rest.amount) == ("requires_action", Money("59.00", "USD"))


def test_the_same_part_sent_again_is_not_paid_again(gateways: TwoGateways) -> None:
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    pay_part(invoice)

    with pytest.raises(InvoiceNotOpen, match="by now: please look at it again"):
        pay_part(invoice)

    assert asked(gateways) == [Decimal("40.00")]


def test_while_a_part_is_on_its_way_nothing_else_is_charged(gateways: TwoGateways) -> None:
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    attempt = open_routed_attempt(invoice=invoice, part=FORTY, actor=PERSON, at=NOW)
    sixty = Part(amount=Money("60.00", "USD"), of=FORTY.of)

    for part in (sixty, FORTY, None):
        with pytest.raises(PaymentInFlight):
            charge_invoice(invoice=invoice, part=part, actor=PERSON, at=NOW)
    assert collect_due(at=later(hours=1)).attempts == 0

    _tell(attempt, Outcome(answer=Answer.INCONCLUSIVE))
    assert collect_due(at=later(days=3)).attempts == 0  # unknown is not failed
    _tell(attempt, Outcome(answer=Answer.SUCCEEDED, reference="ch", amount=FORTY.amount))
    assert Payment.objects.live().get().amount == Money("59.00", "USD")


def test_what_had_been_denied_and_was_taken_after_all_stops_the_whole_invoice(
    gateways: TwoGateways,
) -> None:
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    gateways.alpha.script = [declined(DeclineClass.SOFT_FUNDS)] * 3
    collect_due(at=NOW)
    part = pay_part(invoice, at=later(hours=1))
    planned = Payment.objects.live().get().next_attempt_at
    assert planned is not None
    collect_due(at=planned)  # now it is about all of it again, in another payment
    assert Payment.objects.live().get().amount == Money("99.00", "USD")

    _tell(part, Outcome(answer=Answer.SUCCEEDED, reference="late", amount=FORTY.amount))

    assert PaymentReview.objects.get().payment == Payment.objects.live().get()
    assert collect_due(at=later(days=30)).attempts == 0
    with pytest.raises(PaymentHeld):
        pay_part(invoice, at=later(days=30))


def test_a_part_that_cannot_be_charged_leaves_nothing_behind(
    gateways: TwoGateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))
    gateways.alpha.script = [declined(DeclineClass.SOFT_FUNDS)]
    collect_due(at=NOW)
    before = _told(Payment.objects.get())

    def held(**_about: Any) -> PaymentReview:
        return PaymentReview()

    monkeypatch.setattr("billing.services.payments.charging.held_back", held)

    with pytest.raises(PaymentHeld):
        pay_part(invoice, at=later(hours=1))

    assert _told(Payment.objects.get()) == before


def test_without_a_default_method_the_rest_is_left_to_the_customer(gateways: TwoGateways) -> None:
    customer = gateways.customer_with_card(held_by="alpha")
    customer.payment_methods.update(is_default=False)
    invoice = invoice_of(customer)

    pay_part(invoice)
    customer.payment_methods.update(is_default=True)

    assert not Payment.objects.live().exists()
    assert collect_due(at=later(days=9)).attempts == 0


def test_only_what_is_collected_by_itself_has_a_time(gateways: TwoGateways) -> None:
    invoice = invoice_of(make_customer())
    payment = Payment.objects.create(
        id=invoice.pk,
        customer=invoice.customer,
        invoice=invoice,
        currency="USD",
        amount=Decimal(40),
        purpose="on_session",
        idempotency_key="k",
    )

    with pytest.raises(IntegrityError, match="payment_rest_is_planned"), transaction.atomic():
        Payment.objects.filter(pk=payment.pk).update(rest="left", rest_at=NOW)


def _tell(attempt: PaymentAttempt, outcome: Outcome) -> None:
    settle_attempt(attempt=attempt, outcome=outcome, actor=PERSON, at=later(hours=2))


def _told(payment: Payment) -> tuple[object, ...]:
    return (payment.state, payment.amount, payment.next_attempt_at, payment.events.count())

"""Bank debits through Stripe: mandate, days on the way, returns, taken back, tried again."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from billing.domain.eligibility import Why
from billing.errors import NothingToCharge
from billing.gateways.stripe_client import body, configured_client
from billing.models import (
    DisputeEntry,
    GatewayMandate,
    Invoice,
    Payment,
    PaymentAttempt,
    PaymentDecision,
    PaymentMethod,
    PaymentReturn,
)
from billing.services.payments.charging import charge_invoice
from billing.services.payments.gateway_mandates import refresh_mandates
from billing.services.payments.intake import look_at_reported
from billing.services.payments.payment_methods import open_setup_page, take_over_method
from billing.services.payments.reconciling import reconcile_attempts
from subscriptions.models import Customer
from tests.factories.billing import one_off_invoice
from tests.factories.subscriptions import make_customer
from tests.stripe_world import NOW, PERSON, StripeWorld
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
GOOD = {"USD": "000123456789", "EUR": "DE89370400440532013000"}
NO_FUNDS, CLOSED, UNWILLING = "000222222227", "000111111113", "000555555559"
CLEARED = timedelta(days=4, minutes=2)
DEBIT = frozenset({"bank_debit"})


class Scene:
    """A customer with a bank account at Stripe, and an invoice of 99.00."""

    def __init__(self, stripe: StripeWorld, currency: str = "USD", number: str = "") -> None:
        self.stripe = stripe
        self.customer: Customer = make_customer(currency=currency)
        self.at = datetime.fromtimestamp(stripe.control.stats()["now"], UTC)
        self.method = self.store(number or GOOD[currency])
        self.invoice: Invoice = one_off_invoice(self.at, customer=self.customer)

    def store(self, number: str, consent: str = "We may debit what you owe.") -> PaymentMethod:
        """The customer gives an account on Stripe's page."""
        address = open_setup_page(customer=self.customer, at=self.at, kinds=DEBIT, consent=consent)
        session = address.rpartition("/")[2]
        self.stripe.control.complete_checkout(session, card=number)
        method = take_over_method(session=session, customer=self.customer, at=self.at)
        assert method is not None
        return method

    def charge(self) -> PaymentAttempt:
        """Ask for the invoice's money."""
        self.invoice.refresh_from_db()
        return charge_invoice(invoice=self.invoice, actor=PERSON, at=self.at)

    def pass_time(self, span: timedelta = CLEARED) -> None:
        """Time passes at Stripe and here, and what is unsettled is looked into."""
        self.at += span
        self.stripe.control.set_clock(self.at)
        reconcile_attempts(at=self.at)
        self.invoice.refresh_from_db()

    def take_back(self, attempt: PaymentAttempt, reason: str) -> None:
        """The bank takes the money back after it was paid, and its event comes, twice."""
        intent = body(configured_client().payment_intents.retrieve(attempt.gateway_reference))
        told = self.stripe.control.dispute(intent["latest_charge"], reason=reason)
        for _ in range(2):
            look_at_reported(kind="dispute", reference=told["id"], our_reference="", at=self.at)
        self.invoice.refresh_from_db()


@pytest.mark.parametrize(
    ("currency", "brand", "fee"), [("USD", "ach_debit", "0.79"), ("EUR", "sepa_debit", "0.35")]
)
def test_a_debit_is_pending_for_days_and_then_paid(
    stripe: StripeWorld, currency: str, brand: str, fee: str
) -> None:
    scene = Scene(stripe, currency)
    assert (scene.method.kind, scene.method.brand) == ("bank_debit", brand)

    attempt = scene.charge()

    assert attempt.state == PaymentAttempt.State.PENDING
    scene.pass_time(timedelta(days=3))
    assert scene.invoice.state == Invoice.State.OPEN
    scene.pass_time(timedelta(days=1, minutes=2))
    attempt.refresh_from_db()
    assert (attempt.state, scene.invoice.state) == ("succeeded", Invoice.State.PAID)
    assert attempt.fee == Money(fee, currency)


def test_what_was_agreed_to_is_kept_with_reference_page_time_and_address(
    stripe: StripeWorld,
) -> None:
    scene = Scene(stripe, "EUR")

    mandate = GatewayMandate.objects.get(method=scene.method)

    assert mandate.state == GatewayMandate.State.ACTIVE
    assert mandate.consent == "We may debit what you owe."
    assert mandate.reference
    assert mandate.reference in mandate.url
    assert mandate.accepted_from == "203.0.113.7"
    assert mandate.accepted_at is not None


def test_the_mandate_of_a_debit_that_was_kept_on_paying_is_read_later(stripe: StripeWorld) -> None:
    scene = Scene(stripe, "EUR")
    named = GatewayMandate.objects.get(method=scene.method)
    with pytest.raises(IntegrityError), transaction.atomic():
        named.delete()
    GatewayMandate.objects.filter(pk=named.pk).update(asked_at=None, accepted_from="")

    assert refresh_mandates(at=scene.at) == 1

    named.refresh_from_db()
    assert (named.accepted_from, named.asked_at) == ("203.0.113.7", scene.at)


@pytest.mark.parametrize(
    "change", [{"consent": "another"}, {"reference": "another"}, {"accepted_at": NOW}]
)
def test_the_database_lets_nobody_change_what_was_agreed_to(
    stripe: StripeWorld, change: dict[str, object]
) -> None:
    mandate = GatewayMandate.objects.get(method=Scene(stripe, "EUR").method)

    with pytest.raises(IntegrityError, match="what was agreed to stays"), transaction.atomic():
        GatewayMandate.objects.filter(pk=mandate.pk).update(**change)


def test_a_mandate_that_ends_at_the_gateway_ends_its_method(stripe: StripeWorld) -> None:
    scene = Scene(stripe, "USD", UNWILLING)
    scene.charge()
    mandate = GatewayMandate.objects.get(method=scene.method)
    scene.pass_time()

    told = look_at_reported(
        kind="mandate", reference=mandate.gateway_reference, our_reference="", at=scene.at
    )

    assert told == "mandate ended"
    scene.method.refresh_from_db()
    assert (scene.method.state, scene.method.is_default) == ("removed", False)
    with pytest.raises(IntegrityError, match="stays so"), transaction.atomic():
        GatewayMandate.objects.filter(pk=mandate.pk).update(state="active", ended_at=None)


@pytest.mark.parametrize(
    ("number", "code", "payment"),
    [
        (NO_FUNDS, "insufficient_funds", Payment.State.OPEN),
        (CLOSED, "account_closed", Payment.State.FAILED),
        ("000111111116", "no_account", Payment.State.FAILED),
        ("000333333335", "debit_not_authorized", Payment.State.FAILED),
    ],
)
def test_a_return_is_dunned_by_its_reason(
    stripe: StripeWorld, number: str, code: str, payment: str
) -> None:
    scene = Scene(stripe, "USD", number)
    attempt = scene.charge()

    scene.pass_time()

    attempt.refresh_from_db()
    assert (attempt.state, attempt.decline_code) == (PaymentAttempt.State.DECLINED, code)
    assert attempt.payment.state == payment
    assert (attempt.payment.next_attempt_at is not None) == (payment == Payment.State.OPEN)


def test_an_ach_debit_without_funds_is_presented_three_times_and_no_more(
    stripe: StripeWorld,
) -> None:
    scene = Scene(stripe, "USD", NO_FUNDS)
    for _ in range(3):
        scene.charge()
        scene.pass_time()

    payment = Payment.objects.get()
    assert (payment.state, payment.next_attempt_at) == (Payment.State.FAILED, None)
    last = payment.events.filter(event="payment_failed").get()
    assert "presented again 2 times within 180 days" in last.details["reason"]
    with pytest.raises(NothingToCharge):
        scene.charge()
    decision = PaymentDecision.objects.latest("pk")
    assert decision.candidates[0]["why_not"] == [Why.BUDGET_USED_UP]


def test_money_taken_back_for_want_of_funds_is_owed_and_collected_again(
    stripe: StripeWorld,
) -> None:
    scene = Scene(stripe)
    attempt = scene.charge()
    scene.pass_time()

    scene.take_back(attempt, "insufficient_funds")

    assert (scene.invoice.state, scene.invoice.amount_due) == ("open", Money("99.00", "USD"))
    again = Payment.objects.exclude(pk=attempt.payment_id).get()
    assert (again.state, again.amount) == (Payment.State.OPEN, Money("99.00", "USD"))
    assert again.next_attempt_at is not None
    kinds = sorted(DisputeEntry.objects.values_list("kind", "amount"))
    assert kinds == [
        ("fee", Decimal("15.00")),
        ("funds", Decimal("99.00")),
        ("reopening", Decimal("99.00")),
    ]
    scene.method.refresh_from_db()
    assert scene.method.state == PaymentMethod.State.ACTIVE


def test_money_taken_back_as_unauthorised_is_owed_and_the_account_left_alone(
    stripe: StripeWorld,
) -> None:
    scene = Scene(stripe, "EUR", "DE35370400440532013002")
    attempt = scene.charge()
    scene.pass_time()
    (told,) = body(
        configured_client().disputes.list({"payment_intent": attempt_reference(attempt)})
    )["data"]

    look_at_reported(kind="dispute", reference=told["id"], our_reference="", at=scene.at)

    scene.invoice.refresh_from_db()
    again = Payment.objects.exclude(pk=attempt.payment_id).get()
    assert (scene.invoice.state, again.state) == ("open", Payment.State.FAILED)
    scene.method.refresh_from_db()
    assert scene.method.state == PaymentMethod.State.REMOVED
    assert GatewayMandate.objects.get().state == GatewayMandate.State.ENDED


def test_a_debit_that_fails_after_it_had_succeeded_is_returned_once(stripe: StripeWorld) -> None:
    scene = Scene(stripe)
    attempt = scene.charge()
    scene.pass_time()
    stripe.control.fail_late(attempt_reference(attempt), reason="account_closed")

    for _ in range(2):
        look_at_reported(
            kind="charge", reference="ch_1", our_reference=str(attempt.pk), at=scene.at
        )

    back = PaymentReturn.objects.get()
    assert (back.code, back.decline_class) == ("account_closed", "hard_instrument")
    scene.invoice.refresh_from_db()
    assert (scene.invoice.state, scene.invoice.amount_due) == ("open", Money("99.00", "USD"))
    scene.method.refresh_from_db()
    assert scene.method.state == PaymentMethod.State.REMOVED


def test_an_account_is_debited_in_its_own_currency_only(stripe: StripeWorld) -> None:
    scene = Scene(stripe)
    PaymentMethod.objects.filter(pk=scene.method.pk).update(brand="sepa_debit")

    with pytest.raises(NothingToCharge):
        scene.charge()

    (candidate,) = PaymentDecision.objects.get().candidates
    assert candidate["why_not"] == [Why.NOT_ITS_CURRENCY]


def attempt_reference(attempt: PaymentAttempt) -> str:
    attempt.refresh_from_db()
    return attempt.gateway_reference

"""A payment page is decided about too: what it is worth where, and who leaves when asked."""

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.domain.decision_record import candidates_to_json, route, situation_from_json
from billing.domain.declines import DeclineClass
from billing.models import (
    Invoice,
    OutcomeStatistic,
    Payment,
    PaymentAttempt,
    PaymentDecision,
    RoutingPolicy,
)
from billing.queries.back_test import back_test
from billing.queries.flight_recorder import decisions_of
from billing.queries.routing import policy_of
from billing.queries.trials import trial_of
from billing.services.payments.charging import charge_invoice
from billing.services.payments.checkout import (
    close_payment_page,
    confirm_payment,
    open_payment_page,
)
from billing.services.payments.outcomes import count_outcomes
from billing.services.payments.routing_policies import draft_policy, start_trial
from subscriptions.models import Customer
from tests.adyen_world import AdyenWorld
from tests.factories.accounts import make_user
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import make_customer, published_version, recurring
from tests.scripted_gateway import TwoGateways, declined, gateways
from tests.stripe_world import NOW, PERSON, StripeWorld, invoice_of, later
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.clock import now

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db
HOME = "challenge/EUR/domestic"


def european() -> Customer:
    return make_customer(currency="EUR", country="DE", is_tax_exempt=True)


def open_page(customer: Customer, gateway: str, *, saves: bool = True) -> str:
    version = published_version(recurring(amount="99.00"), currency=customer.currency)
    invoice = open_invoice(NOW, customer=customer, version=version)
    return open_payment_page(
        invoice=invoice, gateway=gateway, saves_method=saves, actor=PERSON, at=now()
    )


def test_a_page_that_asks_for_a_challenge_says_how_many_leave(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    open_page(european(), "adyen")

    decision, attempt = PaymentDecision.objects.get(), PaymentAttempt.objects.get()
    first, second = decision.candidates
    assert (attempt.decision, attempt.segment, attempt.fee_expected) == (decision, HOME, None)
    assert (decision.chosen_gateway, decision.chosen_method, decision.rule) == (
        "adyen",
        None,
        "the customer's choice",
    )
    assert [(c["gateway"], c["method"]) for c in (first, second)] == [
        ("adyen", "page-card"),
        ("stripe", "page-card"),
    ]
    assert (first["abandoned"], first["success_rate"]) == ("0.12", "0.792")  # 0.9 less 12 %
    assert decision.inputs["authentication"]["ask"] == "challenge"
    again = route(situation_from_json(decision.inputs), policy_of(decision.policy))
    told = {c["gateway"]: c for c in candidates_to_json(again.candidates)}
    assert told["adyen"]["expected_value"] == first["expected_value"]


def test_nobody_leaves_where_nobody_is_asked(stripe: StripeWorld, adyen: AdyenWorld) -> None:
    open_page(make_customer(), "stripe")  # of the United States, in dollars

    assert PaymentAttempt.objects.get().segment == ""
    assert {c["abandoned"] for c in PaymentDecision.objects.get().candidates} == {"0"}


def test_pages_that_were_left_and_paid_are_measured(stripe: StripeWorld, adyen: AdyenWorld) -> None:
    paid, left = open_page(european(), "stripe"), open_page(european(), "stripe")
    stripe.pay_on_page(paid, "asks_holder")
    stripe.control.advance_clock(int(timedelta(hours=2).total_seconds()))
    for payment in Payment.objects.all():
        confirm_payment(payment=payment, actor=PERSON, at=now())

    assert left
    assert count_outcomes(at=now()) == 2
    measured = OutcomeStatistic.objects.get()
    assert (measured.gateway, measured.segment, measured.attempts) == ("stripe", HOME, 2)
    # The one that was counted later counts whole, the other has begun to fade.
    assert measured.successes + measured.failures > Decimal("1.98")
    stripe.control.set_clock(now())
    open_page(european(), "stripe")
    told = {c["gateway"]: c for c in PaymentDecision.objects.latest("pk").candidates}
    assert Decimal(told["stripe"]["abandoned"]) > Decimal("0.15")
    assert told["adyen"]["abandoned"] == "0.12"


def test_the_flight_recorder_tells_it_and_back_tests_leave_pages_out(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    open_page(european(), "stripe")

    (view,) = decisions_of(Payment.objects.get())

    assert [(row.gateway, row.method) for row in view.candidates] == [
        ("stripe", "Card on its page"),
        ("adyen", "Card on its page"),
    ]
    assert view.candidates[0].abandoned_percent == Decimal(12)
    assert back_test(PaymentDecision.objects.get().policy).tried == 0


def test_a_stored_card_is_routed_as_ever_after_a_page_was_left(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    customer = make_customer()
    stripe.store_card(customer)
    invoice = invoice_of(customer)
    open_payment_page(invoice=invoice, gateway="adyen", actor=PERSON, at=now())
    close_payment_page(invoice=invoice, actor=PERSON, at=now())

    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)

    assert (attempt.state, attempt.gateway, attempt.is_fallback) == ("succeeded", "stripe", False)
    assert [d.round for d in PaymentDecision.objects.all()] == [1, 2]


def test_a_page_that_came_first_takes_no_payment_out_of_trials_and_back_tests(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    customers = make_customer(), make_customer()
    for customer in customers:
        stripe.store_card(customer)
    before, within = map(invoice_of, customers)
    page_left(before)
    charge_invoice(invoice=before, actor=PERSON, at=NOW)
    user = make_user(role=Role.FINANCE)
    draft = start_trial(policy=draft_policy(user=user, at=NOW), percent=50, at=NOW)
    page_left(within)

    charge_invoice(invoice=within, actor=PERSON, at=NOW)

    first = PaymentDecision.objects.first_routed()
    assert sorted((d.round, d.arm != "") for d in first) == [(2, False), (2, True)]
    trial = trial_of(draft)
    assert trial.control.tried + trial.variant.tried == 1
    assert back_test(RoutingPolicy.objects.get(state="active")).tried == 2


def test_only_the_first_of_a_payments_routed_decisions_counts(gateways: TwoGateways) -> None:
    invoice = invoice_of(gateways.customer_with_card())
    gateways.alpha.script = [declined(DeclineClass.SOFT_FUNDS)]
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    charge_invoice(invoice=invoice, actor=PERSON, at=later(days=3))

    assert [d.round for d in PaymentDecision.objects.all()] == [1, 2]
    assert [d.round for d in PaymentDecision.objects.first_routed()] == [1]


def page_left(invoice: Invoice) -> None:
    """A page that was opened at the other gateway, and closed again."""
    open_payment_page(invoice=invoice, gateway="adyen", actor=PERSON, at=now())
    close_payment_page(invoice=invoice, actor=PERSON, at=now())

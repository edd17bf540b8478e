"""Routing between gateways: decisions are kept, fallbacks follow proof, nobody pays twice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, InternalError, connection, transaction

from billing.domain.decision_record import candidates_to_json, route, situation_from_json
from billing.domain.declines import DeclineClass
from billing.errors import NothingToCharge, PaymentInFlight
from billing.models import (
    GatewayCall,
    GatewayHealth,
    InstrumentToken,
    Invoice,
    OutcomeStatistic,
    Payment,
    PaymentAttempt,
    PaymentDecision,
    PaymentMethod,
    RoutingPolicy,
    RoutingRule,
)
from billing.queries.routing import policy_of
from billing.services.payments.charging import charge_invoice
from billing.services.payments.collection import collect_due
from billing.services.payments.outcomes import count_outcomes
from billing.services.payments.reconciling import reconcile_attempts
from tests.scripted_gateway import LOST, NOT_SENT, TwoGateways, declined, gateways
from tests.stripe_world import NOW, PERSON, invoice_of, later
from tiktoktoe.kernel.errors import Conflict

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db


def _charge(invoice: Invoice) -> PaymentAttempt:
    return charge_invoice(invoice=invoice, actor=PERSON, at=NOW)


def test_the_better_gateway_is_charged_and_the_decision_says_why(gateways: TwoGateways) -> None:
    customer = gateways.customer_with_card()

    attempt = _charge(invoice_of(customer))

    decision = PaymentDecision.objects.get()
    first, second = decision.candidates
    assert (attempt.state, attempt.gateway, attempt.decision) == ("succeeded", "alpha", decision)
    assert attempt.fee_expected.amount == Decimal("0.50")  # 0.5 % of 99.00
    assert attempt.segment == "card/USD/domestic/off_session"
    assert (decision.round, decision.seed) == (1, str(attempt.payment_id))
    assert (first["gateway"], first["fee"], second["gateway"], second["fee"]) == (
        "alpha",
        "0.50",
        "beta",
        "1.98",
    )
    assert first["success_rate"] == "0.9"
    assert Decimal(first["expected_value"]) > Decimal(second["expected_value"])


def test_a_kept_decision_can_be_made_again_exactly(gateways: TwoGateways) -> None:
    _charge(invoice_of(gateways.customer_with_card(held_by="alpha beta")))
    decision = PaymentDecision.objects.get()

    again = route(situation_from_json(decision.inputs), policy_of(decision.policy))

    assert candidates_to_json(again.candidates) == decision.candidates


def test_a_method_is_charged_only_where_it_is_held_by_that_gateways_name(
    gateways: TwoGateways,
) -> None:
    customer = gateways.customer_with_card(held_by="beta")

    attempt = _charge(invoice_of(customer))

    assert attempt.gateway == "beta"
    assert PaymentDecision.objects.get().candidates[1]["why_not"] == ["not_held"]
    other = gateways.customer_with_card(held_by="beta alpha")
    assert _charge(invoice_of(other)).gateway == "alpha"
    assert gateways.alpha.asked[0].method_reference == f"alpha-{other.pk}-token"


@pytest.mark.parametrize(
    "answer",
    [
        NOT_SENT,
        declined(DeclineClass.TECHNICAL),
        declined(DeclineClass.SOFT_GENERIC),
        declined(DeclineClass.CONFIG),
    ],
    ids=["never left", "technical", "generic", "config"],
)
def test_after_a_no_that_is_not_the_customers_one_other_gateway_is_tried_at_once(
    gateways: TwoGateways, answer: object
) -> None:
    gateways.alpha.script = [answer]  # type: ignore[list-item]

    attempt = _charge(invoice_of(gateways.customer_with_card()))

    payment = Payment.objects.get()
    assert (attempt.state, attempt.gateway, attempt.is_fallback) == ("succeeded", "beta", True)
    assert (payment.state, payment.retries_done, gateways.charges) == ("paid", 0, 1)
    assert PaymentDecision.objects.count() == 1


def test_a_gateway_that_was_let_go_of_meanwhile_is_not_fallen_back_to(
    gateways: TwoGateways,
) -> None:
    customer = gateways.customer_with_card()
    gateways.alpha.script = [declined(DeclineClass.SOFT_GENERIC)]
    gateways.alpha.before_answer = lambda: InstrumentToken.objects.update(state="removed")

    attempt = charge_invoice(invoice=invoice_of(customer), actor=PERSON, at=NOW)

    assert (attempt.gateway, attempt.state) == ("alpha", "declined")
    assert (len(gateways.alpha.asked), gateways.beta.asked) == (1, [])
    later_at = Payment.objects.get().next_attempt_at
    assert later_at is not None
    assert later_at > NOW  # as after any no


@pytest.mark.parametrize(
    "decline_class",
    [
        DeclineClass.SOFT_FUNDS,
        DeclineClass.FRAUD,
        DeclineClass.HARD_INSTRUMENT,
        DeclineClass.HARD_REVOKED,
        DeclineClass.AUTH_REQUIRED,
        DeclineClass.DATA_FIX,
        DeclineClass.UNCLASSIFIED,
    ],
)
def test_after_a_no_that_is_the_customers_no_other_gateway_is_asked(
    gateways: TwoGateways, decline_class: DeclineClass
) -> None:
    gateways.alpha.script = [declined(decline_class)]

    attempt = _charge(invoice_of(gateways.customer_with_card()))

    assert (attempt.state, attempt.gateway) == ("declined", "alpha")
    assert gateways.beta.asked == []


def test_an_unknown_outcome_never_goes_to_another_gateway(gateways: TwoGateways) -> None:
    gateways.alpha.script = [LOST]
    invoice = invoice_of(gateways.customer_with_card())

    attempt = _charge(invoice)

    assert attempt.state == "unknown"
    with pytest.raises(PaymentInFlight):
        _charge(invoice)
    assert collect_due(at=later(days=400)).attempts == 0
    assert gateways.beta.asked == []
    assert reconcile_attempts(at=later(minutes=5)) == 1
    attempt.refresh_from_db()
    assert (attempt.state, gateways.charges) == ("succeeded", 1)


def test_two_gateways_at_most_then_the_schedule_takes_over(gateways: TwoGateways) -> None:
    gateways.alpha.script = [declined(DeclineClass.TECHNICAL)]
    gateways.beta.script = [declined(DeclineClass.TECHNICAL)]

    attempt = _charge(invoice_of(gateways.customer_with_card()))

    payment = Payment.objects.get()
    assert (attempt.gateway, attempt.state, payment.state) == ("beta", "declined", "open")
    assert payment.next_attempt_at == NOW + timedelta(minutes=1)
    assert len(gateways.alpha.asked) + len(gateways.beta.asked) == 2
    assert collect_due(at=later(minutes=1)).succeeded == 1
    assert PaymentDecision.objects.count() == 2


def test_a_worker_that_dies_between_two_gateways_leaves_the_rest_to_the_next_pass(
    gateways: TwoGateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateways.alpha.script = [declined(DeclineClass.TECHNICAL)]
    monkeypatch.setattr(
        "billing.services.payments.charging.is_due_elsewhere", lambda _attempt, _at: False
    )
    _charge(invoice_of(gateways.customer_with_card()))

    collected = collect_due(at=later(seconds=20))

    assert (collected.attempts, collected.succeeded) == (1, 1)
    assert PaymentAttempt.objects.get(state="succeeded").is_fallback
    assert PaymentDecision.objects.count() == 1


def test_collection_falls_back_in_the_same_pass(gateways: TwoGateways) -> None:
    gateways.alpha.script = [declined(DeclineClass.TECHNICAL)]
    invoice_of(gateways.customer_with_card())

    collected = collect_due(at=NOW)

    assert (collected.attempts, collected.succeeded, gateways.charges) == (2, 1, 1)


@pytest.mark.django_db(transaction=True)
def test_five_who_charge_at_once_take_the_money_once(gateways: TwoGateways) -> None:
    invoice = invoice_of(gateways.customer_with_card())

    def charge(_number: int) -> str:
        try:
            return _charge(invoice).state
        except Conflict as error:
            return type(error).__name__
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        states = list(pool.map(charge, range(5)))

    assert states.count("succeeded") == 1
    assert gateways.charges == 1


def test_nothing_that_can_be_charged_waits_a_day_or_for_the_customer(
    gateways: TwoGateways,
) -> None:
    GatewayHealth.objects.create(gateway="alpha", is_enabled=False)
    closed = gateways.customer_with_card(held_by="alpha")
    expired = gateways.customer_with_card(held_by="beta", expires_on="2025-12-31")

    for customer in (closed, expired):
        with pytest.raises(NothingToCharge):
            _charge(invoice_of(customer))

    waits, given_up = (Payment.objects.get(customer=c) for c in (closed, expired))
    assert (waits.state, waits.next_attempt_at) == ("open", NOW + timedelta(days=1))
    assert (given_up.state, given_up.next_attempt_at) == ("failed", None)
    reason = given_up.events.get(event="payment_not_routed").details["reason"]
    assert "the method has expired" in reason
    assert PaymentDecision.objects.filter(chosen_gateway="").count() == 2


def test_forty_that_cannot_be_charged_do_not_keep_the_next_from_it(gateways: TwoGateways) -> None:
    GatewayHealth.objects.create(gateway="alpha", is_enabled=False)
    for _ in range(3):
        invoice_of(gateways.customer_with_card(held_by="alpha"))
    invoice_of(gateways.customer_with_card(held_by="beta"))

    from billing.services.payments import collection

    batch, collection.BATCH = collection.BATCH, 3
    try:
        assert collect_due(at=NOW).succeeded == 1
    finally:
        collection.BATCH = batch


def test_only_the_default_method_is_charged_unless_the_policy_may_choose(
    gateways: TwoGateways,
) -> None:
    customer = gateways.customer_with_card(held_by="beta")
    PaymentMethod.objects.create(
        customer=customer, gateway="beta", gateway_reference="debit", kind="bank_debit"
    )

    _charge(invoice_of(customer))

    assert {c["kind"] for c in PaymentDecision.objects.get().candidates} == {"card"}


def _new_policy(**terms: object) -> RoutingPolicy:
    return RoutingPolicy.objects.create(version=2, **terms)


def _activate(policy: RoutingPolicy) -> None:
    RoutingPolicy.objects.filter(state="active").update(state="retired")
    RoutingPolicy.objects.filter(pk=policy.pk).update(state="active")


def test_an_active_policys_rule_sends_payments_where_it_says(gateways: TwoGateways) -> None:
    policy = _new_policy()
    RoutingRule.objects.create(
        policy=policy, position=1, name="beta for all", effect="only", gateways=["beta"]
    )
    _activate(policy)

    attempt = _charge(invoice_of(gateways.customer_with_card()))

    decision = PaymentDecision.objects.get()
    assert (attempt.gateway, decision.rule, decision.policy) == ("beta", "beta for all", policy)
    assert decision.candidates[1]["why_not"] == ["ruled_out"]


def test_five_failures_open_the_breaker_and_a_probe_closes_it(gateways: TwoGateways) -> None:
    gateways.alpha.script = [LOST] * 5
    for _ in range(5):
        _charge(invoice_of(gateways.customer_with_card()))

    health = GatewayHealth.objects.get(gateway="alpha")
    assert (health.state, health.opens_until) == ("open", NOW + timedelta(seconds=30))
    assert _charge(invoice_of(gateways.customer_with_card())).gateway == "beta"
    assert "breaker_open" in PaymentDecision.objects.latest("id").candidates[1]["why_not"]

    probed = charge_invoice(
        invoice=invoice_of(gateways.customer_with_card()), actor=PERSON, at=later(seconds=31)
    )

    health.refresh_from_db()
    assert (probed.gateway, probed.state, health.state) == ("alpha", "succeeded", "closed")
    assert health.failures_in_a_row == 0


def test_what_only_a_failing_gateway_could_take_is_not_put_off_until_tomorrow(
    gateways: TwoGateways,
) -> None:
    gateways.alpha.script = [LOST] * 5
    for _ in range(5):
        _charge(invoice_of(gateways.customer_with_card()))
    invoice = invoice_of(gateways.customer_with_card(held_by="alpha"))

    collect_due(at=NOW)
    waiting = Payment.objects.get(invoice=invoice)
    assert (waiting.state, waiting.next_attempt_at) == ("open", later(minutes=15))
    collect_due(at=later(minutes=15))

    invoice.refresh_from_db()
    assert invoice.state == "paid"


def test_a_decline_never_opens_the_breaker(gateways: TwoGateways) -> None:
    gateways.alpha.script = [declined(DeclineClass.SOFT_FUNDS)] * 12
    for _ in range(12):
        _charge(invoice_of(gateways.customer_with_card()))

    assert not GatewayHealth.objects.filter(gateway="alpha").exists()


def test_outcomes_are_counted_once_each_as_the_taxonomy_says(gateways: TwoGateways) -> None:
    gateways.alpha.script = [declined(DeclineClass.SOFT_FUNDS), declined(DeclineClass.TECHNICAL)]
    for _ in range(3):
        _charge(invoice_of(gateways.customer_with_card()))

    assert count_outcomes(at=NOW) == 4  # the technical one went on to beta
    assert count_outcomes(at=NOW) == 0

    alpha = OutcomeStatistic.objects.get(gateway="alpha")
    assert (alpha.attempts, alpha.declines) == (3, 1)
    assert round(alpha.failures, 1) == Decimal("1.0")
    assert 0 < alpha.successes <= 1
    assert OutcomeStatistic.objects.get(gateway="beta").attempts == 1


def test_a_bad_record_moves_the_next_payments_to_the_other_gateway(gateways: TwoGateways) -> None:
    OutcomeStatistic.objects.create(
        gateway="alpha", segment="card/USD/domestic/off_session", successes=5, failures=15, seen=20
    )

    assert _charge(invoice_of(gateways.customer_with_card())).gateway == "beta"


def test_calls_are_kept_without_tokens(gateways: TwoGateways) -> None:
    customer = gateways.customer_with_card()

    attempt = _charge(invoice_of(customer))

    call = GatewayCall.objects.get()
    assert (call.gateway, call.verb, call.answer, call.attempt) == (
        "alpha",
        "charge",
        "succeeded",
        attempt,
    )
    assert call.request["method_reference"] == "…card"
    assert f"alpha-{customer.pk}-card" not in str(call.request)
    assert call.request["idempotency_key"] == attempt.idempotency_key


def test_the_database_keeps_decisions_calls_and_versions(gateways: TwoGateways) -> None:
    _charge(invoice_of(gateways.customer_with_card()))
    policy = RoutingPolicy.objects.get()

    for attack in (
        lambda: PaymentDecision.objects.update(chosen_gateway="beta"),
        lambda: PaymentDecision.objects.all().delete(),
        lambda: GatewayCall.objects.update(answer="declined"),
        lambda: RoutingPolicy.objects.update(fees_weight=9),
        lambda: RoutingPolicy.objects.update(state="draft"),
        policy.delete,
        lambda: RoutingRule.objects.create(policy=policy, position=1, name="x", effect="only"),
    ):
        with pytest.raises((IntegrityError, InternalError)), transaction.atomic():
            attack()

    assert RoutingPolicy.objects.get().fees_weight == 1

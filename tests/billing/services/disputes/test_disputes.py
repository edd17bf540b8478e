"""Disputes of both gateways: what is told is recorded once, and the money and the books follow."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from django.db import IntegrityError, transaction
from django.db.models import Sum

from billing.domain.attempts import Answer
from billing.domain.disputes import DISPUTE_MOVES, OPEN_DISPUTE_STATES, DisputeState
from billing.errors import DisputeContradicts, DisputedTooEarly, PaymentDisputed
from billing.gateways.base import Outcome
from billing.gateways.disputes import DisputeMovement, DisputeReport
from billing.gateways.stripe_client import body, configured_client
from billing.models import (
    Dispute,
    DisputeEntry,
    DisputeRule,
    Invoice,
    Payment,
    PaymentAttempt,
    Refund,
    WebhookEvent,
)
from billing.queries.risk import record_of
from billing.queries.statements import statement_of
from billing.services.disputes.records import look_at_dispute, record_dispute
from billing.services.payments.charging import charge_invoice
from billing.services.payments.collection import collect_due, mark_overdue
from billing.services.payments.refunds import refund_payment, settle_refund
from billing.services.payments.settling import settle_attempt
from finance.models import Posting
from finance.queries import unposted_count
from finance.services.posting import post_documents
from tests.gateway_scenes import Kept, gateway_scene
from tests.gateway_world import GatewayWorld, customer_with
from tests.scripted_gateway import TwoGateways, gateways
from tests.stripe_world import NOW, PERSON, StripeWorld, invoice_of, later
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db

MONEY = Money(Decimal("99.00"), "USD")
NOTHING = Money(0, "USD")
TWO_THIRDS = Money(66, "USD")
FEES = {"stripe": "15.00", "adyen": "0.00"}  # Adyen tells its fee with the settlement


def paid(world: GatewayWorld) -> PaymentAttempt:
    invoice = invoice_of(customer_with(world))
    charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    world.deliver()
    return PaymentAttempt.objects.get(state="succeeded")


kept = gateway_scene(paid)


@pytest.fixture
def paid_world(kept: Kept, request: pytest.FixtureRequest) -> GatewayWorld:
    """A gateway at which an invoice of 99.00 was paid."""
    world: GatewayWorld = kept.back(request)
    return world


def paid_by_hand(gateways: TwoGateways) -> PaymentAttempt:
    invoice = invoice_of(gateways.customer_with_card())
    return charge_invoice(invoice=invoice, actor=PERSON, at=NOW)


def report(state: DisputeState | None, *, days: int = 1, **terms: object) -> DisputeReport:
    given = {"reference": "dp_1", "amount": MONEY, "reason": "fraudulent", **terms}
    return DisputeReport(state=state, happened_at=later(days=days), **given)  # type: ignore[arg-type]


def taken(reference: str = "t1", amount: Money = MONEY) -> tuple[DisputeMovement, ...]:
    return (DisputeMovement(kind="funds", reference=reference, amount=amount),)


def given_back(reference: str = "t2") -> tuple[DisputeMovement, ...]:
    return (DisputeMovement(kind="funds", reference=reference, amount=-MONEY),)


def tell(attempt: PaymentAttempt, said: DisputeReport) -> Dispute:
    dispute = record_dispute(attempt=attempt, report=said, actor=PERSON, at=later(days=30))
    return Dispute.objects.get(pk=dispute.pk)


def balances(*codes: str) -> list[int]:
    """What the accounts hold after everything was posted, in minor units."""
    at = later(days=400)
    post_documents(at=at)
    assert unposted_count(at=at) == 0
    rows = Posting.objects.order_by().values_list("account__code").annotate(Sum("amount_minor"))
    found = dict(rows)
    assert sum(found.values()) == 0
    return [found.get(code, 0) for code in codes]


@pytest.mark.parametrize("mode", ["reset_after", "http_500_after"])
def test_a_dispute_of_a_charge_whose_answer_was_lost_proves_the_charge(
    stripe: StripeWorld, mode: str
) -> None:
    invoice = invoice_of(customer_with(stripe))
    stripe.control.add_fault("POST /v1/payment_intents$", mode, times=1)
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    assert (attempt.state, attempt.gateway_reference) == ("unknown", "")
    (intent,) = body(configured_client().payment_intents.list())["data"]
    name = stripe.control.dispute(intent["latest_charge"])["id"]

    look_at_dispute(reference=name, actor=PERSON, at=later(minutes=1), gateway="stripe")

    assert Dispute.objects.get().attempt_id == attempt.pk
    assert PaymentAttempt.objects.get().state == "succeeded"


def test_a_dispute_is_opened_by_the_gateways_event(paid_world: GatewayWorld) -> None:
    attempt = PaymentAttempt.objects.get()

    reference = paid_world.dispute(attempt)

    dispute = Dispute.objects.get()
    payment, invoice = Payment.objects.get(), Invoice.objects.get()
    assert (dispute.gateway, dispute.gateway_reference) == (paid_world.name, reference)
    assert (dispute.state, dispute.reason_class) == ("needs_response", "fraud")
    assert dispute.amount == MONEY
    assert dispute.due_at is not None
    assert dispute.due_at - dispute.opened_at >= timedelta(days=7)
    assert dispute.held == MONEY
    assert dispute.fee == Money(FEES[paid_world.name], "USD")
    assert (payment.state, payment.shown_state) == ("paid", "disputed")
    assert (invoice.state, invoice.amount_due) == ("paid", NOTHING)
    assert payment.events.filter(event="dispute_needs_response").count() == 1


def test_hearing_it_again_changes_nothing(paid_world: GatewayWorld) -> None:
    reference = paid_world.dispute(PaymentAttempt.objects.get())
    entries = DisputeEntry.objects.count()

    paid_world.hear(reference)
    paid_world.hear(reference)

    assert Dispute.objects.count() == 1
    assert DisputeEntry.objects.count() == entries
    assert not WebhookEvent.objects.exclude(state="done").exists()


def test_a_dispute_that_is_won_gives_the_money_back(paid_world: GatewayWorld) -> None:
    reference = paid_world.dispute(PaymentAttempt.objects.get())
    fee = int(Decimal(FEES[paid_world.name]) * 100)
    before = balances("1100", "1200", "1250", "5010")

    paid_world.decide(reference, "won")

    dispute, payment = Dispute.objects.get(), Payment.objects.get()
    after = balances("1100", "1200", "1250", "5010")
    assert (dispute.state, payment.shown_state) == ("won", "paid")
    assert dispute.held.amount == 0
    assert before[1:] == [0, 9900, fee]
    assert after[1:] == [0, 0, 0]
    assert after[0] - before[0] == 9900 + fee


def test_a_lost_dispute_is_our_loss_where_no_rule_says_otherwise(paid_world: GatewayWorld) -> None:
    reference = paid_world.dispute(PaymentAttempt.objects.get())

    paid_world.decide(reference, "lost")

    payment, invoice = Payment.objects.get(), Invoice.objects.get()
    assert (payment.shown_state, payment.amount_charged_back) == ("charged_back", MONEY)
    assert (invoice.state, invoice.amount_due) == ("paid", NOTHING)
    assert payment.amount_refundable.amount == 0
    assert balances("1200", "1250", "5120") == [0, 0, 9900]


def test_a_rule_lets_the_customer_owe_it_again_but_nothing_collects_it(
    paid_world: GatewayWorld,
) -> None:
    DisputeRule.objects.create(reason_class="canceled", rule="reopen", valid_from=date(2025, 1, 1))
    reference = paid_world.dispute(PaymentAttempt.objects.get(), "canceled")

    paid_world.decide(reference, "lost")

    invoice = Invoice.objects.get()
    assert (invoice.state, invoice.amount_due) == ("open", MONEY)
    assert balances("1200", "1250", "5120") == [9900, 0, 0]
    assert collect_due(at=later(days=60)).attempts == 0
    statement = statement_of(
        invoice.customer, "USD", start=NOW - timedelta(days=1), end=later(days=400)
    )
    assert statement.closing == MONEY
    assert [row.what for row in statement.rows][-1] == "Charged back by the bank"


def test_nobody_answers_in_time(paid_world: GatewayWorld) -> None:
    reference = paid_world.dispute(PaymentAttempt.objects.get())

    paid_world.control.advance_clock(15 * 86_400)
    paid_world.deliver()
    paid_world.hear(reference)

    assert Dispute.objects.get().state == "expired"
    assert balances("1250", "5120") == [0, 9900]


def test_an_inquiry_moves_no_money_until_it_is_escalated(paid_world: GatewayWorld) -> None:
    attempt = PaymentAttempt.objects.get()
    reference = paid_world.dispute(attempt, is_inquiry=True)
    asked = Dispute.objects.get()
    assert (asked.state, asked.held) == ("inquiry", NOTHING)

    paid_world.decide(reference, "escalated")

    dispute = Dispute.objects.get()
    assert (dispute.state, dispute.held) == ("needs_response", MONEY)


def test_of_a_disputed_payment_nothing_is_given_back(paid_world: GatewayWorld) -> None:
    attempt = PaymentAttempt.objects.get()
    paid_world.dispute(attempt)

    with pytest.raises(PaymentDisputed):
        give_back(attempt)

    assert paid_world.refunded() == 0
    assert not Refund.objects.exists()


def test_the_database_refuses_a_refund_of_a_disputed_payment(gateways: TwoGateways) -> None:
    attempt = paid_by_hand(gateways)
    tell(attempt, report(DisputeState.UNDER_REVIEW))

    with pytest.raises(IntegrityError, match="disputed"), transaction.atomic():
        Refund.objects.create(
            id=uuid7(),
            payment=attempt.payment,
            attempt=attempt,
            currency="USD",
            amount=1,
            reason="by hand",
            idempotency_key="x",
            requested_at=NOW,
        )


def test_an_inquiry_may_end_with_a_refund(paid_world: GatewayWorld) -> None:
    attempt = PaymentAttempt.objects.get()
    paid_world.dispute(attempt, is_inquiry=True)

    refund = give_back(attempt)
    paid_world.deliver()

    refund.refresh_from_db()
    assert refund.state == "succeeded"


def give_back(attempt: PaymentAttempt) -> Refund:
    payment = Payment.objects.get(pk=attempt.payment_id)
    return refund_payment(
        payment=payment,
        amount=MONEY,
        reason="goodwill",
        actor=PERSON,
        idempotency_key="k",
        at=NOW,
    )


def test_what_is_left_of_a_disputed_invoice_is_neither_charged_nor_overdue(
    gateways: TwoGateways,
) -> None:
    attempt = paid_by_hand(gateways)
    invoice = Invoice.objects.get()
    payment = Payment.objects.get(pk=attempt.payment_id)
    refund = Refund.objects.create(
        id=uuid7(),
        payment=payment,
        attempt=attempt,
        currency="USD",
        amount=Decimal(30),
        state="pending",
        reason="goodwill",
        idempotency_key="r",
        requested_at=NOW,
        gateway_reference="re_1",
    )
    gateway_says_refunded(refund)
    tell(attempt, report(DisputeState.NEEDS_RESPONSE, movements=taken(amount=TWO_THIRDS)))
    invoice.refresh_from_db()
    assert (invoice.state, invoice.amount_due) == ("open", Money(30, "USD"))

    with pytest.raises(PaymentDisputed):
        charge_invoice(invoice=invoice, actor=PERSON, at=later(days=2))

    assert mark_overdue(at=later(days=90)) == 0
    assert gateways.charges == 1


def gateway_says_refunded(refund: Refund) -> None:
    said = Outcome(answer=Answer.SUCCEEDED, reference="re_1")
    settle_refund(refund=refund, outcome=said, actor=PERSON, at=NOW)


def test_events_out_of_order_come_to_the_same_end(gateways: TwoGateways) -> None:
    attempt = paid_by_hand(gateways)

    tell(attempt, report(DisputeState.WON, days=9, movements=given_back()))
    dispute = tell(attempt, report(DisputeState.NEEDS_RESPONSE, days=1, movements=taken()))

    assert (dispute.state, dispute.held) == ("won", NOTHING)
    assert dispute.opened_at == later(days=1)
    assert Payment.objects.get().shown_state == "paid"
    assert balances("1250", "5120") == [0, 0]


def test_a_second_chargeback_takes_back_what_was_won_and_a_late_win_what_was_lost(
    gateways: TwoGateways,
) -> None:
    DisputeRule.objects.create(rule="reopen", valid_from=date(2025, 1, 1))
    attempt = paid_by_hand(gateways)
    tell(attempt, report(DisputeState.NEEDS_RESPONSE, days=1, movements=taken()))
    tell(attempt, report(DisputeState.WON, days=2, movements=given_back()))
    tell(attempt, report(DisputeState.LOST, days=3, movements=taken("t3")))
    assert Invoice.objects.get().state == "open"
    assert balances("1200", "1250") == [9900, 0]

    dispute = tell(attempt, report(DisputeState.WON, days=4, movements=given_back("t4")))

    invoice = Invoice.objects.get()
    assert (dispute.state, invoice.state, invoice.amount_due) == ("won", "paid", NOTHING)
    assert balances("1200", "1250", "5120") == [0, 0, 0]


def test_money_that_was_overpaid_is_given_back_by_a_lost_dispute_without_a_loss(
    gateways: TwoGateways,
) -> None:
    attempt = paid_by_hand(gateways)
    Invoice.objects.update(amount_credited=MONEY.amount)

    tell(attempt, report(DisputeState.LOST, movements=taken()))

    invoice = Invoice.objects.get()
    assert (invoice.state, invoice.amount_overpaid) == ("paid", NOTHING)
    assert list(DisputeEntry.objects.values_list("kind", flat=True)) == ["funds", "reopening"]


def test_a_dispute_in_another_currency_or_of_another_payment_is_for_a_person(
    gateways: TwoGateways,
) -> None:
    attempt = paid_by_hand(gateways)

    with pytest.raises(DisputeContradicts):
        tell(attempt, report(DisputeState.NEEDS_RESPONSE, amount=Money(99, "EUR")))

    assert not Dispute.objects.exists()


def test_a_dispute_that_comes_before_its_payment_waits(gateways: TwoGateways) -> None:
    gateways.alpha.script = [Outcome(answer=Answer.PENDING, reference="a1")]
    attempt = paid_by_hand(gateways)
    said = report(DisputeState.NEEDS_RESPONSE)

    with pytest.raises(DisputedTooEarly):
        tell(attempt, said)

    arrived = Outcome(answer=Answer.SUCCEEDED, reference="a1", amount=MONEY)
    settle_attempt(attempt=attempt, outcome=arrived, actor=PERSON, at=later(days=1))
    assert tell(attempt, said).state == "needs_response"


def test_the_database_allows_exactly_the_moves_of_the_table(gateways: TwoGateways) -> None:
    attempt = paid_by_hand(gateways)
    for start, end in permutations(DisputeState, 2):
        dispute = in_state(attempt, start, f"{start}-{end}")

        assert is_allowed(dispute, end) == (end in DISPUTE_MOVES[start]), (start, end)


def in_state(
    attempt: PaymentAttempt, state: DisputeState, reference: str, reason_class: str = "other"
) -> Dispute:
    return Dispute.objects.create(
        id=uuid7(),
        payment=attempt.payment,
        attempt=attempt,
        gateway=attempt.gateway,
        gateway_reference=reference,
        state=state,
        reason_class=reason_class,
        currency="USD",
        amount=99,
        opened_at=NOW,
        reported_at=NOW,
        closed_at=None if state in OPEN_DISPUTE_STATES else NOW,
    )


def is_allowed(dispute: Dispute, state: DisputeState) -> bool:
    try:
        with transaction.atomic():
            set_state(dispute, state)
    except IntegrityError:
        return False
    return True


def set_state(dispute: Dispute, state: DisputeState) -> None:
    closed_at = None if state in OPEN_DISPUTE_STATES else NOW
    Dispute.objects.filter(pk=dispute.pk).update(state=state, closed_at=closed_at)


def test_movements_stay_as_they_were_written(gateways: TwoGateways) -> None:
    tell(paid_by_hand(gateways), report(DisputeState.NEEDS_RESPONSE, movements=taken()))

    for attack in (
        lambda: DisputeEntry.objects.update(amount=1),
        lambda: DisputeEntry.objects.all().delete(),
        lambda: Dispute.objects.update(gateway_reference="other"),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            attack()


def test_what_is_read_counts_even_if_our_clock_has_gone_back(stripe: StripeWorld) -> None:
    invoice = invoice_of(customer_with(stripe, "good"))
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    intent = body(configured_client().payment_intents.retrieve(attempt.gateway_reference))
    opened = stripe.control.dispute(intent["latest_charge"])["id"]
    look_at_dispute(reference=opened, actor=PERSON, at=later(minutes=30), gateway="stripe")
    stripe.control.decide_dispute(opened, "lost")

    look_at_dispute(reference=opened, actor=PERSON, at=later(minutes=20), gateway="stripe")

    assert Dispute.objects.get().state == "lost"


@pytest.mark.parametrize(
    ("state", "reason", "days", "is_told"),
    [
        (DisputeState.LOST, "fraud", 365, True),
        (DisputeState.LOST, "fraud", 366, False),
        (DisputeState.WON, "fraud", 1, False),
        (DisputeState.INQUIRY, "fraud", 1, False),
        (DisputeState.LOST, "other", 1, False),
    ],
)
def test_a_fraud_dispute_is_on_the_customers_record_for_a_year(
    gateways: TwoGateways, state: DisputeState, reason: str, days: int, is_told: bool
) -> None:
    attempt = paid_by_hand(gateways)
    in_state(attempt, state, "dp_1", reason)
    customer = attempt.payment.customer_id

    record = record_of([customer], at=later(days=days) - timedelta(seconds=1))

    assert record.fraud_disputed_on(customer) == (NOW.date() if is_told else None)
    assert not record.declines

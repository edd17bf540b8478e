"""Usage that crosses a threshold is billed at once, and taken off the bill of the period."""

import threading
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.db.models import Sum

from billing.models import Invoice, ThresholdCrossing
from billing.services.changes.plan_changes import change_plan
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.invoices.invoicing import preview_next_invoice
from billing.services.invoices.renewal import run_billing
from billing.services.invoices.thresholds import bill_thresholds
from finance.models import Posting
from finance.services.posting import post_documents
from subscriptions.domain.proration_policy import Timing
from subscriptions.models import PlanVersion, Subscription
from subscriptions.services.catalog import draft_plan_version, publish_plan_version
from subscriptions.services.policies import ChangeOverride
from subscriptions.services.price_specs import ThresholdSpec
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_plan,
    per_call,
    recurring,
    subscription_since,
)
from tests.factories.usage import make_source, use
from tests.golden import cents, scenario

pytestmark = pytest.mark.django_db
D = Decimal


def version_with(*thresholds: ThresholdSpec, at: datetime = JAN_1) -> PlanVersion:
    version = draft_plan_version(
        plan=make_plan(),
        currency="USD",
        prices=[
            recurring("31.00", timing="arrears"),
            per_call("0.0002", included="0"),
        ],
        effective_from=at,
        thresholds=thresholds,
    )
    return publish_plan_version(version=version, at=at)


def numbers_of(invoices: list[Invoice]) -> list[tuple[str, Decimal]]:
    return [(invoice.kind, invoice.total.amount) for invoice in invoices]


def issued() -> list[Invoice]:
    return list(Invoice.objects.order_by("finalized_at", "number"))


def day(number: int, hour: int = 12, month: int = 1) -> datetime:
    return datetime(2026, month, number, hour, tzinfo=UTC)


def test_golden_lago_57_the_closing_invoice_credits_what_was_billed_early() -> None:
    golden = scenario("LAGO-THRESH-57")
    case = golden["cases"][0]
    start = datetime(2022, 12, 1, tzinfo=UTC)
    amount = cents(golden["threshold_cents"]).amount
    version = version_with(ThresholdSpec(amount=amount), at=start)
    customer = make_customer()
    subscription = subscription_since(start, customer=customer, version=version)
    for event in case["events"]:
        at = datetime.fromisoformat(event["date"]).replace(tzinfo=UTC, hour=12)
        use(customer, event["units"], at)
        bill_thresholds(at=at)
    early = issued()
    foreseen = preview_next_invoice(subscription=subscription)
    run_billing(at=datetime(2023, 1, 1, tzinfo=UTC))

    expected = case["expected"]
    assert len(early) == expected["invoices_by_2022_12_16"]
    assert early[0].total.amount == cents(expected["threshold_invoice_cents"]).amount
    closing = Invoice.objects.get(kind="period")
    lines = {line.kind: line.amount.amount for line in closing.lines.all()}
    assert lines["recurring"] + lines["usage"] == cents(expected["period_end"]["fees_cents"]).amount
    assert lines["usage_credit"] == -cents(expected["period_end"]["credit_cents"]).amount
    assert closing.total.amount == cents(expected["period_end"]["total_cents"]).amount
    assert foreseen is not None
    assert foreseen.totals.total == closing.total


def test_each_level_is_billed_once_and_repeating_ones_go_on() -> None:
    version = version_with(
        ThresholdSpec(amount=D(100)), ThresholdSpec(amount=D(50), is_repeating=True)
    )
    customer = make_customer()
    subscription_since(JAN_1, customer=customer, version=version)
    totals = []
    for number, calls in enumerate([400_000, 150_000, 10_000, 500_000], start=2):
        use(customer, calls, day(number))
        totals.append((bill_thresholds(at=day(number)), bill_thresholds(at=day(number))))

    # 80; 110 crosses 100; 112 nothing; 212 crosses 150 and 200
    assert totals == [(0, 0), (1, 0), (0, 0), (1, 0)]
    assert numbers_of(issued()) == [("threshold", D(110)), ("threshold", D(102))]
    levels = ThresholdCrossing.objects.values_list("level", flat=True)
    assert list(levels) == [D(100), D(150), D(200)]

    run_billing(at=day(1, 0, 2))

    assert numbers_of(issued())[-1] == ("period", D(31))


def test_a_plan_with_lower_levels_bills_nothing_for_those_that_were_billed_already() -> None:
    """110 was billed at the level of 100: the new plan's 50 and 105 are passed, its 120 is not."""
    customer = make_customer()
    subscription = subscription_since(
        JAN_1, customer=customer, version=version_with(ThresholdSpec(amount=D(100)))
    )
    use(customer, 550_000, day(5))
    bill_thresholds(at=day(5))
    lower = version_with(*(ThresholdSpec(amount=D(level)) for level in (50, 105, 120)))
    change_plan(
        subscription=subscription,
        plan_version=lower,
        quantity=1,
        actor=TEST_ACTOR,
        override=ChangeOverride(timing=Timing.IMMEDIATE),
        at=day(6),
    )

    at_once = bill_thresholds(at=day(6))
    use(customer, 50_000, day(7))
    later = bill_thresholds(at=day(7))

    assert (at_once, later) == (0, 1)
    early = [i for i in issued() if i.kind == "threshold"]
    assert numbers_of(early) == [("threshold", D(110)), ("threshold", D(10))]
    levels = ThresholdCrossing.objects.values_list("level", flat=True)
    assert list(levels) == [D(100), D(120)]


def test_the_next_period_starts_from_nothing() -> None:
    customer = make_customer()
    version = version_with(ThresholdSpec(amount=D(100)))
    subscription_since(JAN_1, customer=customer, version=version)
    use(customer, 600_000, day(5))
    bill_thresholds(at=day(5))
    run_billing(at=day(1, 0, 2))

    use(customer, 400_000, day(5, 12, 2))
    below = bill_thresholds(at=day(5, 12, 2))
    use(customer, 100_000, day(6, 12, 2))
    above = bill_thresholds(at=day(6, 12, 2))

    assert (below, above) == (0, 1)
    assert numbers_of(issued())[-1] == ("threshold", D(100))


def test_what_a_credit_note_gave_back_is_not_charged_again() -> None:
    customer = make_customer()
    version = version_with(ThresholdSpec(amount=D(100)))
    subscription_since(JAN_1, customer=customer, version=version)
    use(customer, 600_000, day(5))
    bill_thresholds(at=day(5))
    early = Invoice.objects.get()
    issue_credit_note(
        invoice=early, reason="goodwill", idempotency_key="half", amount=D(50), at=day(6)
    )

    run_billing(at=day(1, 0, 2))

    closing = Invoice.objects.get(kind="period")
    assert closing.total.amount == D(31)


def test_postgresql_keeps_a_level_of_a_period_once() -> None:
    customer = make_customer()
    version = version_with(ThresholdSpec(amount=D(100)))
    subscription = subscription_since(JAN_1, customer=customer, version=version)
    use(customer, 600_000, day(5))
    bill_thresholds(at=day(5))
    crossing = ThresholdCrossing.objects.get()

    with pytest.raises(IntegrityError, match="threshold_crossed_once"), transaction.atomic():
        ThresholdCrossing.objects.create(
            subscription=subscription,
            period_start=crossing.period_start,
            level=D(100),
            invoice=crossing.invoice,
            crossed_at=day(6),
        )


@pytest.mark.parametrize("statement", ["UPDATE {} SET level = 1", "DELETE FROM {}"])
def test_a_crossing_stays(statement: str) -> None:
    customer = make_customer()
    version = version_with(ThresholdSpec(amount=D(100)))
    subscription_since(JAN_1, customer=customer, version=version)
    use(customer, 600_000, day(5))
    bill_thresholds(at=day(5))

    with (
        pytest.raises(IntegrityError, match="was billed early stays"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format("billing_thresholdcrossing"))


@pytest.mark.django_db(transaction=True)
def test_two_tasks_at_once_bill_a_level_once() -> None:
    make_source()
    customer = make_customer()
    version = version_with(ThresholdSpec(amount=D(100)))
    subscription_since(JAN_1, customer=customer, version=version)
    use(customer, 600_000, day(5))
    made: list[int] = []
    gate = threading.Barrier(2)

    def work() -> None:
        gate.wait()
        try:
            made.append(bill_thresholds(at=day(5)))
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sum(made) == 1
    assert Invoice.objects.count() == 1


def test_a_trial_is_not_billed_early() -> None:
    customer = make_customer()
    version = version_with(ThresholdSpec(amount=D(100)))
    subscription = subscription_since(JAN_1, customer=customer, version=version, trial_days=14)
    use(customer, 600_000, day(5))

    assert bill_thresholds(at=day(5)) == 0
    assert Subscription.objects.get(pk=subscription.pk).state == "trialing"


def test_the_books_take_early_and_closing_invoices_and_stay_balanced() -> None:
    customer = make_customer()
    version = version_with(ThresholdSpec(amount=D(100)))
    subscription_since(JAN_1, customer=customer, version=version)
    use(customer, 600_000, day(5))
    bill_thresholds(at=day(5))
    use(customer, 50_000, day(9))
    run_billing(at=day(1, 0, 2))

    post_documents(at=day(2, 0, 2))

    by_account = dict(
        Posting.objects.values_list("account__code").annotate(balance=Sum("amount_minor"))
    )
    assert by_account == {"1200": 161_00, "4010": -130_00, "4000": -31_00}

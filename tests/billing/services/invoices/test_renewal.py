from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.models import BillingFailure, Invoice, InvoiceLine
from billing.services.invoices import renewal
from billing.services.invoices.invoicing import bill_start, preview_next_invoice
from billing.services.invoices.renewal import release_failure, run_billing
from subscriptions.models import Customer, Subscription
from subscriptions.services.changes import schedule_cancellation, switch_plan
from subscriptions.services.price_specs import TierTerms
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_plan,
    per_call,
    published_version,
    recurring,
    subscription_since,
)
from tests.factories.usage import use

pytestmark = pytest.mark.django_db
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
MAR_1 = datetime(2026, 3, 1, tzinfo=UTC)


def amounts(invoice: Invoice) -> list[tuple[str, Decimal]]:
    return [(line.kind, line.amount.amount) for line in invoice.lines.all()]


def final_invoices() -> Sequence[Invoice]:
    return list(Invoice.objects.final().order_by("number"))


def test_the_first_bill_is_the_fee_in_advance() -> None:
    subscription = subscription_since(JAN_1)

    invoice = bill_start(subscription=subscription, at=JAN_1)

    assert invoice is not None
    assert (invoice.number, invoice.state) == ("INV-000001", "open")
    assert amounts(invoice) == [("recurring", Decimal("99.0000"))]
    assert invoice.due_at == JAN_1 + timedelta(days=14)
    assert invoice.bill_to["name"] == subscription.customer.name


def test_billing_the_start_twice_gives_the_same_invoice() -> None:
    subscription = subscription_since(JAN_1)

    first = bill_start(subscription=subscription, at=JAN_1)
    again = bill_start(subscription=subscription, at=JAN_1)

    assert first == again
    assert Invoice.objects.count() == 1


def test_a_run_bills_usage_of_the_closed_period_and_the_fee_of_the_next() -> None:
    subscription = subscription_since(JAN_1)
    use(subscription.customer, 12_500, datetime(2026, 1, 15, tzinfo=UTC))

    run = run_billing(at=FEB_1)

    invoice = Invoice.objects.get()
    assert (run.state, run.due_count, run.invoice_count) == ("done", 1, 1)
    assert amounts(invoice) == [("usage", Decimal("5.0000")), ("recurring", Decimal("99.0000"))]
    assert invoice.total.amount == Decimal("104.0000")
    subscription.refresh_from_db()
    assert subscription.current_period_start == FEB_1
    assert subscription.next_billing_at == MAR_1


def test_long_names_are_cut_on_the_line_and_whole_in_its_derivation() -> None:
    version = published_version(
        recurring(name="Fee " * 50), per_call(name="Use " * 50), plan=make_plan(name="Plan " * 40)
    )
    subscription = subscription_since(JAN_1, version=version)
    bill_start(subscription=subscription, at=JAN_1)

    run = run_billing(at=FEB_1)

    lines = InvoiceLine.objects.order_by("invoice__number", "position")
    assert run.failures.count() == 0
    assert {len(line.description) for line in lines} == {300}
    assert {line.description[-1] for line in lines} == {"…"}
    assert {line.derivation["price"]["name"] for line in lines} == {"Fee " * 50, "Use " * 50}


def test_running_twice_equals_running_once() -> None:
    subscription_since(JAN_1)
    run_billing(at=FEB_1)
    before = list(Invoice.objects.values())

    run = run_billing(at=FEB_1)

    assert (run.due_count, run.invoice_count) == (0, 0)
    assert list(Invoice.objects.values()) == before


def test_periods_missed_are_billed_one_after_the_other() -> None:
    subscription = subscription_since(JAN_1)
    use(subscription.customer, 11_000, datetime(2026, 2, 10, tzinfo=UTC))

    run_billing(at=MAR_1 + timedelta(days=3))

    first, second = final_invoices()
    assert [i.period_start for i in (first, second)] == [FEB_1, MAR_1]
    assert amounts(first)[0] == ("usage", Decimal("0.0000"))
    assert amounts(second)[0] == ("usage", Decimal("2.0000"))


def test_graduated_usage_shows_a_step_for_each_tier() -> None:
    tiers = [
        TierTerms(up_to=Decimal(1000), unit_amount=Decimal("0.01")),
        TierTerms(up_to=None, unit_amount=Decimal("0.005")),
    ]
    version = published_version(
        recurring(), per_call(charge_model="graduated", tiers=tiers, included="0")
    )
    subscription = subscription_since(JAN_1, version=version)
    use(subscription.customer, 1500, datetime(2026, 1, 15, tzinfo=UTC))

    run_billing(at=FEB_1)

    line = InvoiceLine.objects.get(kind="usage")
    assert line.amount.amount == Decimal("12.5000")
    assert [step["formula"] for step in line.derivation["steps"]] == [
        "1000 × 0.01 = 10",
        "500 × 0.005 = 2.5",
    ]
    assert line.derivation["events"]["meter"] == "api_calls"


def test_late_usage_of_a_closed_period_is_billed_with_the_next() -> None:
    subscription = subscription_since(JAN_1)
    run_billing(at=FEB_1)
    use(
        subscription.customer,
        20_000,
        datetime(2026, 1, 31, tzinfo=UTC),
        received_at=FEB_1 + timedelta(hours=5),
    )

    run_billing(at=MAR_1)

    assert amounts(final_invoices()[1])[0] == ("usage", Decimal("20.0000"))


def test_the_preview_equals_the_invoice() -> None:
    subscription = subscription_since(JAN_1)
    use(subscription.customer, 12_345, datetime(2026, 1, 15, tzinfo=UTC))

    preview = preview_next_invoice(subscription=subscription)
    run_billing(at=FEB_1)

    invoice = Invoice.objects.get()
    assert preview is not None
    assert preview.totals.total == invoice.total
    assert [line.amount for line in preview.lines] == [line.amount for line in invoice.lines.all()]
    assert preview.lines[0].derivation.to_json() == invoice.lines.all()[0].derivation


def test_a_trial_is_not_billed_until_it_converts() -> None:
    subscription = subscription_since(JAN_1, trial_days=14)
    use(subscription.customer, 50_000, datetime(2026, 1, 5, tzinfo=UTC))
    assert bill_start(subscription=subscription, at=JAN_1) is None

    run_billing(at=datetime(2026, 1, 15, tzinfo=UTC))

    subscription.refresh_from_db()
    assert subscription.state == "active"
    assert amounts(Invoice.objects.get()) == [("recurring", Decimal("99.0000"))]
    assert subscription.next_billing_at == datetime(2026, 2, 15, tzinfo=UTC)


def test_a_scheduled_cancellation_bills_the_last_usage_and_ends_it() -> None:
    subscription = subscription_since(JAN_1)
    use(subscription.customer, 12_000, datetime(2026, 1, 20, tzinfo=UTC))
    schedule_cancellation(subscription=subscription, actor=TEST_ACTOR, at=JAN_1)

    run_billing(at=FEB_1)

    subscription.refresh_from_db()
    assert (subscription.state, subscription.next_billing_at) == ("canceled", None)
    assert subscription.ended_at == FEB_1
    assert amounts(Invoice.objects.get()) == [("usage", Decimal("4.0000"))]


def test_usage_is_rated_by_the_plan_of_its_day_and_included_units_by_its_share() -> None:
    old = published_version(recurring(), per_call("0.01", included="3100"))
    new = published_version(recurring(), per_call("0.10", included="0"))
    subscription = subscription_since(JAN_1, version=old)
    switch_plan(
        subscription=subscription,
        plan_version=new,
        quantity=1,
        effective_at=datetime(2026, 1, 11, 9, tzinfo=UTC),
        actor=TEST_ACTOR,
        at=datetime(2026, 1, 11, 9, tzinfo=UTC),
    )
    use(subscription.customer, 1_500, datetime(2026, 1, 10, 23, tzinfo=UTC))
    use(subscription.customer, 10, datetime(2026, 1, 11, 0, 1, tzinfo=UTC))

    run_billing(at=FEB_1)

    before, after = InvoiceLine.objects.filter(kind="usage")
    assert before.derivation["inputs"]["included"] == "1000"
    assert before.amount.amount == Decimal("5.0000")
    assert after.amount.amount == Decimal("1.0000")


def test_a_customer_that_cannot_be_billed_does_not_stop_the_others() -> None:
    good = [subscription_since(JAN_1, version=published_version(recurring())) for _ in range(4)]
    bad = subscription_since(
        JAN_1,
        customer=make_customer(country="FR"),
        version=published_version(recurring()),
    )

    run = run_billing(at=FEB_1)

    assert (run.invoice_count, run.failure_count) == (4, 1)
    failure = BillingFailure.objects.get()
    assert failure.subscription == bad
    assert "no tax rate is known for FR" in failure.error
    assert {i.customer for i in Invoice.objects.all()} == {s.customer for s in good}
    Customer.objects.filter(pk=bad.customer_id).update(country="US")
    release_failure(failure=failure, at=FEB_1)
    assert run_billing(at=FEB_1).invoice_count == 1


def test_numbers_have_no_gap_even_after_a_chunk_that_failed() -> None:
    for country in ("US", "FR", "US"):
        subscription_since(
            JAN_1,
            customer=make_customer(country=country),
            version=published_version(recurring()),
        )

    run_billing(at=FEB_1)

    assert [i.number for i in final_invoices()] == ["INV-000001", "INV-000002"]


def test_the_number_of_queries_does_not_grow_with_the_subscriptions(settings: Any) -> None:
    version = published_version()

    def queries(count: int, at: datetime) -> int:
        for _ in range(count):
            subscription_since(at - timedelta(days=40), version=version)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            run_billing(at=at)
        return len(captured)

    assert queries(2, datetime(2026, 3, 1, tzinfo=UTC)) == queries(
        8, datetime(2026, 3, 2, tzinfo=UTC)
    )


def test_a_chunk_whose_usage_is_not_closed_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    subscription_since(JAN_1)
    monkeypatch.setattr(renewal, "close_due_usage", lambda **_given: None)

    run = run_billing(at=FEB_1)

    assert (run.invoice_count, run.state) == (0, "running")
    assert Subscription.objects.get().next_billing_at == FEB_1

"""Usage of prices in advance is billed as it comes, each unit at its own marginal price."""

import threading
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections

from billing.models import Invoice
from billing.queries.explanation import explain_line
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.invoices.ahead import bill_usage_ahead
from billing.services.invoices.invoicing import preview_next_invoice, void_invoice
from billing.services.invoices.renewal import run_billing
from subscriptions.models import Customer
from subscriptions.services.price_specs import TierTerms
from tests.factories.subscriptions import (
    JAN_1,
    make_customer,
    per_call,
    published_version,
    subscription_since,
)
from tests.factories.usage import make_source, use
from tests.golden import in_cents, scenario

pytestmark = pytest.mark.django_db
D = Decimal
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)


def day(number: int, hour: int = 12) -> datetime:
    return datetime(2026, 1, number, hour, tzinfo=UTC)


def subscribed(**terms: Any) -> Customer:
    customer = make_customer()
    price = per_call(timing="advance", **{"included": "0", **terms})
    subscription_since(JAN_1, customer=customer, version=published_version(price))
    return customer


def totals() -> list[tuple[str, Decimal]]:
    invoices = Invoice.objects.exclude(state="void").order_by("finalized_at", "number")
    return [(invoice.kind, invoice.total.amount) for invoice in invoices]


def test_golden_lago_51_each_event_gets_its_own_marginal_price() -> None:
    golden = scenario("LAGO-CHARGE-51")
    tiers = [
        TierTerms(up_to=D(2), unit_amount=D(0)),
        TierTerms(up_to=None, unit_amount=D(golden["tiers"][1]["unit"])),
    ]
    customer = subscribed(amount="0", charge_model="graduated", tiers=tiers)
    fees = []
    for hour in range(golden["events"][0]["count"]):
        use(customer, 1, day(5, hour))
        made = bill_usage_ahead(at=day(5, hour))
        newest = Invoice.objects.order_by("-finalized_at").first()
        fees.append(in_cents(newest.total) if made and newest else 0)

    assert sorted(fees) == golden["expected"]["fee_amounts_cents_sorted"]


def test_a_package_in_advance_is_a_block_that_is_billed_when_it_is_started() -> None:
    customer = subscribed(amount="100", charge_model="package", package_size=D(10))
    for number, units in enumerate([1, 8, 1, 1], start=2):
        use(customer, units, day(number))
        bill_usage_ahead(at=day(number))

    assert totals() == [("ahead", D(100)), ("ahead", D(100))]

    run_billing(at=FEB_1)

    assert totals()[2:] == [("period", D(0))]


def test_the_closing_invoice_bills_what_was_not_billed_as_it_came() -> None:
    customer = subscribed(amount="1")
    use(customer, 30, day(5))
    bill_usage_ahead(at=day(5))
    again = bill_usage_ahead(at=day(6))
    use(customer, 12, day(20))
    foreseen = preview_next_invoice(subscription=customer.subscriptions.get())
    run_billing(at=FEB_1)

    assert again == 0
    assert totals() == [("ahead", D(30)), ("period", D(12))]
    assert foreseen is not None
    assert foreseen.totals.total.amount == 12
    line = Invoice.objects.get(kind="period").lines.get()
    assert (line.quantity, line.derivation["steps"][-1]["formula"]) == (D(42), "-30")
    assert explain_line(line, line.invoice).agrees


def test_the_minimum_counts_what_was_billed_as_it_came() -> None:
    customer = subscribed(amount="1", minimum_amount=D(50))
    use(customer, 30, day(5))
    bill_usage_ahead(at=day(5))

    run_billing(at=FEB_1)

    closing = Invoice.objects.get(kind="period")
    lines = closing.lines.order_by("position")
    assert [(line.kind, line.amount.amount) for line in lines] == [
        ("usage", D(0)),
        ("true_up", D(20)),
    ]


def test_what_was_voided_is_charged_by_the_closing_invoice_what_was_credited_is_not() -> None:
    customer = subscribed(amount="1")
    for number, units in [(5, 30), (6, 20)]:
        use(customer, units, day(number))
        bill_usage_ahead(at=day(number))
    first, second = Invoice.objects.order_by("finalized_at")
    void_invoice(invoice=first, at=day(7))
    issue_credit_note(
        invoice=second, reason="goodwill", idempotency_key="k", amount=D(5), at=day(7)
    )

    run_billing(at=FEB_1)

    assert totals()[-1] == ("period", D(30))


@pytest.mark.django_db(transaction=True)
def test_two_tasks_at_once_bill_usage_once() -> None:
    make_source()
    customer = subscribed(amount="1")
    use(customer, 30, day(5))
    made: list[int] = []
    gate = threading.Barrier(2)

    def work() -> None:
        gate.wait()
        try:
            made.append(bill_usage_ahead(at=day(5)))
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert sum(made) == 1
    assert totals() == [("ahead", D(30))]

"""A coupon with a monthly cap: off whatever bills the month, until the cap; never beyond it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from billing.errors import CouponInvalid
from billing.models import Coupon, CouponUse, Invoice
from billing.services.changes.plan_change_previews import preview_plan_change
from billing.services.changes.plan_changes import change_plan
from billing.services.credit.coupons import CouponDetails, create_coupon, redeem_coupon
from billing.services.invoices.consolidating import set_invoicing
from billing.services.invoices.invoicing import bill_start, preview_next_invoice, void_invoice
from billing.services.invoices.renewal import run_billing
from subscriptions.models import Customer, Subscription
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    published_version,
    recurring,
    subscription_since,
)
from tests.simulator.scenes import told
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
JAN_16 = datetime(2026, 1, 16, tzinfo=UTC)
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
MAR_1 = datetime(2026, 3, 1, tzinfo=UTC)


def offer(**terms: Any) -> Coupon:
    given: dict[str, Any] = {"duration": "forever", "monthly_cap": Money("15.00", "USD"), **terms}
    return create_coupon(details=CouponDetails(code="CAP", name="Capped", **given), at=JAN_1)


def served(price: str, customer: Customer | None = None) -> Subscription:
    version = published_version(recurring(price))
    return subscription_since(JAN_1, customer=customer or make_customer(), version=version)


def redeemed(customer: Customer) -> None:
    redeem_coupon(code="CAP", customer=customer, actor=TEST_ACTOR, at=JAN_1)


def off() -> list[tuple[str, date]]:
    uses = CouponUse.objects.filter(is_returned=False).order_by("invoice__created_at", "pk")
    return [(f"{use.amount.amount:.2f}", use.month) for use in uses if use.month]


def test_a_percentage_takes_its_share_up_to_the_cap_each_month() -> None:
    offer(percentage=Decimal(20))
    subscription = served("100.00")
    redeemed(subscription.customer)
    bill_start(subscription=subscription, at=JAN_1)
    run_billing(at=FEB_1)

    assert off() == [("15.00", date(2026, 1, 1)), ("15.00", date(2026, 2, 1))]
    assert CouponUse.objects.exclude(invoice__total=Decimal(85)).count() == 0


def test_a_change_in_the_month_gets_what_is_left_as_its_preview_says() -> None:
    offer(percentage=Decimal(10))
    subscription = served("100.00")
    redeemed(subscription.customer)
    bill_start(subscription=subscription, at=JAN_1)
    larger = published_version(recurring("310.00"))

    preview = preview_plan_change(
        subscription=subscription, plan_version=larger, quantity=1, at=JAN_16
    )
    change_plan(
        subscription=subscription, plan_version=larger, quantity=1, actor=TEST_ACTOR, at=JAN_16
    )
    coming = preview_next_invoice(subscription=subscription)

    assert preview.draft is not None
    assert preview.draft.totals.total == Invoice.objects.get(kind="change").total
    assert off() == [("10.00", date(2026, 1, 1)), ("5.00", date(2026, 1, 1))]
    assert coming is not None
    assert coming.totals.total == Money("295.00", "USD")  # February is another month


def test_on_one_invoice_for_two_subscriptions_the_cap_counts_once() -> None:
    offer(amount=Money("10.00", "USD"))
    customer = make_customer()
    set_invoicing(
        customer=customer, currency="USD", is_consolidated=True, actor=TEST_ACTOR, at=JAN_1
    )
    for price in ("50.00", "60.00"):
        served(price, customer)
    redeemed(customer)

    run_billing(at=FEB_1)
    run_billing(at=MAR_1)

    assert [f"{invoice.total.amount}" for invoice in Invoice.objects.order_by("created_at")] == [
        "95.0000",
        "95.0000",
    ]


def test_a_void_invoice_gives_its_month_back() -> None:
    offer(amount=Money("15.00", "USD"))
    subscription = served("40.00")
    redeemed(subscription.customer)
    first = bill_start(subscription=subscription, at=JAN_1)
    assert first is not None
    void_invoice(invoice=first, at=JAN_1 + timedelta(hours=1))

    redone = served("40.00", subscription.customer)
    bill_start(subscription=redone, at=JAN_1)

    assert off() == [("15.00", date(2026, 1, 1))]


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ({"amount": Money("5.00", "USD"), "duration": "once"}, "has no months"),
        ({"amount": Money("5.00", "EUR")}, "another currency"),
        ({"percentage": Decimal(5), "monthly_cap": Money("0.001", "USD")}, "no payable amount"),
    ],
)
def test_a_cap_that_makes_no_sense_is_refused(terms: dict[str, Any], why: str) -> None:
    with pytest.raises(CouponInvalid, match=why) as refusal:
        offer(**terms)

    assert refusal.value.field == "monthly_cap"


def test_the_database_takes_no_more_than_the_cap_and_keeps_it() -> None:
    offer(amount=Money("10.00", "USD"))
    subscription = served("40.00")
    redeemed(subscription.customer)
    bill_start(subscription=subscription, at=JAN_1)
    use = CouponUse.objects.get()
    more = {"redemption": use.redemption, "invoice": use.invoice, "currency": "USD"}
    CouponUse.objects.update(is_returned=True)

    with pytest.raises(IntegrityError, match="more than its cap"), transaction.atomic():
        CouponUse.objects.create(amount=Decimal("15.01"), month=date(2026, 1, 1), **more)
    with pytest.raises(IntegrityError, match="no month"), transaction.atomic():
        CouponUse.objects.create(amount=Decimal(1), **more)
    with pytest.raises(DatabaseError, match="only be returned"), transaction.atomic():
        CouponUse.objects.update(month=date(2026, 2, 1))
    with pytest.raises(DatabaseError, match="the cap of a coupon stays"), transaction.atomic():
        Coupon.objects.update(monthly_cap=Decimal(99))


def test_what_a_threshold_billed_early_counts_in_the_month_that_closes() -> None:
    scene = """
policy: lago
meters: [{code: calls}]
plans:
  - {code: plan, price: 0, pay_in_advance: false, thresholds: [20],
     charges: [{meter: calls, price: 1}]}
coupons: [{code: cap, amount: 15, duration: forever, monthly_cap: 15}]
timeline:
  - {at: 2025-01-01, do: subscribe, plan: plan, billing_time: calendar}
  - {at: 2025-01-01, do: apply_coupon, coupon: cap}
  - {at: 2025-01-10, do: use, units: 20, expect: {invoice: {fees: 20, coupons: 15, total: 5}}}
  - {at: 2025-01-20, do: use, units: 10, expect: {nothing_billed: true}}
  - {at: 2025-02-01, expect: {has_invoices: [{coupons: 0, total: 10}]}}
"""

    assert told(scene) == []

"""Coupons are redeemed within their limits, used by invoices, and given back by void ones."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from billing.errors import CouponInvalid
from billing.models import Coupon, CouponRedemption, CouponUse, Invoice
from billing.queries.explanation import explain_line
from billing.services.changes.subscribing import start_subscription
from billing.services.credit.coupons import (
    CouponDetails,
    archive_coupon,
    create_coupon,
    redeem_coupon,
    withdraw_redemption,
)
from billing.services.invoices.invoicing import preview_next_invoice, void_invoice
from billing.services.invoices.renewal import run_billing
from subscriptions.models import Customer
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_meter,
    per_call,
    published_version,
    recurring,
    subscription_since,
)
from tests.factories.usage import use
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
MAR_1 = datetime(2026, 3, 1, tzinfo=UTC)
APR_1 = datetime(2026, 4, 1, tzinfo=UTC)


def make_coupon(code: str = "WELCOME", off: str = "20.00", **terms: Any) -> Coupon:
    given: dict[str, Any] = {"amount": Money(off, "USD"), **terms}
    return create_coupon(details=CouponDetails(code=code, name="Welcome", **given), at=JAN_1)


def percent(code: str, percentage: int, **terms: Any) -> Coupon:
    return make_coupon(code, amount=None, percentage=Decimal(percentage), **terms)


def redeem(coupon: Coupon, customer: Customer, **given: Any) -> CouponRedemption:
    return redeem_coupon(code=coupon.code, customer=customer, actor=TEST_ACTOR, at=JAN_1, **given)


def totals(customer: Customer) -> list[str]:
    rows = Invoice.objects.filter(customer=customer).order_by("period_start", "pk")
    return [f"{invoice.total.amount:.2f}" for invoice in rows]


def customer_on(price: str = "50.00", **given: Any) -> Customer:
    """A customer whose subscription of so much started with a code."""
    customer = make_customer()
    start_subscription(
        customer=customer,
        plan_version=published_version(recurring(price)),
        at=JAN_1,
        actor=TEST_ACTOR,
        **given,
    )
    return customer


def test_an_amount_given_once_is_used_up_over_as_many_invoices_as_it_takes() -> None:
    make_coupon(off="120.00")
    customer = customer_on(coupon_code="welcome")
    for at in (FEB_1, MAR_1, APR_1):
        run_billing(at=at)

    assert totals(customer) == ["0.00", "0.00", "30.00", "50.00"]
    assert CouponRedemption.objects.get().state == "used_up"


def test_a_repeating_percentage_counts_so_many_invoices() -> None:
    percent("HALF", 50, duration="repeating", periods=2)
    customer = customer_on(coupon_code="HALF")
    for at in (FEB_1, MAR_1):
        run_billing(at=at)

    assert totals(customer) == ["25.00", "25.00", "50.00"]
    assert [str(use.amount.amount) for use in CouponUse.objects.all()] == ["25.0000", "25.0000"]


def test_a_percentage_for_ever_never_ends() -> None:
    percent("FRIEND", 10, duration="forever")
    customer = customer_on(coupon_code="FRIEND")
    run_billing(at=MAR_1)

    assert totals(customer) == ["45.00", "45.00", "45.00"]


def test_a_preview_shows_what_the_run_then_does() -> None:
    percent("THIRD", 33, duration="forever")
    customer = customer_on("49.99", coupon_code="THIRD")
    subscription = customer.subscriptions.get()

    preview = preview_next_invoice(subscription=subscription)
    run_billing(at=FEB_1)

    invoice = Invoice.objects.get(period_start=FEB_1)
    assert preview is not None
    assert preview.totals.total == invoice.total
    assert [line.amount for line in preview.lines] == [line.amount for line in invoice.lines.all()]


def test_a_coupon_of_a_meter_takes_off_usage_only_and_the_line_says_how_much() -> None:
    coupon = percent("CALLS", 50, duration="forever", meters=[make_meter()])
    version = published_version(recurring("10.00"), per_call("0.01", included="0"))
    subscription = subscription_since(JAN_1, version=version)
    redeem(coupon, subscription.customer)
    use(subscription.customer, 1001, datetime(2026, 1, 15, tzinfo=UTC))

    run_billing(at=FEB_1)

    invoice = Invoice.objects.get()
    lines = {line.kind: line for line in invoice.lines.all()}
    usage = lines["usage"]
    assert (usage.amount, usage.discount) == (Money("5.00", "USD"), Money("5.01", "USD"))
    assert lines["recurring"].amount == Money("10.00", "USD")
    explained = explain_line(usage, invoice).derivation
    assert explained is not None
    assert explained.steps[-1].label == "coupon CALLS"
    assert explained.exact == "5"


def test_of_two_invoices_of_one_run_only_the_first_uses_a_coupon_given_once() -> None:
    customer = make_customer()
    version = published_version(recurring("50.00"))
    for _ in range(2):
        subscription_since(JAN_1, customer=customer, version=version)
    redeem(percent("ONCE", 50), customer)

    run_billing(at=FEB_1)

    assert sorted(totals(customer)) == ["25.00", "50.00"]


def test_a_coupon_of_a_subscription_leaves_the_others_alone() -> None:
    customer = make_customer()
    version = published_version(recurring("50.00"))
    first, _ = (subscription_since(JAN_1, customer=customer, version=version) for _ in range(2))
    redeem(percent("MINE", 50, duration="forever"), customer, subscription=first)

    run_billing(at=FEB_1)

    by_subscription = {i.subscription_id: i.total for i in Invoice.objects.all()}
    assert by_subscription.pop(first.pk) == Money("25.00", "USD")
    assert list(by_subscription.values()) == [Money("50.00", "USD")]


def test_a_void_invoice_gives_its_coupon_back() -> None:
    percent("ONCE", 50)
    customer = customer_on(coupon_code="ONCE")
    assert CouponRedemption.objects.get().state == "used_up"

    void_invoice(invoice=Invoice.objects.get(), at=JAN_1)

    redemption = CouponRedemption.objects.get()
    assert (redemption.state, redemption.uses_left) == ("active", 1)
    run_billing(at=FEB_1)
    assert totals(customer) == ["25.00", "25.00"]


def test_a_coupon_twice_is_refused() -> None:
    coupon = make_coupon(max_per_customer=2)
    customer = make_customer()
    redeem(coupon, customer)

    with pytest.raises(CouponInvalid, match="redeemed already"):
        redeem(coupon, customer)
    assert Coupon.objects.get().redeemed_count == 1


def test_an_unknown_expired_archived_or_exhausted_coupon_is_refused() -> None:
    customer = make_customer()
    expired = make_coupon("OLD", expires_at=JAN_1)
    archived = archive_coupon(coupon=make_coupon("GONE"), at=JAN_1)
    rare = make_coupon("RARE", max_redemptions=1)
    redeem(rare, make_customer())

    for coupon in (expired, archived, rare, Coupon(code="NONE")):
        with pytest.raises(CouponInvalid) as refusal:
            redeem(coupon, customer)
        assert refusal.value.field == "coupon_code"
    redeem(make_coupon("SOON", expires_at=JAN_1 + timedelta(seconds=1)), customer)


def test_a_withdrawn_coupon_takes_nothing_off_any_more() -> None:
    percent("FRIEND", 10, duration="forever")
    customer = customer_on(coupon_code="FRIEND")
    withdraw_redemption(redemption=CouponRedemption.objects.get())
    run_billing(at=FEB_1)

    assert totals(customer) == ["45.00", "50.00"]


@pytest.mark.parametrize(
    ("field", "terms"),
    [
        ("amount", {"amount": None}),
        ("amount", {"percentage": Decimal(5)}),
        ("amount", {"amount": Money("0.001", "USD")}),
        ("percentage", {"amount": None, "percentage": Decimal(101)}),
        ("periods", {"duration": "repeating"}),
        ("periods", {"periods": 3}),
    ],
)
def test_a_coupon_that_makes_no_sense_is_refused(field: str, terms: dict[str, Any]) -> None:
    with pytest.raises(CouponInvalid) as refusal:
        make_coupon(**terms)
    assert refusal.value.field == field


def test_a_wrong_code_keeps_nobody_half_subscribed() -> None:
    customer = make_customer()
    with pytest.raises(CouponInvalid), transaction.atomic():
        start_subscription(
            customer=customer,
            plan_version=published_version(recurring()),
            at=JAN_1,
            actor=TEST_ACTOR,
            coupon_code="NOPE",
        )
    assert not customer.subscriptions.exists()


def test_the_database_holds_every_limit() -> None:
    coupon = make_coupon(max_redemptions=1)
    redemption = redeem(coupon, make_customer())

    with pytest.raises(IntegrityError, match="coupon_not_redeemed_too_often"), transaction.atomic():
        CouponRedemption.objects.create(
            coupon=coupon, customer=make_customer(), number=1, actor="x", redeemed_at=JAN_1
        )
    invoice = Invoice.objects.get(customer=customer_on())
    with pytest.raises(IntegrityError, match="nothing_left"), transaction.atomic():
        CouponUse.objects.create(
            redemption=redemption, invoice=invoice, currency="USD", amount=Decimal("20.01")
        )
    CouponUse.objects.create(
        redemption=redemption, invoice=invoice, currency="USD", amount=Decimal(20)
    )
    for attack in ("UPDATE billing_couponuse SET amount = 1", "DELETE FROM billing_couponuse"):
        with (
            pytest.raises(DatabaseError),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(attack)


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_only_so_many_redeem() -> None:
    coupon = make_coupon(max_redemptions=3)
    customers = [make_customer() for _ in range(9)]

    def attempt(customer: Customer) -> bool:
        try:
            redeem(coupon, customer)
        except CouponInvalid:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(max_workers=8) as pool:
        done = list(pool.map(attempt, customers))

    assert done.count(True) == 3
    assert Coupon.objects.get().redeemed_count == 3


def test_a_coupon_for_prices_comes_off_these_alone_in_whatever_version() -> None:
    version = published_version(recurring("100.00"), per_call("1.00", included="0"))
    percent("BASE", 50, duration="forever", price_codes=["base"])
    subscription = subscription_since(JAN_1, version=version)
    redeem(Coupon.objects.get(), subscription.customer)
    use(subscription.customer, 30, JAN_1 + timedelta(days=3))

    run_billing(at=FEB_1)

    lines = Invoice.objects.get(customer=subscription.customer).lines.order_by("position")
    assert [(line.kind, f"{line.amount.amount:.2f}") for line in lines] == [
        ("usage", "30.00"),
        ("recurring", "50.00"),
    ]


def test_a_coupon_for_a_price_that_nobody_sells_is_refused() -> None:
    with pytest.raises(CouponInvalid) as refusal:
        percent("BASE", 50, price_codes=["nothing"])

    assert refusal.value.field == "price_codes"
    assert not Coupon.objects.exists()

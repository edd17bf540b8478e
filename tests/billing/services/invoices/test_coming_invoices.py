"""The next invoices as previewed are those that the billing run then makes."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from billing.models import Invoice, PlanChange
from billing.services.changes.cancelling import CancelWhen, cancel_subscription
from billing.services.changes.pausing import pause
from billing.services.changes.plan_changes import change_plan
from billing.services.credit.coupons import CouponDetails, create_coupon, redeem_coupon
from billing.services.credit.customer_credit import grant_credit
from billing.services.credit.wallets import grant_prepaid, open_wallet
from billing.services.invoices.coming_invoices import preview_next_invoices
from billing.services.invoices.draft_parts import DraftInvoice
from billing.services.invoices.invoicing import preview_next_invoice
from billing.services.invoices.renewal import run_billing
from subscriptions.models import Subscription
from tests.factories.lifecycle import begin, fee_of
from tests.factories.subscriptions import TEST_ACTOR, make_plan, per_call, published_version
from tests.factories.subscriptions import recurring as fee
from tests.factories.usage import use
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
JAN_9 = datetime(2026, 1, 9, tzinfo=UTC)
MONTHS = [datetime(2026, month, 1, tzinfo=UTC) for month in (2, 3, 4, 5)]


def test_a_preview_asks_only_for_what_somebody_has(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    """Of nobody's coupons, add-ons, prepaid credits and changes nothing is read."""
    version = published_version(fee("10.00"), per_call())
    subscription = begin(version, "2026-01-01")

    with django_assert_max_num_queries(10):
        assert preview_next_invoice(subscription=subscription) is not None
    with django_assert_max_num_queries(14):
        assert len(preview_next_invoices(subscription=subscription)) == 3


def previewed(drafts: list[DraftInvoice]) -> list[tuple[Any, ...]]:
    return [
        (
            draft.boundary,
            draft.totals.total,
            draft.due,
            [(line.kind, line.description, line.amount) for line in draft.lines],
        )
        for draft in drafts
    ]


def billed(subscription: Subscription) -> list[tuple[Any, ...]]:
    invoices = Invoice.objects.filter(subscription=subscription, kind="period")
    return [
        (
            invoice.finalized_at,
            invoice.total,
            invoice.amount_due,
            [(line.kind, line.description, line.amount) for line in invoice.lines.all()],
        )
        for invoice in invoices.order_by("finalized_at")[1:]
    ]


def run_the_year() -> None:
    for month in MONTHS:
        run_billing(at=month)


def test_a_scheduled_change_a_coupon_and_credit_come_as_previewed() -> None:
    small = published_version(
        fee("20.00"), per_call("0.01", included="100"), plan=make_plan(name="Small", rank=1)
    )
    large = published_version(
        fee("90.00"), per_call("0.005", included="0"), plan=make_plan(name="Large", rank=2)
    )
    subscription = begin(large, "2026-01-01")
    customer = subscription.customer
    create_coupon(
        details=CouponDetails(
            code="TWICE",
            name="Twice",
            percentage=Decimal(10),
            duration="repeating",
            periods=2,
        ),
        at=JAN_9,
    )
    redeem_coupon(code="TWICE", customer=customer, actor=TEST_ACTOR, at=JAN_9)
    given: dict[str, Any] = {"reason": "sorry", "actor": TEST_ACTOR, "at": JAN_9}
    credit = Money("110.00", "USD")
    grant_credit(customer=customer, amount=credit, idempotency_key="c", **given)
    wallet = open_wallet(customer=customer, currency="USD", name="Main", at=JAN_9)
    grant_prepaid(wallet=wallet, amount=Money("15.00", "USD"), idempotency_key="w", **given)
    use(customer, 1000, JAN_9)
    change = change_plan(
        subscription=subscription, plan_version=small, quantity=2, actor=TEST_ACTOR, at=JAN_9
    )
    assert change.state == PlanChange.State.SCHEDULED

    seen = previewed(preview_next_invoices(subscription=subscription, count=4))
    assert Invoice.objects.count() == 1
    run_the_year()

    assert seen == billed(subscription)
    assert [f"{total.amount:.2f}" for _, total, _, _ in seen] == [
        "22.50",
        "18.00",
        "20.00",
        "20.00",
    ]
    assert [f"{due.amount:.2f}" for _, _, due, _ in seen] == ["0.00", "5.50", "20.00", "20.00"]


def test_the_last_invoice_ends_the_row() -> None:
    subscription = begin(fee_of("31.00", "own", per_call("1.00", included="0")), "2026-01-01")
    use(subscription.customer, 7, JAN_9)
    cancel_subscription(
        subscription=subscription, actor=TEST_ACTOR, at=JAN_9, when=CancelWhen.PERIOD_END
    )

    seen = previewed(preview_next_invoices(subscription=subscription))
    run_the_year()

    assert seen == billed(subscription)
    assert [f"{total.amount:.2f}" for _, total, _, _ in seen] == ["7.00"]


def test_a_pause_leaves_its_time_out() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    pause(
        subscription=subscription,
        at_period_end=True,
        resume_on=MONTHS[1].date(),
        actor=TEST_ACTOR,
        at=JAN_9,
    )

    seen = previewed(preview_next_invoices(subscription=subscription, count=3))
    run_the_year()

    assert seen == billed(subscription)
    assert [when for when, *_ in seen] == MONTHS[1:]


def test_a_trial_is_billed_from_its_end() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01", trial_days=31)

    seen = previewed(preview_next_invoices(subscription=subscription, count=2))

    assert [(when, f"{total.amount:.2f}") for when, total, *_ in seen] == [
        (MONTHS[0], "31.00"),
        (MONTHS[1], "31.00"),
    ]


def test_what_has_ended_has_no_next_invoice() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    cancel_subscription(subscription=subscription, actor=TEST_ACTOR, at=JAN_9)

    assert preview_next_invoices(subscription=subscription) == []

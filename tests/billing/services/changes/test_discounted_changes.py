"""Coupons and changes: only what was billed comes back, and no invoice is below zero."""

from decimal import Decimal

import pytest

from billing.services.changes.cancelling import cancel_subscription
from billing.services.changes.plan_change_previews import preview_plan_change
from billing.services.changes.plan_changes import change_plan
from billing.services.credit.coupons import CouponDetails, create_coupon, redeem_coupon
from subscriptions.models import Customer
from tests.factories.lifecycle import at, begin, fee_of, noted
from tests.factories.subscriptions import JAN_1, TEST_ACTOR, make_customer

pytestmark = pytest.mark.django_db


def with_coupon(percentage: int, customer: Customer | None = None) -> Customer:
    """A customer with a percentage off for ever."""
    holder = customer or make_customer()
    details = CouponDetails(
        code="OFF", name="Off", percentage=Decimal(percentage), duration="forever"
    )
    create_coupon(details=details, at=JAN_1)
    redeem_coupon(code="OFF", customer=holder, actor=TEST_ACTOR, at=JAN_1)
    return holder


@pytest.mark.parametrize("policy", ["own", "lago"])
def test_of_a_discounted_fee_only_what_was_billed_comes_back(policy: str) -> None:
    subscription = begin(fee_of("31.00", policy), "2026-01-01", customer=with_coupon(50))

    cancel_subscription(subscription=subscription, actor=TEST_ACTOR, at=at("2026-01-16T09:00"))

    assert noted(subscription) == ["7.50"]


def test_a_charge_that_a_coupon_takes_off_leaves_the_credit_to_a_note() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    with_coupon(100, subscription.customer)
    terms = {
        "subscription": subscription,
        "plan_version": fee_of("62.00"),
        "quantity": 1,
        "at": at("2026-01-18T09:00"),
    }
    seen = preview_plan_change(**terms)  # type: ignore[arg-type]

    done = change_plan(actor=TEST_ACTOR, **terms)  # type: ignore[arg-type]

    assert done.invoice is not None
    assert done.invoice.total == seen.due_now
    assert (done.invoice.total.amount, noted(subscription)) == (Decimal(0), ["14.00"])

"""The policy that counts for a plan decides the amounts, and is kept with each line."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from billing.models import InvoiceLine
from billing.queries.explanation import explain_line
from billing.services.changes.plan_changes import change_plan
from billing.services.invoices.invoicing import bill_start
from billing.services.invoices.renewal import run_billing
from subscriptions.domain.proration_policy import POLICIES
from subscriptions.models import BillingPolicy, PlanVersion
from subscriptions.services.policies import assign_policy
from tests.factories.lifecycle import at, begin, billed
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)

pytestmark = pytest.mark.django_db
JAN_16_NOON = datetime(2026, 1, 16, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("policy", "credit", "charge"),
    [
        ("own", "-16.00", "32.00"),
        ("killbill", "-16.00", "32.00"),
        ("stripe", "-15.50", "31.00"),
    ],
)
def test_the_plan_s_policy_counts_and_is_kept(policy: str, credit: str, charge: str) -> None:
    small = published_version(recurring("31.00"), plan=make_plan())
    large = published_version(recurring("62.00"), plan=make_plan())
    assign_policy(
        policy=BillingPolicy.objects.get(code=policy),
        from_plan=small.plan,
        at=JAN_1,
        actor=TEST_ACTOR,
    )
    subscription = subscription_since(JAN_1, version=small)
    bill_start(subscription=subscription, at=JAN_1)

    done = change_plan(
        subscription=subscription,
        plan_version=large,
        quantity=1,
        actor=TEST_ACTOR,
        at=JAN_16_NOON,
    )

    assert done.invoice is not None
    lines = list(InvoiceLine.objects.filter(invoice=done.invoice).order_by("position"))
    assert [f"{line.amount.amount:.2f}" for line in lines] == [credit, charge]
    assert [line.derivation["policy"] for line in lines] == [POLICIES[policy].to_json()] * 2
    shown = dict(explain_line(lines[0], done.invoice).policy)
    assert shown["Time is counted in"] == str(POLICIES[policy].unit)


def least_300(fee: str) -> PlanVersion:
    version = published_version(recurring(fee), plan=make_plan(), minimum_amount=Decimal(300))
    assign_policy(
        policy=BillingPolicy.objects.get(code="stripe"),
        from_plan=version.plan,
        at=JAN_1,
        actor=TEST_ACTOR,
    )
    return version


def test_a_plan_had_for_hours_has_no_share_of_the_minimum_and_the_day_counts_once() -> None:
    small, middle, large = (least_300(fee) for fee in ("31.00", "62.00", "93.00"))
    subscription = begin(small, "2026-01-01")

    for plan, hour in ((middle, "08"), (large, "20")):
        change_plan(
            subscription=subscription,
            plan_version=plan,
            quantity=1,
            actor=TEST_ACTOR,
            at=at(f"2026-01-16T{hour}:00"),
        )
        subscription.refresh_from_db()
    run_billing(at=at("2026-02-01"))

    # 15/31 of 300 less the 15.33 of small; 16/31 of 300 less the 45.50 of large.
    assert billed(subscription, "true_up") == [
        ("2026-01-01", "2026-01-16", "129.83"),
        ("2026-01-16", "2026-02-01", "109.34"),
    ]


def test_part_of_a_price_with_parts_of_a_cent_is_rounded_once() -> None:
    version = published_version(recurring("0.333", charge_model="per_unit"))
    subscription = begin(version, "2026-04-01", quantity=7)

    change_plan(
        subscription=subscription,
        plan_version=subscription.plan_version,
        quantity=13,
        actor=TEST_ACTOR,
        at=at("2026-04-16"),
    )

    # 4.329 by 15/30 days is 2.1645; of 4.33 it would be 2.17.
    assert billed(subscription, "proration_charge") == [("2026-04-16", "2026-05-01", "2.16")]
    line = InvoiceLine.objects.get(kind="proration_charge")
    assert explain_line(line, line.invoice).agrees

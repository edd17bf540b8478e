"""The policy that counts for a plan decides the amounts, and is kept with each line."""

from datetime import UTC, datetime

import pytest

from billing.models import InvoiceLine
from billing.queries.explanation import explain_line
from billing.services.changes.plan_changes import change_plan
from billing.services.invoices.invoicing import bill_start
from subscriptions.domain.proration_policy import POLICIES
from subscriptions.models import BillingPolicy
from subscriptions.services.policies import assign_policy
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

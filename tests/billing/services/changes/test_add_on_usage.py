"""Add-ons that price usage: what the portal shows, what is alerted, and who else bills the day."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.test import Client

from billing.models import InvoiceLine, UsageAlert
from billing.services.announcements.usage_alerts import raise_alerts, set_budget
from billing.services.changes.add_ons import change_add_on
from billing.services.changes.cancelling import cancel_subscription
from billing.services.invoices.invoicing import bill_start, preview_next_invoice
from billing.services.invoices.open_usage import open_usage
from billing.services.invoices.renewal import run_billing
from subscriptions.errors import PriceInvalid
from subscriptions.models import BillingPolicy, Customer, PlanVersion, Subscription
from subscriptions.services.policies import assign_policy
from tests.factories.accounts import make_user
from tests.factories.subscriptions import (
    TEST_ACTOR,
    make_customer,
    make_plan,
    per_call,
    published_version,
    recurring,
    subscription_since,
)
from tests.factories.usage import use
from tiktoktoe.kernel.clock import moved_to

pytestmark = pytest.mark.django_db
APR_1 = datetime(2026, 4, 1, tzinfo=UTC)
APR_16 = datetime(2026, 4, 16, 9, tzinfo=UTC)
APR_20 = datetime(2026, 4, 20, tzinfo=UTC)
MAY_1 = datetime(2026, 5, 1, tzinfo=UTC)


def calling(included: str = "300") -> PlanVersion:
    """An add-on of calls at 0.10 each above those included."""
    plan = make_plan(name="Calls", is_add_on=True)
    return published_version(per_call("0.10", included=included), plan=plan)


def subscribed(customer: Customer | None = None) -> Subscription:
    version = published_version(recurring("30.00"))
    subscription = subscription_since(APR_1, customer=customer, version=version)
    bill_start(subscription=subscription, at=APR_1)
    return subscription


def have(subscription: Subscription, version: PlanVersion, at: datetime, quantity: int = 1) -> None:
    change_add_on(
        subscription=subscription, plan_version=version, quantity=quantity, actor=TEST_ACTOR, at=at
    )


def follow(policy: str, version: PlanVersion) -> None:
    row = BillingPolicy.objects.get(code=policy, number=1)
    assign_policy(policy=row, from_plan=version.plan, at=APR_1, actor=TEST_ACTOR)


def test_the_portal_counts_from_its_first_day_with_the_share_that_is_included() -> None:
    subscription, version = subscribed(), calling()
    use(subscription.customer, 900, APR_1)
    have(subscription, version, APR_16)
    use(subscription.customer, 120, APR_20)

    (seen,) = open_usage([subscription])

    assert (seen.used, seen.included) == (Decimal(120), Decimal(150))
    assert (seen.first_day.day, seen.last_day.day) == (16, 30)


def test_alerts_and_budgets_know_its_usage() -> None:
    subscription, version = subscribed(), calling()
    have(subscription, version, APR_16)
    set_budget(subscription=subscription, amount=Decimal(5), actor=TEST_ACTOR, at=APR_16)

    use(subscription.customer, 75, APR_20)
    half = raise_alerts(at=APR_20)
    use(subscription.customer, 125, APR_20)
    raise_alerts(at=APR_20)

    assert half == 1
    raised = UsageAlert.objects.order_by("pk").values_list("percent", "used", "level")
    assert [(percent, int(used), int(level)) for percent, used, level in raised] == [
        (50, 75, 150),
        (80, 200, 150),
        (100, 200, 150),
        (100, 5, 5),
    ]


def test_three_of_it_include_three_times_as_much_wherever_it_is_said() -> None:
    subscription, version = subscribed(), calling()
    have(subscription, version, APR_1)
    have(subscription, version, APR_16, quantity=3)
    use(subscription.customer, 580, APR_20)

    (seen,) = open_usage([subscription])
    raise_alerts(at=APR_20)
    preview = preview_next_invoice(subscription=subscription)
    use(subscription.customer, 40, APR_20)
    run_billing(at=MAY_1)

    # 300 for half of April, and 900 for the other half.
    assert (seen.used, seen.included) == (Decimal(580), Decimal(600))
    raised = UsageAlert.objects.order_by("pk").values_list("percent", "level")
    assert [(percent, int(level)) for percent, level in raised] == [(50, 600), (80, 600)]
    assert preview is not None
    assert [line.amount.amount for line in preview.lines if line.kind == "usage"] == [0]
    line = InvoiceLine.objects.get(kind=InvoiceLine.Kind.USAGE)
    assert (line.amount.amount, line.derivation["inputs"]["included"]) == (2, "600")


def test_where_a_part_of_a_period_has_all_that_is_included_the_portal_says_so() -> None:
    subscription, version = subscribed(), calling()
    follow("lago", version)
    have(subscription, version, APR_16)

    (seen,) = open_usage([subscription])

    assert seen.included == Decimal(300)


def test_what_is_previewed_is_what_the_run_bills() -> None:
    subscription, version = subscribed(), calling()
    have(subscription, version, APR_16)
    use(subscription.customer, 200, APR_20)

    preview = preview_next_invoice(subscription=subscription)
    run_billing(at=MAY_1)

    assert preview is not None
    line = InvoiceLine.objects.get(kind=InvoiceLine.Kind.USAGE)
    assert line.invoice.total == preview.totals.total
    assert line.amount.amount == 5
    # The line explains itself: 150 of 300 are included, from the day that the add-on came.
    assert Decimal(line.derivation["inputs"]["included"]) == 150


def test_a_day_that_ended_elsewhere_is_not_billed_again() -> None:
    customer = make_customer()
    earlier = subscription_since(APR_1, customer=customer)  # 10,000 calls included
    bill_start(subscription=earlier, at=APR_1)
    use(customer, 100, APR_16)
    cancel_subscription(subscription=earlier, actor=TEST_ACTOR, at=APR_16)
    subscription = subscribed(customer)

    have(subscription, calling("0"), APR_16)
    use(customer, 7, APR_16.replace(day=17))
    run_billing(at=MAY_1)

    lines = InvoiceLine.objects.filter(kind=InvoiceLine.Kind.USAGE, subscription=subscription)
    assert [int(line.quantity) for line in lines] == [7]


def test_minimums_thresholds_and_usage_as_it_comes_are_a_plans() -> None:
    plan = make_plan(is_add_on=True)

    with pytest.raises(PriceInvalid, match="billed with the period"):
        published_version(recurring(), per_call(timing="advance"), plan=plan)
    with pytest.raises(PriceInvalid, match="a plan's"):
        published_version(recurring(), plan=plan, minimum_amount=Decimal(5))


def test_staff_see_its_prices_and_what_a_scheduled_end_does_to_it(client: Client) -> None:
    subscription, version = subscribed(), calling()
    cancel_at = datetime(2026, 4, 25, tzinfo=UTC)
    Subscription.objects.filter(pk=subscription.pk).update(cancel_at=cancel_at)
    client.force_login(make_user())

    with moved_to(APR_16):
        page = client.get(
            f"/subscriptions/{subscription.reference}/add-ons/",
            {"plan_version": str(version.pk), "quantity": "1"},
        ).content.decode()

    assert "300 included in a whole period, then $0.10 a call" in page
    assert "and its add-ons with it; what was charged for later days is given back" in page

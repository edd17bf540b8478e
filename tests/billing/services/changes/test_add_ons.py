"""Add-ons: the preview is what then happens, MRR and features follow, the database guards them."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from analytics.models import MrrMovement
from analytics.services.movements import record_movements
from billing.models import CreditNote, Invoice
from billing.services.changes.add_ons import AddOnChange, change_add_on, preview_add_on
from billing.services.changes.cancelling import cancel_subscription
from billing.services.invoices.invoicing import bill_start, preview_next_invoice
from billing.services.invoices.renewal import run_billing
from finance.queries import unposted_count
from finance.services.posting import post_documents
from subscriptions.domain.proration_policy import Timing
from subscriptions.errors import SubscriptionChanged
from subscriptions.models import Plan, PlanVersion, Subscription, SubscriptionAddOn
from subscriptions.queries.entitlements import entitlements
from subscriptions.services.catalog import draft_plan_version, publish_plan_version
from subscriptions.services.features import GrantTerms, create_feature, grant_features
from subscriptions.services.policies import ChangeOverride
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)
from tests.shared_world import undone
from tests.strategies import histories
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
APR_1 = datetime(2026, 4, 1, tzinfo=UTC)
APR_16 = datetime(2026, 4, 16, 9, tzinfo=UTC)
MAY_1 = datetime(2026, 5, 1, tzinfo=UTC)


def seats(amount: str = "10.00") -> PlanVersion:
    plan = make_plan(name="Support", is_add_on=True)
    return published_version(recurring(amount, charge_model="per_unit"), plan=plan)


def subscribed() -> Subscription:
    version = published_version(recurring("30.00"))
    subscription = subscription_since(APR_1, version=version)
    bill_start(subscription=subscription, at=APR_1)
    return subscription


def have(
    subscription: Subscription, version: PlanVersion, quantity: int, at: datetime, **by: Any
) -> AddOnChange:
    return change_add_on(
        subscription=subscription,
        plan_version=version,
        quantity=quantity,
        actor=TEST_ACTOR,
        at=at,
        **by,
    )


def test_the_preview_is_what_then_happens_and_what_the_next_invoice_shows() -> None:
    subscription, version = subscribed(), seats()

    preview = preview_add_on(subscription=subscription, plan_version=version, quantity=2, at=APR_16)
    done = have(subscription, version, 2, APR_16, expected=preview.token)
    following = preview_next_invoice(subscription=subscription)
    run_billing(at=MAY_1)

    assert done.invoice is not None
    assert preview.due_now == done.invoice.amount_due == Money("10.00", "USD")
    assert (preview.fee_before, preview.fee_after) == (Money(0, "USD"), Money("20.00", "USD"))
    renewed = Invoice.objects.get(period_start=MAY_1)
    assert following is not None
    assert following.totals.total == renewed.total == Money("50.00", "USD")


def test_what_was_changed_since_the_preview_is_refused() -> None:
    subscription, version = subscribed(), seats()
    token = preview_add_on(
        subscription=subscription, plan_version=version, quantity=2, at=APR_16
    ).token
    have(subscription, version, 1, APR_16)

    with pytest.raises(SubscriptionChanged):
        have(subscription, version, 2, APR_16, expected=token)

    assert SubscriptionAddOn.objects.get().quantity == 1


def test_recurring_revenue_follows_and_its_bridge_closes() -> None:
    subscription, version = subscribed(), seats()
    have(subscription, version, 3, APR_16)
    have(subscription, version, 1, APR_16 + timedelta(days=2))
    run_billing(at=MAY_1)
    cancel_subscription(subscription=subscription, actor=TEST_ACTOR, at=MAY_1 + timedelta(days=9))

    record_movements(at=MAY_1 + timedelta(days=9))

    rows = MrrMovement.objects.exclude(kind="none").order_by("effective_at", "pk")
    found = [(row.kind, row.amount.amount) for row in rows]
    assert found == [
        ("new", Decimal("30.00")),
        ("expansion", Decimal("30.00")),
        ("contraction", Decimal("-20.00")),
        ("churn", Decimal("-40.00")),
    ]


def test_features_come_with_it_and_go_with_it() -> None:
    subscription = subscribed()
    feature = create_feature(code="agents", name="Agents", kind="limit", unit="agent", at=JAN_1)
    plan = make_plan(name="Agents", is_add_on=True)
    version = draft_plan_version(
        plan=plan, currency="USD", prices=[recurring("5.00")], effective_from=JAN_1
    )
    grant = GrantTerms(feature=feature, limit_units=Decimal(2), is_per_unit=True)
    grant_features(version=version, grants=[grant])
    version = publish_plan_version(version=version, at=JAN_1)

    have(subscription, version, 3, APR_16)
    (with_it,) = entitlements(subscription.customer_id, at=APR_16)
    have(subscription, version, 0, APR_16 + timedelta(days=1))
    (after,) = entitlements(subscription.customer_id, at=MAY_1)

    assert with_it.terms.limit == 6
    assert not after.is_allowed


def test_all_of_it_is_in_the_books() -> None:
    subscription, version = subscribed(), seats()
    have(subscription, version, 3, APR_1)
    have(subscription, version, 0, APR_16, override=ChangeOverride(timing=Timing.IMMEDIATE))
    run_billing(at=MAY_1)

    post_documents(at=MAY_1)

    assert CreditNote.objects.get().total == Money("15.00", "USD")
    assert unposted_count(at=MAY_1) == 0


def test_the_database_keeps_each_add_on_there_once_and_of_its_kind() -> None:
    subscription, version = subscribed(), seats()
    have(subscription, version, 1, APR_16)
    row: dict[str, Any] = {"subscription": subscription, "quantity": 1}

    with pytest.raises(IntegrityError, match="add_on_there_once"), transaction.atomic():
        SubscriptionAddOn.objects.create(
            plan=version.plan, plan_version=version, starts_at=MAY_1, **row
        )
    plain = subscription.plan_version
    with pytest.raises(DatabaseError, match="only an add-on"), transaction.atomic():
        SubscriptionAddOn.objects.create(
            plan=plain.plan, plan_version=plain, starts_at=MAY_1, **row
        )
    with pytest.raises(DatabaseError, match="stays a plan"), transaction.atomic():
        Plan.objects.filter(pk=version.plan_id).update(is_add_on=False)


@histories(12, thorough=40)
@given(
    st.lists(st.tuples(st.integers(1, 30), st.integers(0, 4)), min_size=1, max_size=6).map(
        lambda changes: sorted(changes, key=lambda change: change[0])
    )
)
@undone()
def test_any_row_of_changes_bills_the_days_that_were_had(changes: list[tuple[int, int]]) -> None:
    subscription, version = subscribed(), seats("30.00")
    now_there, of_day = 0, {}
    at_once = ChangeOverride(timing=Timing.IMMEDIATE)
    for n, (day, quantity) in enumerate(changes):
        if quantity != now_there:
            at = datetime(2026, 4, day, 10, n, tzinfo=UTC)
            have(subscription, version, quantity, at, override=at_once)
            now_there = quantity
        of_day[date(2026, 4, day)] = quantity
    had, there = Fraction(0), 0
    for day in range(1, 31):
        there = of_day.get(date(2026, 4, day), there)
        had += there
    billed = sum(i.subtotal.amount for i in Invoice.objects.exclude(kind="period"))
    given_back = sum(n.subtotal.amount for n in CreditNote.objects.all())
    assert billed - given_back == Decimal(had.numerator)

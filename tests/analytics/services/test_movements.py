from datetime import UTC, datetime
from decimal import Decimal

import pytest

from analytics import queries
from analytics.models import MrrDay, MrrMovement
from analytics.services.movements import rebuild_days, record_movements
from subscriptions.services.changes import switch_plan
from subscriptions.services.lifecycle import convert_trial, end_subscription, mark_past_due
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    make_customer,
    make_plan,
    published_version,
    recurring,
    subscription_since,
)

pytestmark = pytest.mark.django_db
FEB_10 = datetime(2026, 2, 10, tzinfo=UTC)
MAR_5 = datetime(2026, 3, 5, tzinfo=UTC)
APR_1 = datetime(2026, 4, 1, tzinfo=UTC)


def kinds_and_amounts() -> list[tuple[str, Decimal]]:
    rows = MrrMovement.objects.that_moved().order_by("effective_at", "pk")
    return [(m.kind, m.amount.amount) for m in rows]


def test_a_customers_life_is_told_in_movements() -> None:
    customer = make_customer()
    subscription = subscription_since(
        JAN_1, customer=customer, version=published_version(recurring("99"))
    )
    switch_plan(
        subscription=subscription,
        plan_version=published_version(recurring("199")),
        quantity=1,
        effective_at=FEB_10,
        actor=TEST_ACTOR,
        at=FEB_10,
    )
    end_subscription(subscription=subscription, effective_at=MAR_5, at=MAR_5)
    subscription_since(APR_1, customer=customer, version=published_version(recurring("50")))

    record_movements(at=APR_1)

    assert kinds_and_amounts() == [
        ("new", Decimal("99.0000")),
        ("expansion", Decimal("100.0000")),
        ("churn", Decimal("-199.0000")),
        ("reactivation", Decimal("50.0000")),
    ]


def test_months_add_up_from_opening_to_closing() -> None:
    first = subscription_since(JAN_1, version=published_version(recurring("100")))
    subscription_since(FEB_10, version=published_version(recurring("40")))
    end_subscription(subscription=first, effective_at=MAR_5, at=MAR_5)
    record_movements(at=MAR_5)

    rows = queries.bridges(until=MAR_5, months=3, currency="USD")

    assert [row.bridge.closing.amount for row in rows] == [100, 140, 40]
    assert rows[2].bridge.churn.amount == -100
    assert queries.mrr_at(MAR_5, "USD").amount == 40


def test_reading_twice_records_once() -> None:
    subscription_since(JAN_1)

    assert record_movements(at=FEB_10) == 1
    assert record_movements(at=FEB_10) == 0
    assert MrrDay.objects.get().movement_count == 1


def test_trials_count_from_conversion_and_past_due_stays() -> None:
    subscription = subscription_since(JAN_1, trial_days=14)
    record_movements(at=JAN_1)
    assert kinds_and_amounts() == []
    convert_trial(subscription=subscription, at=FEB_10)
    mark_past_due(subscription=subscription, reason="declined", at=MAR_5)

    record_movements(at=MAR_5)

    assert kinds_and_amounts() == [("new", Decimal("99.0000"))]


def test_a_yearly_plan_counts_a_twelfth_and_units_count_each() -> None:
    yearly = published_version(recurring("1200"), plan=make_plan(interval="year"))
    seats = published_version(recurring("15", charge_model="per_unit"))
    subscription_since(JAN_1, version=yearly)
    subscription_since(JAN_1, version=seats, quantity=4)

    record_movements(at=JAN_1)

    assert sorted(amount for _, amount in kinds_and_amounts()) == [60, 100]


def test_two_subscriptions_of_one_customer_expand_it() -> None:
    customer = make_customer()
    for _ in range(2):
        subscription_since(JAN_1, customer=customer, version=published_version(recurring("10")))

    record_movements(at=JAN_1)

    assert [kind for kind, _ in kinds_and_amounts()] == ["new", "expansion"]


def test_days_added_up_anew_are_the_same() -> None:
    for day in (JAN_1, FEB_10):
        subscription_since(day)
        record_movements(at=day)
    before = list(MrrDay.objects.values())

    rebuild_days()

    assert list(MrrDay.objects.values()) == before

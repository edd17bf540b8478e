"""A meter is billed by one plan, or one add-on, of a customer at a time: by PostgreSQL."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from unittest.mock import patch

import pytest
from django.db import IntegrityError, connection, connections, transaction

from subscriptions.models import PlanVersion, Subscription, SubscriptionAddOn
from subscriptions.services import signup
from tests.factories.subscriptions import (
    JAN_1,
    make_customer,
    make_meter,
    make_plan,
    per_call,
    published_version,
    recurring,
    subscription_since,
)

JAN_20 = datetime(2026, 1, 20, tzinfo=UTC)


@pytest.fixture
def calls(transactional_db: None) -> PlanVersion:
    """A plan that bills API calls."""
    make_meter()
    return published_version(recurring("10.00"), per_call())


@pytest.fixture
def unguarded() -> Iterator[None]:
    """Our own check, which looks before it writes, lets everything through."""
    with patch.object(signup, "clashing_meter", return_value=None):
        yield


def test_another_subscription_with_the_same_meter_is_refused(
    calls: PlanVersion, unguarded: None
) -> None:
    customer = make_customer()
    subscription_since(JAN_1, customer=customer, version=calls)

    with pytest.raises(IntegrityError, match="billed twice for API calls"):
        subscription_since(JAN_1, customer=customer, version=calls)

    assert Subscription.objects.count() == 1
    subscription_since(JAN_1, customer=make_customer(), version=calls)


def test_a_plan_change_to_a_meter_that_is_billed_is_refused(calls: PlanVersion) -> None:
    customer = make_customer()
    subscription_since(JAN_1, customer=customer, version=calls)
    other = subscription_since(
        JAN_1, customer=customer, version=published_version(recurring("5.00"))
    )
    mine = Subscription.objects.filter(pk=other.pk)

    with pytest.raises(IntegrityError, match="billed twice"):
        mine.update(plan_version=calls)

    mine.update(quantity=3)
    with transaction.atomic():  # looked at when both are done
        mine.update(plan_version=calls)
        Subscription.objects.filter(plan_version=calls).exclude(pk=other.pk).update(
            ended_at=JAN_20, state="canceled"
        )


def test_an_add_on_with_the_plans_meter_is_refused(calls: PlanVersion) -> None:
    subscription = subscription_since(JAN_1, version=calls)
    extra = published_version(per_call(), plan=make_plan(is_add_on=True))

    with pytest.raises(IntegrityError, match="billed twice"):
        SubscriptionAddOn.objects.create(
            subscription=subscription,
            plan=extra.plan,
            plan_version=extra,
            quantity=1,
            starts_at=JAN_20,
        )


def test_of_two_at_once_one_is_refused(calls: PlanVersion) -> None:
    """Each sees nothing of the other until it ends, and then waits for it."""
    customer, fee = make_customer(), published_version(recurring("5.00"))
    both = [subscription_since(JAN_1, customer=customer, version=fee).pk for _ in range(2)]
    barrier, refused = threading.Barrier(2), list[Exception]()

    def change(pk: int) -> None:
        try:
            with transaction.atomic():
                Subscription.objects.filter(pk=pk).update(plan_version=calls)
                barrier.wait(timeout=30)
        except IntegrityError as problem:
            refused.append(problem)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=change, args=(pk,)) for pk in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert len(refused) == 1
    assert Subscription.objects.filter(plan_version=calls).count() == 1


def test_a_transaction_holds_few_locks_however_many_customers_it_brings(
    calls: PlanVersion,
) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for number in (2048, 3072, 3073):
            subscription_since(customer=make_customer(id=number), version=calls)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "SELECT array_agg(objid::int ORDER BY objid) FROM pg_locks"
            " WHERE locktype = 'advisory' AND classid = 7012 AND pid = pg_backend_pid()"
        )
        held = cursor.fetchone()

    assert held == ([0, 1],)

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Thread

import pytest
from django.db import DatabaseError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from billing.errors import BudgetInvalid
from billing.models import Announcement, Notice, UsageAlert, UsageBudget
from billing.services.announcements.announcing import announce_new
from billing.services.announcements.usage_alerts import raise_alerts, set_budget
from billing.services.invoices.renewal import run_billing
from subscriptions.models import Subscription
from tests.factories.announcements import announce_from_january
from tests.factories.subscriptions import (
    JAN_1,
    TEST_ACTOR,
    published_version,
    subscription_since,
)
from tests.factories.usage import use

pytestmark = pytest.mark.django_db
JAN_10 = datetime(2026, 1, 10, tzinfo=UTC)
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
FEB_2 = datetime(2026, 2, 2, tzinfo=UTC)


def raised(subscription: Subscription) -> list[tuple[int, bool]]:
    rows = UsageAlert.objects.filter(subscription=subscription).order_by("pk")
    return list(rows.values_list("percent", "is_told"))


def budget(subscription: Subscription, amount: str | None) -> UsageBudget | None:
    given = None if amount is None else Decimal(amount)
    return set_budget(subscription=subscription, amount=given, actor=TEST_ACTOR, at=JAN_1)


def test_each_share_is_raised_once_in_a_period() -> None:
    subscription = subscription_since()  # 10,000 calls are included
    use(subscription.customer, 4999, JAN_10)
    assert raise_alerts(at=JAN_10) == 0

    use(subscription.customer, 1, JAN_10)
    assert raise_alerts(at=JAN_10) == 1
    assert raise_alerts(at=JAN_10) == 0
    use(subscription.customer, 3500, JAN_10)
    assert raise_alerts(at=JAN_10) == 1

    assert raised(subscription) == [(50, True), (80, True)]


def test_of_shares_reached_at_once_only_the_highest_is_told() -> None:
    announce_from_january()
    subscription = subscription_since()
    use(subscription.customer, 12_000, JAN_10)

    assert raise_alerts(at=JAN_10) == 3
    announce_new(at=JAN_10)

    assert raised(subscription) == [(50, False), (80, False), (100, True)]
    told = Announcement.objects.get(kind="usage.threshold_reached")
    assert (told.facts["percent"], told.facts["used"], told.facts["included"]) == (
        "100",
        "12000",
        "10000",
    )
    assert told.facts["feature"] == "API calls"
    assert Notice.objects.get(kind="usage.threshold_reached").state == "queued"


def test_the_next_period_starts_anew() -> None:
    subscription = subscription_since()
    use(subscription.customer, 6000, JAN_10)
    raise_alerts(at=JAN_10)
    run_billing(at=FEB_1)

    assert raise_alerts(at=FEB_2) == 0
    use(subscription.customer, 6000, FEB_2)
    assert raise_alerts(at=FEB_2) == 1

    starts = UsageAlert.objects.order_by("pk").values_list("period_start", flat=True)
    assert list(starts) == [JAN_1, FEB_1]


def test_a_budget_is_raised_once_and_another_one_anew() -> None:
    announce_from_january()
    subscription = subscription_since()
    budget(subscription, "4.00")
    use(subscription.customer, 11_999, JAN_10)  # 1,999 above what is included: 3.998 is 4.00
    assert raise_alerts(at=JAN_10) == 4
    assert raise_alerts(at=JAN_10) == 0
    announce_new(at=JAN_10)

    told = Announcement.objects.get(kind="usage.budget_reached")
    assert told.facts["amount"] == {"amount": "4", "currency": "USD"}
    assert told.facts["budget"] == {"amount": "4", "currency": "USD"}
    budget(subscription, "5.00")
    use(subscription.customer, 1000, JAN_10)
    assert raise_alerts(at=JAN_10) == 1
    assert UsageAlert.objects.filter(price=None).count() == 2


def test_a_budget_that_is_not_reached_or_taken_away_raises_nothing() -> None:
    subscription = subscription_since()
    budget(subscription, "4.01")
    use(subscription.customer, 11_999, JAN_10)

    raise_alerts(at=JAN_10)
    assert not UsageAlert.objects.filter(price=None).exists()
    budget(subscription, None)
    use(subscription.customer, 90_000, JAN_10)
    raise_alerts(at=JAN_10)

    assert not UsageAlert.objects.filter(price=None).exists()
    assert not UsageBudget.objects.exists()


@pytest.mark.parametrize("amount", ["0", "-1", "1.005"])
def test_an_impossible_budget_is_refused(amount: str) -> None:
    with pytest.raises(BudgetInvalid, match="leave it empty for no budget"):
        budget(subscription_since(), amount)


def test_a_trial_raises_nothing() -> None:
    subscription = subscription_since(trial_days=30)
    use(subscription.customer, 20_000, JAN_10)

    assert raise_alerts(at=JAN_10) == 0


def test_many_subscriptions_take_the_same_number_of_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    version = published_version()
    for _ in range(15):
        subscription = subscription_since(version=version)
        budget(subscription, "1.00")
        use(subscription.customer, 12_000, JAN_10)

    with django_assert_max_num_queries(25):
        assert raise_alerts(at=JAN_10) == 15 * 4


def test_what_was_raised_stays() -> None:
    use(subscription_since().customer, 9000, JAN_10)
    raise_alerts(at=JAN_10)

    with pytest.raises(DatabaseError, match="what was raised stays"), transaction.atomic():
        UsageAlert.objects.update(is_told=False)


@pytest.mark.django_db(transaction=True)
def test_two_searches_at_once_raise_each_alert_once() -> None:
    version = published_version()
    for _ in range(10):
        use(subscription_since(version=version).customer, 12_000, JAN_10)
    together = Barrier(2)

    def search() -> None:
        together.wait(10)
        try:
            raise_alerts(at=JAN_10 + timedelta(minutes=1))
        finally:
            connection.close()

    threads = [Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert UsageAlert.objects.count() == 30

"""A customer whose subscription has ended begins anew: as previewed, once, on today's prices."""

from datetime import UTC, datetime
from typing import Any

import pytest

from billing.errors import NotComingBack
from billing.models import Invoice
from billing.services.changes.cancelling import cancel_subscription
from billing.services.changes.returning import preview_return, start_again, version_for_return
from subscriptions.models import Plan, Subscription
from tests.factories.lifecycle import begin, fee_of
from tests.factories.subscriptions import TEST_ACTOR, published_version, recurring

pytestmark = pytest.mark.django_db
JAN_9 = datetime(2026, 1, 9, tzinfo=UTC)
MARCH_5 = datetime(2026, 3, 5, tzinfo=UTC)


def ended(**plan: Any) -> Subscription:
    subscription = begin(fee_of("31.00", **plan), "2026-01-01")
    Plan.objects.filter(pk=subscription.plan_version.plan_id).update(is_public=True)
    cancel_subscription(subscription=subscription, actor=TEST_ACTOR, at=JAN_9)
    return Subscription.objects.select_related("plan_version__plan", "customer").get(
        pk=subscription.pk
    )


def test_it_begins_on_today_s_prices_as_previewed() -> None:
    subscription = ended()
    newer = published_version(recurring("40.00"), plan=subscription.plan_version.plan, at=JAN_9)
    before = Invoice.objects.count()

    seen = preview_return(subscription=subscription, actor=TEST_ACTOR, at=MARCH_5)
    assert Subscription.objects.count() == 1
    assert Invoice.objects.count() == before
    done = start_again(subscription=subscription, actor=TEST_ACTOR, at=MARCH_5)

    assert seen.plan_version == done.subscription.plan_version == newer
    assert seen.draft
    assert done.invoice
    assert seen.draft.totals.total == done.invoice.total
    assert seen.draft.due == done.invoice.amount_due
    assert f"{done.invoice.total.amount:.2f}" == "40.00"
    assert seen.period == done.subscription.current_period
    assert done.subscription.current_period_start == MARCH_5


def test_it_begins_once() -> None:
    subscription = ended()
    start_again(subscription=subscription, actor=TEST_ACTOR, at=MARCH_5)

    with pytest.raises(NotComingBack, match="runs again already"):
        start_again(subscription=subscription, actor=TEST_ACTOR, at=MARCH_5)
    with pytest.raises(NotComingBack, match="runs again already"):
        preview_return(subscription=subscription, actor=TEST_ACTOR, at=MARCH_5)

    assert Subscription.objects.live().count() == 1


def test_what_runs_or_is_not_on_sale_does_not_begin_anew() -> None:
    running = begin(fee_of("31.00"), "2026-01-01")
    withdrawn = ended()
    Plan.objects.filter(pk=withdrawn.plan_version.plan_id).update(is_public=False)
    withdrawn.plan_version.plan.refresh_from_db()

    assert version_for_return(withdrawn, MARCH_5) is None
    with pytest.raises(NotComingBack, match="not ended"):
        start_again(subscription=running, actor=TEST_ACTOR, at=MARCH_5)
    with pytest.raises(NotComingBack, match="not on sale"):
        start_again(subscription=withdrawn, actor=TEST_ACTOR, at=MARCH_5)


def test_its_trial_is_not_given_again() -> None:
    subscription = ended(trial_days=14)

    seen = preview_return(subscription=subscription, actor=TEST_ACTOR, at=MARCH_5)

    assert not seen.is_trial
    assert seen.draft

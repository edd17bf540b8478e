"""A price move sees all that is scheduled: its preview is what then happens."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from billing.models import DatedChange, PriceMoveRow
from billing.services.changes.cancelling import CancelWhen, cancel_subscription
from billing.services.changes.dated_changes import schedule_dated_change
from billing.services.changes.dated_work import make_dated_changes
from billing.services.changes.pausing import pause
from billing.services.changes.plan_changes import change_plan
from billing.services.changes.price_move_previews import MoveTerms, preview_price_move
from billing.services.changes.price_moves import start_price_move, work_on_price_moves
from billing.services.changes.wanted import Wanted
from billing.services.invoices.due import due
from billing.services.invoices.renewal import run_billing
from subscriptions.domain.proration_policy import Timing
from subscriptions.models import PlanVersion, Subscription
from subscriptions.services.policies import ChangeOverride
from tests.factories.lifecycle import at, begin
from tests.factories.subscriptions import (
    TEST_ACTOR,
    make_customer,
    make_plan,
    per_call,
    published_version,
    recurring,
)

pytestmark = pytest.mark.django_db
JAN_5 = datetime(2026, 1, 5, 9, tzinfo=UTC)
D = Decimal
Versions = tuple[PlanVersion, PlanVersion, PlanVersion]


@pytest.fixture
def prices() -> Versions:
    """31.00 a month each, 62.00 by the next version of the plan, and another plan."""
    plan, other = make_plan(), make_plan()
    return (
        published_version(recurring("31.00", charge_model="per_unit"), plan=plan),
        published_version(recurring("62.00", charge_model="per_unit"), plan=plan),
        published_version(recurring("10.00", charge_model="per_unit"), plan=other),
    )


def asked(subscription: Subscription, on: date, **wanted: Any) -> None:
    schedule_dated_change(
        subscription=subscription, wanted=Wanted(on=on, **wanted), actor=TEST_ACTOR, at=JAN_5
    )


def nothing(subscription: Subscription, prices: Versions) -> None:
    pass


def more_on_the_10th(subscription: Subscription, prices: Versions) -> None:
    asked(subscription, date(2026, 1, 10), plan_version=prices[0], quantity=4)


def more_in_march(subscription: Subscription, prices: Versions) -> None:
    asked(subscription, date(2026, 3, 10), plan_version=prices[0], quantity=4)


def away_on_the_10th(subscription: Subscription, prices: Versions) -> None:
    asked(subscription, date(2026, 1, 10), plan_version=prices[2], quantity=1)


def away_in_march(subscription: Subscription, prices: Versions) -> None:
    asked(subscription, date(2026, 3, 10), plan_version=prices[2], quantity=1)


def rests_from_the_10th(subscription: Subscription, prices: Versions) -> None:
    asked(subscription, date(2026, 1, 10))


def rests_until_the_15th(subscription: Subscription, prices: Versions) -> None:
    asked(subscription, date(2026, 1, 10), resume_on=date(2026, 1, 15))


def fewer_next_month(subscription: Subscription, prices: Versions) -> None:
    change_plan(
        subscription=subscription,
        plan_version=prices[0],
        quantity=1,
        actor=TEST_ACTOR,
        at=JAN_5,
        override=ChangeOverride(timing=Timing.PERIOD_END),
    )


def ends(subscription: Subscription, prices: Versions) -> None:
    cancel_subscription(
        subscription=subscription, actor=TEST_ACTOR, at=JAN_5, when=CancelWhen.PERIOD_END
    )


def rests_next_month(subscription: Subscription, prices: Versions) -> None:
    pause(subscription=subscription, actor=TEST_ACTOR, at=JAN_5, at_period_end=True)


MOVED, REPLACED, PAUSED = "", "another change is scheduled for it", "a pause is scheduled"
AWAY = "it goes to other prices on 2026-01-10"
JAN_20, FEB_20 = date(2026, 1, 20), date(2026, 2, 20)


@pytest.mark.parametrize(
    ("scheduled", "when", "on", "expected"),
    [
        (nothing, "renewal", None, (MOVED, 2)),
        (more_on_the_10th, "now", None, (MOVED, 2)),
        (more_on_the_10th, "on_day", JAN_20, (MOVED, 4)),
        (more_on_the_10th, "renewal", None, (MOVED, 4)),
        (more_in_march, "renewal", None, (MOVED, 2)),
        (away_on_the_10th, "on_day", JAN_20, (AWAY, 1)),
        (away_on_the_10th, "renewal", None, (AWAY, 1)),
        (away_in_march, "renewal", None, (MOVED, 2)),
        (rests_from_the_10th, "on_day", JAN_20, (PAUSED, 2)),
        (rests_until_the_15th, "on_day", JAN_20, (MOVED, 2)),
        (fewer_next_month, "now", None, (REPLACED, 2)),
        (fewer_next_month, "renewal", None, (REPLACED, 1)),
        (fewer_next_month, "from_day", FEB_20, (MOVED, 1)),
        (ends, "renewal", None, ("its end is scheduled", 2)),
        (rests_next_month, "renewal", None, (PAUSED, 2)),
    ],
)
def test_what_the_preview_says_of_what_is_scheduled_is_what_then_happens(
    prices: Versions,
    scheduled: Callable[[Subscription, Versions], None],
    when: str,
    on: date | None,
    expected: tuple[str, int],
) -> None:
    why, quantity = expected
    subscription = begin(prices[0], "2026-01-01", quantity=2)
    scheduled(subscription, prices)
    terms = MoveTerms(
        from_version=prices[0], to_version=prices[1], when=when, on=on, reason="Prices of 2026"
    )

    (row,) = preview_price_move(terms=terms, at=JAN_5).rows
    assert (row.why, row.effect.before.amount) == (why, 31 * D(quantity))
    if why:
        return
    start_price_move(terms=terms, user=None, at=JAN_5)
    live_until(row.effective_at)

    kept = PriceMoveRow.objects.get()
    subscription.refresh_from_db()
    assert (kept.state, kept.effective_at) == ("moved", row.effective_at)
    assert (subscription.plan_version, subscription.quantity) == (prices[1], quantity)


def live_until(end: datetime) -> None:
    """Let the workers come by whenever something is due."""
    until = end + timedelta(minutes=5)
    while True:
        coming = [
            *due(until).values_list("next_billing_at", flat=True),
            *DatedChange.objects.ready(until).values_list("due_at", flat=True),
            *PriceMoveRow.objects.waiting()
            .filter(due_at__lte=until)
            .values_list("due_at", flat=True),
        ]
        if not coming:
            return
        moment = min(instant for instant in coming if instant is not None)
        work_on_price_moves(at=moment)
        make_dated_changes(at=moment)
        run_billing(at=moment)


def test_a_meter_that_is_billed_from_a_day_on_stands_in_the_way() -> None:
    metered = published_version(recurring("10.00"), per_call(), plan=make_plan())
    plan = make_plan()
    old = published_version(recurring("31.00"), plan=plan)
    new = published_version(recurring("31.00"), per_call(), plan=plan)
    customer = make_customer()
    begin(old, "2026-01-01", customer=customer)
    other = begin(
        published_version(recurring("5.00"), plan=make_plan()), "2026-01-01", customer=customer
    )
    asked(other, date(2026, 3, 1), plan_version=metered, quantity=1)

    (row,) = preview_price_move(
        terms=MoveTerms(from_version=old, to_version=new, when="now", reason="Usage"),
        at=at("2026-01-05"),
    ).rows

    assert row.why == "another live subscription will bill API calls"

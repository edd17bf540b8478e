"""Two people act on one subscription at once: one of them does, the other is told."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import pytest
from django.db import connection

from billing.models import CreditNote, DatedChange, Invoice, PlanChange
from billing.services.changes.cancelling import cancel_subscription, preview_cancellation
from billing.services.changes.dated_changes import schedule_dated_change
from billing.services.changes.dated_work import make_dated_changes
from billing.services.changes.pausing import pause
from billing.services.changes.plan_changes import change_plan
from billing.services.changes.wanted import Wanted
from subscriptions.models import Subscription
from tests.factories.lifecycle import at, begin, fee_of
from tests.factories.subscriptions import TEST_ACTOR
from tiktoktoe.kernel.errors import TikTokToeError

pytestmark = pytest.mark.django_db(transaction=True)
NOON = at("2026-01-16T12:00")


def at_once(*acts: Callable[[], object]) -> list[str]:
    """Run acts in threads that start together; what each came to, in words."""
    gate = Barrier(len(acts))

    def run(act: Callable[[], object]) -> str:
        try:
            gate.wait()
            act()
        except TikTokToeError as refusal:
            return type(refusal).__name__
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(len(acts)) as pool:
        return sorted(pool.map(run, acts))


def test_of_two_cancellations_from_two_tabs_one_gives_back() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    token = preview_cancellation(subscription=subscription, at=NOON).token

    def cancel() -> object:
        return cancel_subscription(
            subscription=subscription, actor=TEST_ACTOR, expected=token, at=NOON
        )

    came_to = at_once(cancel, cancel)

    assert came_to in (["SubscriptionChanged", "done"], ["SubscriptionEnded", "done"])
    assert CreditNote.objects.count() == 1


def test_a_change_and_a_pause_at_once_never_both_use_what_they_saw() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    larger = fee_of("62.00")
    token = preview_cancellation(subscription=subscription, at=NOON).token

    came_to = at_once(
        lambda: change_plan(
            subscription=subscription,
            plan_version=larger,
            quantity=1,
            actor=TEST_ACTOR,
            expected=token,
            at=NOON,
        ),
        lambda: pause(subscription=subscription, actor=TEST_ACTOR, expected=token, at=NOON),
    )

    assert came_to[-1] == "done"
    assert came_to[0] in {"SubscriptionChanged", "PlanChangeNotNow", "TransitionNotAllowed"}
    assert Invoice.objects.count() + CreditNote.objects.count() == 2
    assert Subscription.objects.get().transitions.count() == 2


def test_three_workers_make_the_change_of_a_day_once() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    wanted = Wanted(on=date(2026, 1, 16), plan_version=fee_of("62.00"), quantity=1)
    schedule_dated_change(
        subscription=subscription, wanted=wanted, actor=TEST_ACTOR, at=at("2026-01-05")
    )

    def work() -> object:
        return make_dated_changes(at=NOON)

    assert at_once(work, work, work) == ["done"] * 3
    assert DatedChange.objects.get().state == "applied"
    assert (PlanChange.objects.count(), Invoice.objects.count()) == (1, 2)


def test_of_two_changes_asked_for_one_day_at_once_one_is_scheduled() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")

    def ask() -> object:
        return schedule_dated_change(
            subscription=subscription,
            wanted=Wanted(on=date(2026, 1, 20), quantity=2),
            actor=TEST_ACTOR,
            at=NOON,
        )

    assert at_once(ask, ask) == ["DatedChangeInvalid", "done"]
    assert DatedChange.objects.count() == 1

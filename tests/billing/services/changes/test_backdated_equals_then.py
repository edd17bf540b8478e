"""What is asked for as of a day comes to what it would have, had it been asked for on that day."""

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from billing.services.changes.add_ons import change_add_on
from billing.services.changes.cancelling import CancelWhen, cancel_subscription
from billing.services.changes.pausing import pause, resume
from billing.services.changes.plan_changes import change_plan
from billing.services.invoices.renewal import run_billing
from subscriptions.domain.proration_policy import Timing
from subscriptions.models import PlanVersion, Subscription
from subscriptions.services.policies import ChangeOverride
from tests.factories.lifecycle import at, begin, billed, fee_of, noted
from tests.factories.subscriptions import TEST_ACTOR, per_call
from tests.factories.usage import use

pytestmark = pytest.mark.django_db
DAY = date(2026, 1, 11)
THEN, LATER, GOES_ON, FEB_1 = (
    at(day) for day in ("2026-01-11", "2026-01-21T15:30", "2026-01-25", "2026-02-01")
)
AT_ONCE = ChangeOverride(timing=Timing.IMMEDIATE)
Act = Callable[[Subscription, PlanVersion, dict[str, Any]], object]


def to_plan(subscription: Subscription, version: PlanVersion, when: dict[str, Any]) -> object:
    return change_plan(
        subscription=subscription,
        plan_version=version,
        quantity=2,
        override=AT_ONCE,
        actor=TEST_ACTOR,
        **when,
    )


def to_add_on(subscription: Subscription, version: PlanVersion, when: dict[str, Any]) -> object:
    return change_add_on(
        subscription=subscription,
        plan_version=version,
        quantity=2,
        override=AT_ONCE,
        actor=TEST_ACTOR,
        **when,
    )


def to_pause(subscription: Subscription, _: PlanVersion, when: dict[str, Any]) -> object:
    pause(subscription=subscription, actor=TEST_ACTOR, **when)
    return resume(subscription=subscription, actor=TEST_ACTOR, at=GOES_ON)


def to_end(subscription: Subscription, _: PlanVersion, when: dict[str, Any]) -> object:
    how = {"when": CancelWhen.ON_DAY, "on": when["since"]} if "since" in when else {}
    return cancel_subscription(subscription=subscription, actor=TEST_ACTOR, at=when["at"], **how)


ACTS: dict[str, tuple[Act, str, dict[str, Any]]] = {
    "more": (to_plan, "62.00", {}),
    "less": (to_plan, "7.00", {}),
    "add-on": (to_add_on, "9.00", {"is_add_on": True}),
    "pause": (to_pause, "31.00", {}),
    "end": (to_end, "31.00", {}),
}


def came_to(
    act: Act, versions: tuple[PlanVersion, PlanVersion], when: dict[str, Any]
) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Everything that is billed and given back until February, with usage before and after."""
    subscription = begin(versions[0], "2026-01-01")
    events: list[tuple[datetime, int]] = [(at("2026-01-05"), 10), (at("2026-01-14"), 7)]
    for instant, units in events:
        if instant < when["at"]:
            use(subscription.customer, units, instant)
    act(subscription, versions[1], when)
    for instant, units in events:
        if instant >= when["at"]:
            use(subscription.customer, units, instant)
    run_billing(at=FEB_1)
    return sorted(billed(subscription)), noted(subscription)


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        *(("end", policy) for policy in ("own", "lago", "killbill", "stripe")),
        *(("pause", policy) for policy in ("own", "lago")),
        *(("more", "lago"), ("less", "own"), ("less", "killbill"), ("add-on", "stripe")),
    ],
)
def test_as_of_a_day_it_comes_to_what_it_would_have_then(name: str, policy: str) -> None:
    act, amount, terms = ACTS[name]
    usage = [] if terms else [per_call("3.00", included="0")]
    old = fee_of("31.00", policy, per_call("1.00", included="0"))
    versions = old, fee_of(amount, policy, *usage, **terms)

    then = came_to(act, versions, {"at": THEN})
    since = came_to(act, versions, {"at": LATER, "since": DAY})

    assert since == then

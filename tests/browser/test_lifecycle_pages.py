"""The staff's pages of ending, pausing and trials, and of a plan's billing policy."""

import os
from datetime import date, timedelta
from pathlib import Path

import pytest

from billing.services.changes.dated_changes import schedule_dated_change
from billing.services.changes.pausing import pause
from billing.services.changes.wanted import Wanted
from subscriptions.models import Subscription
from tests.browser.reader import DESKTOP, PHONE, Reader
from tests.factories.lifecycle import begin, fee_of
from tests.factories.subscriptions import (
    TEST_ACTOR,
    make_plan,
    per_call,
    published_version,
    recurring,
)
from tiktoktoe.kernel.clock import now

PICTURES = os.environ.get("PICTURES", "")


@pytest.fixture
def running(transactional_db: None) -> Subscription:
    """A subscription since two days ago, that usage is billed for too."""
    version = fee_of("31.00", "own", per_call("1.00", included="0"), name="Team")
    return begin(version, (now() - timedelta(days=2)).isoformat())


def test_the_pages_of_the_lifecycle_are_accessible_and_fit_a_phone(
    finance_reader: Reader, running: Subscription
) -> None:
    trial = begin(fee_of("31.00"), (now() - timedelta(days=1)).isoformat(), trial_days=14)
    paused = begin(fee_of("31.00"), (now() - timedelta(days=1)).isoformat())
    pause(subscription=paused, actor=TEST_ACTOR, at=now())
    pause(subscription=running, at_period_end=True, actor=TEST_ACTOR, at=now())
    beside = published_version(
        recurring("12.00"), plan=make_plan(name="Night support", is_add_on=True)
    )
    wanted = f"?plan_version={beside.pk}&quantity=2"
    bigger = fee_of("62.00", name="Business")
    later = (now() + timedelta(days=10)).date().isoformat()
    dated = begin(fee_of("31.00"), (now() - timedelta(days=2)).isoformat())
    before = (now() - timedelta(days=1)).date().isoformat()
    asked = f"?plan_version={bigger.pk}&quantity=1"
    schedule_dated_change(
        subscription=dated,
        wanted=Wanted(
            on=date.fromisoformat(later), plan_version=beside, quantity=1, is_add_on=True
        ),
        actor=TEST_ACTOR,
        at=now(),
    )
    addresses = {
        "add-ons": f"/subscriptions/{trial.reference}/add-ons/{wanted}",
        "add-ons-day": f"/subscriptions/{dated.reference}/add-ons/{wanted}&on={before}",
        "plan-day": f"/subscriptions/{dated.reference}/plan-change/{asked}&on={before}&unused=skip",
        "schedule-days": f"/subscriptions/{dated.reference}/schedule/",
        "resumption-day": f"/subscriptions/{paused.reference}/resumption/?shown=1&on={later}",
        "subscription": f"/subscriptions/{running.reference}/",
        "schedule": f"/subscriptions/{running.reference}/schedule/",
        "ending": f"/subscriptions/{running.reference}/ending/?shown=1&when=now",
        "ending-refused": f"/subscriptions/{running.reference}/ending/?shown=1&when=on_day",
        "pause": f"/subscriptions/{running.reference}/pause/?shown=1&when=now",
        "resumption": f"/subscriptions/{paused.reference}/resumption/?shown=1",
        "trial": f"/subscriptions/{trial.reference}/trial/?shown=1",
        "policy": f"/catalog/{running.plan_version.plan.code}/policy/",
    }
    for name, path in addresses.items():
        finance_reader.audit(path)
        take_pictures(finance_reader, name)


def take_pictures(reader: Reader, name: str) -> None:
    """Keep pictures for the eye when PICTURES names a folder."""
    if not PICTURES:
        return
    sizes: tuple[tuple[str, dict[str, int]], ...] = (("desktop", DESKTOP), ("phone", PHONE))
    for word, size in sizes:
        reader.page.set_viewport_size(size)  # type: ignore[arg-type]
        reader.page.screenshot(path=Path(PICTURES) / f"{name}-{word}.png", full_page=True)

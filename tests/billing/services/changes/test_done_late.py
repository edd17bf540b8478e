"""What is done after its day counts from its day; its documents are of today, and are told."""

from datetime import date, timedelta
from typing import Any

import pytest

from billing.models import Announcement, CreditNote, DatedChange, Invoice, PlanChange
from billing.services.announcements.announcing import announce_new
from billing.services.changes.dated_changes import schedule_dated_change
from billing.services.changes.dated_previews import preview_dated_change
from billing.services.changes.dated_work import make_dated_changes
from billing.services.changes.planned_previews import preview_planned_start
from billing.services.changes.planned_starts import StartWanted, plan_start
from billing.services.changes.planned_work import start_planned
from billing.services.changes.wanted import Wanted
from subscriptions.domain.proration_policy import UnusedTime
from subscriptions.models import Subscription
from tests.factories.announcements import announce_from_january
from tests.factories.lifecycle import at, begin, fee_of, lines_of
from tests.factories.subscriptions import TEST_ACTOR, make_customer
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
NOW = at("2026-01-05T09:00")
LATE = at("2026-01-21T09:00")
IN_14_DAYS = timedelta(days=14)
JAN_18 = date(2026, 1, 18)


@pytest.fixture(autouse=True)
def _from_january(db: None) -> None:
    announce_from_january()


def told_by(when: str) -> set[str]:
    """The kinds of what is told by an instant and was not before."""
    known = set(Announcement.objects.values_list("pk", flat=True))
    announce_new(at=at(when))
    return set(Announcement.objects.exclude(pk__in=known).values_list("kind", flat=True))


def ask(subscription: Subscription, **terms: Any) -> DatedChange:
    return schedule_dated_change(
        subscription=subscription, wanted=Wanted(on=JAN_18, **terms), actor=TEST_ACTOR, at=NOW
    )


def test_a_start_days_late_is_told_and_is_to_be_paid_from_today_on() -> None:
    wanted = StartWanted(on=JAN_18, plan_version=fee_of("31.00"))
    customer = make_customer()
    seen = preview_planned_start(customer=customer, wanted=wanted, actor=TEST_ACTOR, at=NOW)
    plan_start(customer=customer, wanted=wanted, actor=TEST_ACTOR, at=NOW)
    begin(fee_of("5.00"), "2026-01-20")
    told_by("2026-01-21T08:59")

    start_planned(at=LATE)

    assert told_by("2026-01-21T09:01") == {"subscription.subscribed", "invoice.finalized"}
    begun = Subscription.objects.get(customer=customer)
    assert begun.started_at == begun.current_period_start == at("2026-01-18")
    before, invoice = Invoice.objects.order_by("number")
    assert before.finalized_at == at("2026-01-20")
    assert (invoice.finalized_at, invoice.due_at) == (LATE, LATE + IN_14_DAYS)
    assert invoice.period_start == at("2026-01-18")
    assert seen.first is not None
    assert invoice.total == seen.first.totals.total == Money("31.00", "USD")


def test_a_change_days_late_is_told_and_is_to_be_paid_from_today_on() -> None:
    subscription, bigger = begin(fee_of("31.00"), "2026-01-01"), fee_of("62.00")
    wanted = Wanted(on=JAN_18, plan_version=bigger, quantity=1)
    seen = preview_dated_change(
        subscription=subscription, wanted=wanted, actor=TEST_ACTOR, at=NOW
    ).effect
    ask(subscription, plan_version=bigger, quantity=1)
    told_by("2026-01-21T08:59")

    make_dated_changes(at=LATE)

    assert told_by("2026-01-21T09:01") == {"subscription.plan_changed", "invoice.finalized"}
    change = PlanChange.objects.get()
    assert change.effective_at == at("2026-01-18")
    assert change.invoice is not None
    assert lines_of(change.invoice) == [
        ("proration_credit", "-14.00"),
        ("proration_charge", "28.00"),
    ]
    assert (change.invoice.finalized_at, change.invoice.due_at) == (LATE, LATE + IN_14_DAYS)
    assert change.invoice.amount_due == seen.due_now


def test_a_pause_days_late_is_told_with_its_credit_note() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    ask(subscription, unused=UnusedTime.CREDIT)
    told_by("2026-01-21T08:59")

    make_dated_changes(at=LATE)

    assert {"subscription.paused", "credit_note.issued"} <= told_by("2026-01-21T09:01")
    note, moved = CreditNote.objects.get(), subscription.transitions.get(event="paused")
    assert (note.issued_at, moved.recorded_at) == (LATE, LATE)
    assert moved.effective_at == at("2026-01-18")
    subscription.refresh_from_db()
    assert subscription.paused_from == at("2026-01-19")


def test_what_a_worker_that_died_has_done_late_is_not_done_again() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    asked = ask(subscription, quantity=2)
    make_dated_changes(at=LATE)
    DatedChange.objects.update(state="scheduled", done_at=None, try_at=asked.due_at)

    make_dated_changes(at=LATE + timedelta(hours=1))

    asked.refresh_from_db()
    assert (asked.state, asked.why) == ("applied", "")
    assert PlanChange.objects.count() == 1


def test_on_a_day_of_25_hours_what_is_done_in_its_last_is_of_its_first_instant_and_told() -> None:
    wanted = StartWanted(on=date(2026, 11, 1), plan_version=fee_of("31.00"))
    customer = make_customer(time_zone="America/New_York")
    plan_start(customer=customer, wanted=wanted, actor=TEST_ACTOR, at=NOW)
    told_by("2026-11-02T04:49")

    start_planned(at=at("2026-11-01T23:50-05:00"))

    assert told_by("2026-11-02T04:51") == {"subscription.subscribed", "invoice.finalized"}
    assert Invoice.objects.get().finalized_at == at("2026-11-01T00:00-04:00")

"""A change or a pause asked for a day bills on it what one asked for at that instant does."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import given
from hypothesis import strategies as st

from billing import tasks
from billing.errors import DatedChangeInvalid, PlanChangeInvalid, PlanChangeNotNow
from billing.models import CreditNote, DatedChange, Invoice, PlanChange
from billing.services.changes.cancelling import CancelWhen, cancel_subscription
from billing.services.changes.customer_clocks import advance_clock
from billing.services.changes.dated_changes import schedule_dated_change, withdraw_dated_change
from billing.services.changes.dated_previews import DatedPreview, preview_dated_change
from billing.services.changes.dated_work import make_dated_changes
from billing.services.changes.pausing import pause
from billing.services.changes.plan_changes import change_plan
from billing.services.changes.wanted import Wanted
from billing.services.credit.customer_credit import grant_credit
from billing.services.invoices.consolidating import set_invoicing
from billing.services.invoices.draft_review import issue_reviewed
from billing.services.invoices.rehearsing import rehearse
from billing.services.invoices.renewal import run_billing
from subscriptions.domain.proration_policy import Timing
from subscriptions.errors import PlanVersionNotOnSale, SubscriptionChanged
from subscriptions.models import PlanVersion, Subscription
from subscriptions.services.customer_clocks import create_clock
from subscriptions.services.policies import ChangeOverride
from subscriptions.services.price_specs import PriceSpec
from tests.factories.lifecycle import at, begin, billed, due_since, fee_of, lines_of, noted
from tests.factories.subscriptions import TEST_ACTOR, make_customer, per_call, recurring
from tests.factories.usage import use
from tests.shared_world import undone
from tests.strategies import histories
from tiktoktoe.kernel import clock as time
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
NOW = at("2026-01-05T09:00")
AT_ONCE = ChangeOverride(timing=Timing.IMMEDIATE)


def live_to(when: str | datetime) -> None:
    """Let the scheduler come by whenever something is due, up to an instant."""
    until = at(when) if isinstance(when, str) else when
    while (instant := due_since(until)) is not None:
        make_dated_changes(at=instant)
        run_billing(at=instant)


def ask(subscription: Subscription, on: str, when: datetime = NOW, **terms: Any) -> DatedChange:
    return schedule_dated_change(
        subscription=subscription,
        wanted=Wanted(on=date.fromisoformat(on), **terms),
        actor=TEST_ACTOR,
        at=when,
    )


def show(subscription: Subscription, on: str, **terms: Any) -> DatedPreview:
    return preview_dated_change(
        subscription=subscription,
        wanted=Wanted(on=date.fromisoformat(on), **terms),
        actor=TEST_ACTOR,
        at=NOW,
    )


def became(change: DatedChange) -> tuple[str, str]:
    change.refresh_from_db()
    return change.state, change.why


def test_an_upgrade_for_a_day_is_billed_on_that_day_by_its_days() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    bigger = fee_of("62.00")

    asked = ask(subscription, "2026-01-18", plan_version=bigger, quantity=1)
    live_to("2026-01-17T23:59")
    before = Invoice.objects.count()
    live_to("2026-01-18")

    assert before == 1
    assert became(asked) == ("applied", "")
    done = PlanChange.objects.get()
    assert lines_of(done.invoice) == [
        ("proration_credit", "-14.00"),
        ("proration_charge", "28.00"),
    ]
    assert done.effective_at == at("2026-01-18")


def test_a_day_in_a_later_period_waits_until_that_period_has_been_billed() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    ask(subscription, "2026-03-11", plan_version=fee_of("62.00"), quantity=1)

    live_to("2026-03-31")

    assert billed(subscription)[:2] == [
        ("2026-01-01", "2026-02-01", "31.00"),
        ("2026-02-01", "2026-03-01", "31.00"),
    ]
    assert ("2026-03-11", "2026-04-01", "42.00") in billed(subscription, "proration_charge")


def test_on_the_day_a_period_begins_nothing_is_billed_to_be_given_back() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    asked = ask(subscription, "2026-03-01", plan_version=fee_of("62.00"), quantity=1)

    live_to("2026-03-05")

    assert became(asked) == ("applied", "")
    assert billed(subscription) == [
        ("2026-01-01", "2026-02-01", "31.00"),
        ("2026-02-01", "2026-03-01", "31.00"),
        ("2026-03-01", "2026-04-01", "62.00"),
    ]
    assert not CreditNote.objects.exists()


def test_the_run_does_not_bill_past_a_day_whose_change_was_not_made_yet() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    ask(subscription, "2026-01-18", plan_version=fee_of("62.00"), quantity=1)

    run_billing(at=at("2026-02-03"))
    ahead = billed(subscription)
    make_dated_changes(at=at("2026-02-03T00:01"))
    run_billing(at=at("2026-02-03T00:02"))

    assert ahead == [("2026-01-01", "2026-02-01", "31.00")]
    assert PlanChange.objects.get().effective_at == at("2026-01-18")
    assert billed(subscription, "recurring")[-1] == ("2026-02-01", "2026-03-01", "62.00")


def test_a_quantity_for_a_day_is_of_the_prices_that_it_is_on_then() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    current = subscription.plan_version
    bigger = fee_of("62.00")
    ask(subscription, "2026-01-18", plan_version=current, quantity=3)
    change_plan(
        subscription=subscription, plan_version=bigger, quantity=1, actor=TEST_ACTOR, at=NOW
    )

    live_to("2026-01-18")

    subscription.refresh_from_db()
    assert (subscription.plan_version, subscription.quantity) == (bigger, 3)


def test_a_pause_from_a_day_until_another_gives_back_and_charges_again() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    asked = ask(subscription, "2026-01-16", resume_on=date(2026, 1, 20))

    live_to("2026-01-31")

    subscription.refresh_from_db()
    assert became(asked) == ("applied", "")
    assert subscription.state == "active"
    assert noted(subscription) == ["15.00"]
    assert billed(subscription)[-1] == ("2026-01-20", "2026-02-01", "12.00")


def test_a_pause_from_the_day_a_period_begins_gives_nothing_back() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    ask(subscription, "2026-02-01")

    live_to("2026-02-20")

    subscription.refresh_from_db()
    assert (subscription.state, subscription.paused_from) == ("paused", at("2026-02-01"))
    assert billed(subscription) == [("2026-01-01", "2026-02-01", "31.00")]


def test_the_local_day_counts() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    Subscription.objects.update(time_zone="America/New_York")
    subscription.refresh_from_db()

    asked = ask(subscription, "2026-01-18", quantity=2)

    assert asked.due_at == at("2026-01-18T05:00")


def test_a_preview_within_the_period_is_what_then_happens() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    bigger = fee_of("62.00")

    seen = show(subscription, "2026-01-18", plan_version=bigger, quantity=1)
    ask(subscription, "2026-01-18", plan_version=bigger, quantity=1)
    live_to("2026-01-18")

    assert not seen.is_after
    assert seen.effect.due_now == Money("14.00", "USD")
    assert Invoice.objects.get(kind="change").total == Money("14.00", "USD")


def test_a_preview_sees_what_is_held_now_use_up_credit_before_the_day() -> None:
    subscription = begin(fee_of("31.00"), "2025-12-03")
    customer, bigger = subscription.customer, fee_of("62.00")
    set_invoicing(
        customer=customer,
        currency="USD",
        is_consolidated=False,
        review_days=4,
        actor=TEST_ACTOR,
        at=NOW,
    )
    run_billing(at=at("2026-01-03"))
    grant_credit(
        customer=customer,
        amount=Money("56.00", "USD"),
        reason="sorry",
        actor=TEST_ACTOR,
        idempotency_key="k",
        at=NOW,
    )

    # Of 56 the first invoice has taken 31; the 25 that are left go to what is held.
    seen = show(subscription, "2026-01-18", plan_version=bigger, quantity=1)

    assert seen.is_after
    ask(subscription, "2026-01-18", plan_version=bigger, quantity=1)
    issue_reviewed(at=at("2026-01-07"))
    live_to("2026-01-18")
    changed = Invoice.objects.get(kind="change")
    assert seen.effect.due_now == changed.amount_due == Money("16.00", "USD")


def test_a_preview_beyond_the_period_lives_through_what_comes_before_and_leaves_no_trace() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    ask(subscription, "2026-02-15", quantity=2)
    bigger = fee_of("62.00")

    seen = show(subscription, "2026-03-16", plan_version=bigger, quantity=2)

    assert seen.is_after
    assert (Invoice.objects.count(), PlanChange.objects.count()) == (1, 0)
    ask(subscription, "2026-03-16", plan_version=bigger, quantity=2)
    live_to("2026-03-16")
    last = PlanChange.objects.order_by("-pk").first()
    assert last is not None
    assert last.invoice is not None
    assert seen.effect.due_now == last.invoice.total == Money("16.00", "USD")


def test_taken_back_it_does_not_happen() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    asked = ask(subscription, "2026-01-18", quantity=2)

    withdraw_dated_change(change=asked, actor=TEST_ACTOR, at=NOW)
    live_to("2026-02-01")

    assert became(asked) == ("withdrawn", "")
    subscription.refresh_from_db()
    assert subscription.quantity == 1
    events = subscription.transitions.order_by("pk").values_list("event", flat=True)
    assert list(events)[-2:] == ["plan_change_scheduled", "plan_change_withdrawn"]


def test_once_its_day_has_begun_it_is_not_taken_back() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    asked = ask(subscription, "2026-01-18", quantity=2)

    withdraw_dated_change(change=asked, actor=TEST_ACTOR, at=at("2026-01-18"))

    assert became(asked) == ("scheduled", "")


def test_time_passes_by_a_test_clock_and_by_the_scheduler() -> None:
    clock = create_clock(code="mine", starts_at=at("2026-01-01"), at=at("2026-01-01"))
    here = begin(fee_of("31.00"), "2026-01-01", customer=make_customer(clock=clock))
    there = begin(fee_of("31.00"), "2026-01-01")
    for subscription in (here, there):
        ask(subscription, "2026-02-11", plan_version=fee_of("59.00"), quantity=1)

    advance_clock(clock=clock, to=at("2026-02-20"))
    made_here = list(PlanChange.objects.values_list("subscription", "effective_at"))
    run_billing(at=at("2026-02-20"))
    with time.moved_to(at("2026-02-20")):
        made = tasks.make_changes_of_days()

    assert made_here == [(here.pk, at("2026-02-11"))]
    assert made == 1
    assert sorted(billed(there)) == sorted(billed(here))


def test_a_dry_run_works_out_what_is_billed_after_it_and_leaves_no_trace() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    ask(subscription, "2026-02-15", plan_version=fee_of("62.00"), quantity=1)

    found = rehearse([subscription.pk], by=at("2026-03-01"))

    assert [one.draft.totals.subtotal for one in found.invoices] == [
        Money("31.00", "USD"),
        Money("62.00", "USD"),
    ]
    assert not PlanChange.objects.exists()


@pytest.mark.parametrize("on", ["2026-01-05", "2025-12-31", "2028-06-01"])
def test_a_day_that_is_over_or_too_far_off_is_refused(on: str) -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")

    with pytest.raises(DatedChangeInvalid, match="not to come"):
        ask(subscription, on, quantity=2)


def test_a_day_has_one_change_in_the_database_too() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    first = ask(subscription, "2026-01-18", quantity=2)

    with pytest.raises(DatedChangeInvalid, match="something else is scheduled"):
        ask(subscription, "2026-01-18", resume_on=date(2026, 1, 20))
    first.pk = None
    with pytest.raises(IntegrityError, match="dated_change_one_a_day"), transaction.atomic():
        first.save(force_insert=True)


def test_the_database_makes_the_change_of_a_day_once() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    ask(subscription, "2026-01-18", quantity=2)
    live_to("2026-01-18")

    done = PlanChange.objects.get()
    done.pk = None
    with pytest.raises(IntegrityError, match="plan_change_of_a_day_once"), transaction.atomic():
        done.save(force_insert=True)


def test_what_a_worker_that_died_has_done_is_not_done_again() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    asked = ask(subscription, "2026-01-18", quantity=2)
    live_to("2026-01-18")
    DatedChange.objects.update(state="scheduled", done_at=None, try_at=asked.due_at)

    make_dated_changes(at=at("2026-01-18T00:30"))

    assert became(asked) == ("applied", "")
    assert PlanChange.objects.count() == 1


def test_a_scheduled_end_is_withdrawn_first() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    end: dict[str, Any] = {"when": CancelWhen.ON_DAY, "on": date(2026, 2, 10)}
    cancel_subscription(subscription=subscription, actor=TEST_ACTOR, at=NOW, **end)

    with pytest.raises(PlanChangeNotNow, match="withdraw the cancellation"):
        ask(Subscription.objects.get(), "2026-02-15", quantity=2)


def test_an_end_scheduled_later_refuses_it_on_its_day_and_says_so() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    asked = ask(subscription, "2026-01-18", quantity=2)
    cancel_subscription(
        subscription=subscription, actor=TEST_ACTOR, at=NOW, when=CancelWhen.PERIOD_END
    )

    live_to("2026-02-02")

    assert became(asked) == (
        "refused",
        "its end is scheduled; withdraw the cancellation first",
    )
    subscription.refresh_from_db()
    assert subscription.state == "canceled"


def test_one_that_has_ended_by_then_is_left() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    asked = ask(subscription, "2026-01-18", quantity=2)
    cancel_subscription(subscription=subscription, actor=TEST_ACTOR, at=NOW)

    live_to("2026-01-18")

    assert became(asked) == ("withdrawn", "the subscription has ended")


def test_a_day_in_a_pause_is_refused_whichever_comes_first() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    ask(subscription, "2026-01-12", resume_on=date(2026, 1, 20))
    with pytest.raises(DatedChangeInvalid, match="paused from 2026-01-12"):
        ask(subscription, "2026-01-18", quantity=2)
    ask(subscription, "2026-02-05", quantity=2)

    with pytest.raises(DatedChangeInvalid, match="in the pause"):
        ask(subscription, "2026-02-01")


def test_what_is_paused_changes_on_a_day_after_it_goes_on() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    pause(subscription=subscription, actor=TEST_ACTOR, at=NOW, resume_on=date(2026, 1, 20))
    subscription.refresh_from_db()

    with pytest.raises(PlanChangeNotNow, match="paused on that day"):
        ask(subscription, "2026-01-20", quantity=2)
    asked = ask(subscription, "2026-01-22", quantity=2)
    live_to("2026-01-22")

    assert became(asked) == ("applied", "")


def test_a_change_at_the_period_end_is_not_overtaken() -> None:
    subscription = begin(fee_of("62.00"), "2026-01-01")
    change_plan(
        subscription=subscription,
        plan_version=fee_of("31.00"),
        quantity=1,
        actor=TEST_ACTOR,
        at=NOW,
    )

    with pytest.raises(DatedChangeInvalid, match="end of the period"):
        ask(subscription, "2026-01-18", quantity=2)
    assert ask(subscription, "2026-02-10", quantity=2).state == "scheduled"


def test_a_change_for_the_period_end_does_not_lose_its_place_to_one_of_a_day_before() -> None:
    subscription = begin(fee_of("62.00"), "2026-01-01")
    ask(subscription, "2026-01-18", quantity=2)

    with pytest.raises(PlanChangeNotNow, match="scheduled for 2026-01-18"):
        change_plan(
            subscription=subscription,
            plan_version=fee_of("31.00"),
            quantity=1,
            actor=TEST_ACTOR,
            at=NOW,
        )


def test_two_days_are_made_in_their_order_however_late() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    for on, quantity in (("2026-01-18", 3), ("2026-01-10", 2), ("2026-01-25", 1)):
        ask(subscription, on, quantity=quantity)

    while make_dated_changes(at=at("2026-01-31")):
        pass

    made = PlanChange.objects.order_by("pk").values_list("quantity", "effective_at")
    assert list(made) == [
        (2, at("2026-01-10")),
        (3, at("2026-01-18")),
        (1, at("2026-01-25")),
    ]


def test_what_it_is_on_by_then_is_no_change() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    ask(subscription, "2026-01-18", quantity=2)

    with pytest.raises(PlanChangeInvalid, match="by then"):
        ask(subscription, "2026-01-20", quantity=2)
    with pytest.raises(PlanChangeInvalid, match="too few"):
        ask(subscription, "2026-01-20", quantity=0)


def test_a_meter_that_another_subscription_is_to_bill_by_then_is_refused() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    other = begin(fee_of("10.00"), "2026-01-01", customer=subscription.customer)
    calls = per_call("0.10")
    metered = fee_of("62.00", "own", calls)
    ask(other, "2026-02-10", plan_version=metered, quantity=1)

    with pytest.raises(PlanChangeInvalid, match="will bill"):
        ask(subscription, "2026-01-18", plan_version=metered, quantity=1)


def test_prices_in_another_currency_are_refused_at_once() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")

    with pytest.raises(PlanVersionNotOnSale):
        ask(subscription, "2026-01-18", plan_version=fee_of("9.00", currency="EUR"), quantity=1)


def test_what_was_seen_must_still_be_so() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    seen = show(subscription, "2026-01-18", quantity=2)
    ask(subscription, "2026-01-20", quantity=3)

    with pytest.raises(SubscriptionChanged):
        schedule_dated_change(
            subscription=subscription,
            wanted=Wanted(on=date(2026, 1, 18), quantity=2),
            actor=TEST_ACTOR,
            at=NOW,
            expected=seen.token,
        )


def seats(timing: str) -> PriceSpec:
    """A fee for each of the quantity."""
    return recurring("7.00", code="seats", name="Seats", charge_model="per_unit", timing=timing)


def history(subscription: Subscription) -> list[tuple[str, ...]]:
    notes = CreditNote.objects.filter(invoice__subscription=subscription).order_by("pk")
    return [*billed(subscription), *[(str(n.total),) for n in notes]]


@histories(12, thorough=30)
@given(
    policy=st.sampled_from(["own", "lago", "killbill", "stripe"]),
    days=st.integers(5, 100).filter(lambda n: (date(2026, 1, 1) + timedelta(days=n)).day != 1),
    what=st.sampled_from(["up", "down", "quantity", "pause"]),
    timing=st.sampled_from(["advance", "arrears"]),
)
@undone()
def test_asked_for_a_day_it_bills_what_it_does_asked_for_at_that_instant(
    policy: str, days: int, what: str, timing: str
) -> None:
    instant = at("2026-01-01") + timedelta(days=days)
    end = at("2026-06-10")
    calls = per_call("0.10", included="100")
    first = fee_of("31.00", policy, seats(timing), calls, timing=timing)
    asked, done = begin(first, "2026-01-01"), begin(first, "2026-01-01")
    version: PlanVersion | None = None
    if what in {"up", "down"}:
        fee = "62.00" if what == "up" else "10.00"
        version = fee_of(fee, policy, seats(timing), calls, timing=timing)
    terms: dict[str, Any] = {"plan_version": version, "quantity": 1 if version else 3}
    resume = instant.date() + timedelta(days=9)
    wanted: dict[str, Any] = {"resume_on": resume} if what == "pause" else terms
    ask(asked, f"{instant:%Y-%m-%d}", **wanted)

    for used in (instant - timedelta(hours=5), instant + timedelta(hours=5)):
        for subscription in (asked, done):
            use(subscription.customer, 300, used, received_at=used)
    live_to(instant)
    if what == "pause":
        pause(subscription=done, actor=TEST_ACTOR, at=instant, resume_on=resume)
    else:
        change_plan(
            subscription=done,
            plan_version=version or done.plan_version,
            quantity=terms["quantity"],
            actor=TEST_ACTOR,
            at=instant,
            override=AT_ONCE,
        )
    live_to(end)

    assert history(asked) == history(done)


def test_credit_that_a_bill_before_that_day_uses_is_not_shown_twice() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    mark = Invoice.objects.get()
    grant_credit(
        customer=subscription.customer,
        amount=mark.total + Money("20.00", "USD"),
        reason="sorry",
        actor=TEST_ACTOR,
        idempotency_key="k",
        at=NOW,
    )
    large = fee_of("62.00")

    seen = preview_dated_change(
        subscription=subscription,
        wanted=Wanted(on=date(2026, 2, 8), plan_version=large, quantity=1),
        actor=TEST_ACTOR,
        at=NOW,
    ).effect
    ask(subscription, "2026-02-08", plan_version=large, quantity=1)
    live_to("2026-02-08")

    assert seen.draft is not None
    changed = Invoice.objects.latest("created_at")
    assert (changed.kind, changed.amount_due) == ("change", seen.draft.due)

"""A subscription for a day to come starts on that day as one that is asked for then does."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest
from django.db import IntegrityError, transaction

from billing.errors import CouponInvalid
from billing.models import Invoice, PlannedStart
from billing.services.changes import planned_work
from billing.services.changes.cancelling import CancelWhen, cancel_subscription
from billing.services.changes.customer_clocks import advance_clock
from billing.services.changes.planned_starts import StartWanted, plan_start, withdraw_start
from billing.services.changes.planned_work import start_planned
from billing.services.changes.subscribing import start_subscription
from billing.services.credit.coupons import CouponDetails, create_coupon
from billing.services.invoices.renewal import run_billing
from billing.tasks import make_changes_of_days
from subscriptions.errors import PlanVersionNotOnSale, SubscriptionInvalid
from subscriptions.models import Customer, PlanVersion, Subscription
from subscriptions.services.customer_clocks import create_clock
from subscriptions.services.customers import create_customer
from tests.billing.services.changes.test_customer_clocks import details
from tests.billing.services.changes.test_lifecycle_race import at_once
from tests.factories.lifecycle import at, begin, fee_of, lines_of
from tests.factories.subscriptions import (
    TEST_ACTOR,
    make_customer,
    make_plan,
    per_call,
    published_version,
    recurring,
)
from tiktoktoe.kernel import clock as kernel_clock

pytestmark = pytest.mark.django_db
NOW = at("2026-01-05T09:00")
FEB_10 = date(2026, 2, 10)


def ask(
    customer: Customer, version: PlanVersion, *, reference: str = "", **terms: Any
) -> PlannedStart:
    wanted = StartWanted(plan_version=version, on=terms.pop("on", FEB_10), **terms)
    return plan_start(
        customer=customer, wanted=wanted, actor=TEST_ACTOR, reference=reference, at=NOW
    )


def became(start: PlannedStart) -> tuple[str, str]:
    start.refresh_from_db()
    return start.state, start.why


def facts(subscription: Subscription) -> tuple[object, ...]:
    invoice = Invoice.objects.filter(subscription=subscription).first()
    dates = (invoice.finalized_at, invoice.due_at, invoice.total) if invoice else ()
    return (
        subscription.state,
        subscription.quantity,
        subscription.started_at,
        subscription.current_period,
        subscription.trial_ends_at,
        lines_of(invoice),
        *dates,
    )


@pytest.mark.parametrize("trial_days", [None, 14])
def test_on_its_day_it_is_what_one_of_that_day_is(trial_days: int | None) -> None:
    version = fee_of("31.00")
    customer = make_customer(time_zone="America/New_York")
    midnight = at("2026-02-10T00:00-05:00")
    start = ask(customer, version, quantity=2, trial_days=trial_days)

    assert start_planned(at=at("2026-02-10T04:59")) == 0
    assert not Subscription.objects.exists()
    assert start_planned(at=at("2026-02-10T07:30")) == 1

    begun = Subscription.objects.get()
    assert became(start) == ("started", "")
    assert (start.subscription, begun.reference) == (begun, start.reference)
    then = start_subscription(
        customer=make_customer(time_zone="America/New_York"),
        plan_version=version,
        quantity=2,
        trial_days=trial_days,
        at=midnight,
        actor=TEST_ACTOR,
    ).subscription
    assert facts(begun) == facts(then)
    assert begun.started_at == midnight
    assert begun.transitions.earliest("pk").source == "planned_start"


def test_taken_back_it_does_not_start() -> None:
    start = ask(make_customer(), fee_of("31.00"))

    withdraw_start(start=start, actor=TEST_ACTOR, at=NOW)

    assert start_planned(at=at("2026-02-11")) == 0
    assert became(start)[0] == "withdrawn"
    assert not Subscription.objects.exists()


def test_what_has_started_is_not_taken_back() -> None:
    start = ask(make_customer(), fee_of("31.00"))
    start_planned(at=at("2026-02-10"))

    assert withdraw_start(start=start, actor=TEST_ACTOR, at=at("2026-02-10")).state == "started"


def test_what_is_not_possible_by_then_is_refused_with_why_and_keeps_none_from_it() -> None:
    sold = fee_of("20.00")
    start, other = ask(make_customer(country="DE"), sold), ask(make_customer(), sold)

    start_planned(at=at("2026-02-10"))

    state, why = became(start)
    assert state == "refused"
    assert "DE" in why
    assert became(other) == ("started", "")
    assert Subscription.objects.get().customer == other.customer
    assert Invoice.objects.count() == 1


def test_a_meter_that_another_subscription_bills_then_refuses_it() -> None:
    version = published_version(per_call("0.10"), at=at("2025-12-01"))
    customer = make_customer()
    start = ask(customer, version)
    begin(version, "2026-02-01", customer=customer)

    start_planned(at=at("2026-02-10"))

    state, why = became(start)
    assert state == "refused"
    assert "another live subscription" in why


def test_in_place_of_one_that_ends_with_that_day_it_waits_for_the_end() -> None:
    version = published_version(recurring("31"), per_call("0.10"), at=at("2025-12-01"))
    customer = make_customer()
    old = begin(version, "2026-01-01", customer=customer)
    cancel_subscription(subscription=old, when=CancelWhen.PERIOD_END, actor=TEST_ACTOR, at=NOW)
    start = ask(customer, version, on=date(2026, 2, 1))

    assert start_planned(at=at("2026-02-01T00:10")) == 0
    run_billing(at=at("2026-02-01T00:11"))
    assert start_planned(at=at("2026-02-01T00:12")) == 1

    assert became(start) == ("started", "")
    assert Subscription.objects.live().get().started_at == at("2026-02-01")


def test_a_second_click_plans_one() -> None:
    customer, version = make_customer(), fee_of("31.00")

    first = ask(customer, version, reference="sub_0123456789ab")
    again = ask(customer, version, reference="sub_0123456789ab")

    assert first == again == PlannedStart.objects.get()
    with pytest.raises(SubscriptionInvalid, match="already"):
        ask(make_customer(), version, reference="sub_0123456789ab")


@pytest.mark.parametrize(
    "terms",
    [{"on": date(2026, 1, 5)}, {"quantity": 0}, {"trial_days": -1}],
)
def test_what_makes_no_sense_is_refused_at_once(terms: dict[str, Any]) -> None:
    with pytest.raises(SubscriptionInvalid):
        ask(make_customer(), fee_of("31.00"), **terms)

    assert not PlannedStart.objects.exists()


def test_a_coupon_that_is_not_there_or_not_until_that_day_is_refused_at_once() -> None:
    details = CouponDetails(
        code="JAN", name="January", percentage=Decimal(50), expires_at=at("2026-02-01")
    )
    create_coupon(details=details, at=at("2026-01-01"))
    for code in ("NOPE", "JAN"):
        with pytest.raises(CouponInvalid):
            ask(make_customer(), fee_of("31.00"), coupon_code=code)

    assert ask(make_customer(), fee_of("31.00"), coupon_code="jan", on=date(2026, 1, 20)).pk


def test_an_add_on_and_prices_that_come_later_are_refused_at_once() -> None:
    with pytest.raises(PlanVersionNotOnSale):
        ask(make_customer(), published_version(recurring(), plan=make_plan(is_add_on=True)))
    later = published_version(recurring(), at=at("2026-03-01"))
    with pytest.raises(PlanVersionNotOnSale):
        ask(make_customer(), later)


def test_what_fails_is_tried_again_and_refused_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(**_terms: object) -> None:
        raise RuntimeError("the disk is full")

    start = ask(make_customer(), fee_of("31.00"))
    monkeypatch.setattr("billing.services.changes.planned_work.start_subscription", broken)
    start_planned(at=at("2026-02-10"))
    assert became(start) == ("waiting", "RuntimeError: the disk is full")

    for hour in range(1, 9):
        start_planned(at=datetime(2026, 2, 10, hour, tzinfo=NOW.tzinfo))

    assert became(start) == ("refused", "RuntimeError: the disk is full")


def test_the_task_starts_it() -> None:
    start = ask(make_customer(), fee_of("31.00"))

    with kernel_clock.moved_to(at("2026-02-10T01:00")):
        assert make_changes_of_days() == 1

    assert became(start)[0] == "started"


def test_it_starts_by_the_customers_test_clock_and_by_no_other_time() -> None:
    mine = create_clock(code="mine", starts_at=NOW, at=NOW)
    start = ask(create_customer(details=details("here"), clock=mine, at=NOW), fee_of("31.00"))
    assert start_planned(at=at("2026-03-01")) == 0

    advance_clock(clock=mine, to=at("2026-03-12"))

    assert became(start) == ("started", "")
    days = Invoice.objects.order_by("finalized_at").values_list("finalized_at", flat=True)
    assert list(days) == [at("2026-02-10"), at("2026-03-10")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": 0},
        {"state": "started", "done_at": NOW},
        {"state": "refused", "done_at": NOW},
        {"state": "withdrawn"},
        {"done_at": NOW},
        {"requested_at": at("2026-03-01")},
    ],
)
def test_the_database_refuses_a_row_that_contradicts_itself(wrong: dict[str, Any]) -> None:
    start = ask(make_customer(), fee_of("31.00"))

    with pytest.raises(IntegrityError), transaction.atomic():
        PlannedStart.objects.filter(pk=start.pk).update(**wrong)


@pytest.mark.django_db(transaction=True)
def test_three_workers_start_it_once() -> None:
    start = ask(make_customer(), fee_of("31.00"))

    def work() -> object:
        return start_planned(at=at("2026-02-10"))

    assert at_once(work, work, work) == ["done"] * 3
    assert became(start)[0] == "started"
    assert (Subscription.objects.count(), Invoice.objects.count()) == (1, 1)


def of_one_day() -> tuple[PlannedStart, PlannedStart]:
    """Two that bill the same meter: whichever starts first keeps the other from it."""
    version = published_version(per_call("0.10"), at=at("2025-12-01"))
    customer = make_customer()
    return ask(customer, version), ask(customer, version)


def test_of_two_of_one_day_the_second_waits_for_one_that_is_put_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = of_one_day()
    with monkeypatch.context() as patched:
        patched.setattr(planned_work, "start_subscription", Mock(side_effect=RuntimeError("full")))
        assert start_planned(at=at("2026-02-10")) == 1
    assert (became(first)[0], became(second)[0]) == ("waiting", "waiting")

    assert start_planned(at=at("2026-02-10T01:00")) == 2

    assert (became(first)[0], became(second)[0]) == ("started", "refused")


def test_one_pass_starts_all_of_a_customer() -> None:
    customer, version = make_customer(), fee_of("31.00")
    starts = [ask(customer, version, on=date(2026, 2, day)) for day in (10, 9, 10)]

    assert start_planned(at=at("2026-02-10")) == 3

    begun = Subscription.objects.order_by("pk").values_list("reference", flat=True)
    assert list(begun) == [starts[n].reference for n in (1, 0, 2)]


@pytest.mark.django_db(transaction=True)
def test_of_two_of_one_day_the_second_waits_for_a_worker_that_starts_the_first() -> None:
    first, second = of_one_day()
    with transaction.atomic():
        PlannedStart.objects.select_for_update().get(pk=first.pk)
        assert at_once(lambda: start_planned(at=at("2026-02-10"))) == ["done"]
    assert (became(first)[0], became(second)[0]) == ("waiting", "waiting")

    start_planned(at=at("2026-02-10"))

    assert (became(first)[0], became(second)[0]) == ("started", "refused")


@pytest.mark.django_db(transaction=True)
def test_of_two_clicks_at_once_one_is_planned() -> None:
    customer, version = make_customer(), fee_of("31.00")

    def click() -> object:
        return ask(customer, version, reference="sub_0123456789ab")

    assert at_once(click, click) == ["done", "done"]
    assert PlannedStart.objects.count() == 1

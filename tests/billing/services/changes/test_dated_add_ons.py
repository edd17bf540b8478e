"""An add-on that is asked for a day comes, changes or goes on it as one asked for then does."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from billing.errors import DatedChangeInvalid, PlanChangeInvalid
from billing.models import CreditNote, DatedChange, Invoice
from billing.services.changes.add_ons import AddOnPreview, change_add_on
from billing.services.changes.dated_changes import schedule_dated_change, withdraw_dated_change
from billing.services.changes.dated_previews import preview_dated_change
from billing.services.changes.dated_work import make_dated_changes
from billing.services.changes.plan_changes import change_plan
from billing.services.changes.wanted import Wanted
from billing.services.invoices.renewal import run_billing
from subscriptions.errors import AddOnInvalid
from subscriptions.models import PlanVersion, Subscription
from tests.factories.lifecycle import at, begin, due_since, fee_of
from tests.factories.subscriptions import (
    TEST_ACTOR,
    make_plan,
    per_call,
    published_version,
    recurring,
)

pytestmark = pytest.mark.django_db
NOW = at("2026-01-05T09:00")


def add_on(*prices: Any) -> PlanVersion:
    return published_version(*prices, plan=make_plan(is_add_on=True))


def wanted(on: str, version: PlanVersion, quantity: int) -> Wanted:
    on_day = date.fromisoformat(on)
    return Wanted(on=on_day, plan_version=version, quantity=quantity, is_add_on=True)


def ask(
    subscription: Subscription, on: str, version: PlanVersion, quantity: int = 1
) -> DatedChange:
    return schedule_dated_change(
        subscription=subscription,
        wanted=wanted(on, version, quantity),
        actor=TEST_ACTOR,
        at=NOW,
    )


def put(subscription: Subscription, version: PlanVersion, quantity: int = 1) -> None:
    change_add_on(
        subscription=subscription,
        plan_version=version,
        quantity=quantity,
        actor=TEST_ACTOR,
        at=NOW,
    )


def live_to(until: datetime) -> None:
    """Let the scheduler come by whenever something is due."""
    while (instant := due_since(until)) is not None:
        make_dated_changes(at=instant)
        run_billing(at=instant)


def lines() -> list[Decimal]:
    invoice = Invoice.objects.order_by("created_at").last()
    assert invoice is not None
    return [line.amount.amount for line in invoice.lines.order_by("position")]


def became(change: DatedChange) -> tuple[str, str]:
    change.refresh_from_db()
    return change.state, change.why


def test_on_its_day_the_rest_of_the_period_is_charged() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    change = ask(subscription, "2026-01-22", add_on(recurring("31.00")), 1)

    live_to(at("2026-01-22"))

    assert (became(change), lines()) == (("applied", ""), [Decimal("10.0000")])
    assert subscription.add_ons.get().starts_at == at("2026-01-22")


def test_with_the_day_that_a_period_begins_it_is_renewed_with_it() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    ask(subscription, "2026-02-01", add_on(recurring("28.00")), 1)

    live_to(at("2026-02-01"))

    assert Invoice.objects.count() == 2
    assert lines() == [Decimal("31.0000"), Decimal("28.0000")]


def test_it_goes_on_its_day_and_its_rest_is_given_back() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    version = add_on(recurring("28.00"))
    put(subscription, version)
    ask(subscription, "2026-02-15", version, 0)

    live_to(at("2026-02-15"))

    assert CreditNote.objects.get().total.amount == Decimal("14.0000")
    assert not subscription.add_ons.at(at("2026-02-15")).exists()


def test_the_preview_of_a_day_in_a_later_period_is_what_then_happens() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    version = add_on(recurring("28.00"))

    seen = preview_dated_change(
        subscription=subscription,
        wanted=wanted("2026-02-22", version, 2),
        actor=TEST_ACTOR,
        at=NOW,
    )
    assert Invoice.objects.count() == 1
    ask(subscription, "2026-02-22", version, 2)
    live_to(at("2026-02-22"))

    assert isinstance(seen.effect, AddOnPreview)
    assert seen.effect.draft is not None
    assert [line.amount.amount for line in seen.effect.draft.lines] == lines()


def test_taken_back_it_does_not_come() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    change = ask(subscription, "2026-01-22", add_on(recurring("31.00")), 1)

    withdraw_dated_change(change=change, actor=TEST_ACTOR, at=NOW)
    live_to(at("2026-01-23"))

    assert became(change)[0] == "withdrawn"
    assert not subscription.add_ons.exists()
    events = subscription.transitions.order_by("pk").values_list("event", flat=True)
    assert list(events)[-2:] == ["add_on_scheduled", "add_on_withdrawn"]


def test_what_would_change_nothing_by_then_is_refused() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    version = add_on(recurring("31.00"))
    with pytest.raises(AddOnInvalid, match="not there by then"):
        ask(subscription, "2026-01-22", version, 0)
    ask(subscription, "2026-01-10", version, 2)

    with pytest.raises(AddOnInvalid, match="as many by then"):
        ask(subscription, "2026-01-22", version, 2)

    assert ask(subscription, "2026-01-23", version, 0).kind == "add_on"


def test_a_day_has_but_one_of_all_kinds() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    schedule_dated_change(
        subscription=subscription,
        wanted=Wanted(on=date(2026, 1, 22), quantity=3),
        actor=TEST_ACTOR,
        at=NOW,
    )

    with pytest.raises(DatedChangeInvalid, match="something else"):
        ask(subscription, "2026-01-22", add_on(recurring("31.00")))


def test_a_meter_that_it_is_to_bill_is_not_billed_by_a_plan_meanwhile() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    ask(subscription, "2026-01-22", add_on(per_call("1.00")))

    with pytest.raises(PlanChangeInvalid, match="will bill"):
        change_plan(
            subscription=subscription,
            plan_version=published_version(recurring("62.00"), per_call("2.00"), plan=make_plan()),
            quantity=1,
            actor=TEST_ACTOR,
            at=NOW,
        )


def test_what_is_put_on_before_its_day_is_changed_then() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    version = add_on(recurring("31.00", charge_model="per_unit"), per_call("1.00"))
    ask(subscription, "2026-01-22", version, 2)

    put(subscription, version)
    live_to(at("2026-01-22"))

    assert lines() == [Decimal("-10.0000"), Decimal("20.0000")]


def test_a_plan_in_other_intervals_by_then_refuses_it() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    yearly = published_version(recurring("300.00"), plan=make_plan(interval="year"))
    schedule_dated_change(
        subscription=subscription,
        wanted=Wanted(on=date(2026, 1, 15), plan_version=yearly, quantity=1),
        actor=TEST_ACTOR,
        at=NOW,
    )

    with pytest.raises(AddOnInvalid, match="other intervals"):
        ask(subscription, "2026-01-22", add_on(recurring("31.00")))


def test_the_database_has_none_without_its_prices() -> None:
    subscription = begin(fee_of("31.00"), "2026-01-01")
    change = ask(subscription, "2026-01-22", add_on(recurring("31.00")))

    with pytest.raises(IntegrityError), transaction.atomic():
        DatedChange.objects.filter(pk=change.pk).update(plan_version=None)

"""Lago's and Kill Bill's numbers, billed by the services under the presets of those names.

The scenarios are those of the shared golden file; each test names its own.
"""

import pytest

from billing.models import Invoice
from billing.services.changes.cancelling import cancel_subscription
from billing.services.changes.pausing import pause, resume
from billing.services.changes.plan_changes import change_plan
from billing.services.credit.credit_notes import issue_credit_note
from billing.services.invoices.renewal import run_billing
from subscriptions.domain.proration_policy import Timing
from subscriptions.models import PlanVersion, Subscription
from subscriptions.services.policies import ChangeOverride
from tests.factories.lifecycle import (
    at,
    begin,
    billed,
    fee_of,
    lines_of,
    noted,
    taxed_customer,
)
from tests.factories.subscriptions import TEST_ACTOR
from tests.golden import scenario
from tiktoktoe.kernel.periods import Alignment

pytestmark = pytest.mark.django_db


def upgrade(subscription: Subscription, version: PlanVersion, when: str) -> Invoice | None:
    return change_plan(
        subscription=subscription,
        plan_version=version,
        quantity=1,
        actor=TEST_ACTOR,
        at=at(when),
    ).invoice


def end(subscription: Subscription, when: str) -> Invoice | None:
    return cancel_subscription(subscription=subscription, actor=TEST_ACTOR, at=at(when)).invoice


def bill(*days: str) -> None:
    for day in days:
        run_billing(at=at(day))


@pytest.mark.parametrize("key", ["LAGO-DATE-01", "LAGO-DATE-05"])
def test_lago_anniversaries_clamp_and_spring_back(key: str) -> None:
    golden = scenario(key)
    terms = golden["subscription"]
    unit = {"monthly": "month", "quarterly": "quarter"}[terms["interval"]]
    subscription = begin(fee_of("10.00", "lago", timing="arrears", interval=unit), terms["start"])
    expected = golden["expected"]["invoice_dates"]

    bill(*expected)

    dates = Invoice.objects.filter(subscription=subscription).order_by("period_start")
    assert [f"{invoice.period_start:%Y-%m-%d}" for invoice in dates] == expected


def test_kb_date_07_a_billing_day_of_the_31st() -> None:
    expected = scenario("KB-DATE-07")["expected"]["invoice_dates"]
    subscription = begin(fee_of("10.00", "killbill"), "2017-01-31", anchor_day=31)

    bill(*expected[1:])

    assert [start for start, _, _ in billed(subscription)] == expected


def test_kb_prorate_09_a_trial_ends_inside_a_cycle() -> None:
    items = scenario("KB-PRORATE-09")["expected"]["items"]
    subscription = begin(fee_of("599.95", "killbill"), "2012-02-01", trial_days=30, anchor_day=31)
    smaller = fee_of("29.95", "killbill")
    bill("2012-03-02")

    change_plan(
        subscription=subscription,
        plan_version=smaller,
        quantity=1,
        actor=TEST_ACTOR,
        at=at("2012-03-10"),
        override=ChangeOverride(timing=Timing.PERIOD_END),
    )

    bill("2012-03-31", "2012-04-30", "2012-05-31", "2012-06-30")

    assert billed(subscription, "recurring") == [
        (*item["period"], f"{item['amount_cents'] / 100:.2f}") for item in items
    ]


def test_kb_prorate_11_half_a_cent_goes_up() -> None:
    golden = scenario("KB-PRORATE-11")
    subscription = begin(fee_of("249.95", "killbill"), "2016-07-01", anchor_day=10)

    bill("2016-07-10")

    assert billed(subscription) == [
        (*item["period"], f"{item['amount_cents'] / 100:.2f}")
        for item in golden["expected"]["items"]
    ]


def test_lago_upg_15_two_upgrades_on_one_day() -> None:
    start, first, second = scenario("LAGO-UPG-15")["timeline"]
    terms = {"currency": "EUR"}
    subscription = begin(
        fee_of("10.00", "lago", **terms),
        start["date"],
        customer=taxed_customer("25"),
        alignment=Alignment.CALENDAR,
    )

    one = upgrade(subscription, fee_of("15.00", "lago", **terms), first["date"])
    two = upgrade(subscription, fee_of("19.00", "lago", **terms), second["date"])

    assert [amount for _, _, amount in billed(subscription)] == ["8.71", "9.68", "12.26"]
    assert lines_of(one) == [("proration_charge", "9.68")]
    assert lines_of(two) == [("proration_charge", "12.26")]
    assert noted(subscription) == ["8.06", "12.10"]


def test_lago_upg_17_from_monthly_to_yearly_keeps_the_anniversary() -> None:
    start, change = scenario("LAGO-UPG-17")["timeline"]
    subscription = begin(fee_of("10.00", "lago"), start["date"])
    bill("2023-07-29", "2023-08-29")

    done = upgrade(subscription, fee_of("120.00", "lago", interval="year"), change["date"])

    assert lines_of(done) == [("proration_charge", "90.16")]
    assert noted(subscription) == ["0.32"]
    subscription.refresh_from_db()
    assert f"{subscription.current_period_end:%Y-%m-%d}" == "2024-06-29"


def test_lago_upg_19_in_arrears_the_old_plan_is_billed_with_the_change() -> None:
    golden = scenario("LAGO-UPG-19")
    subscription = begin(
        fee_of("29.00", "lago", timing="arrears"), "2024-01-01", alignment=Alignment.CALENDAR
    )
    bill("2024-02-01")

    done = upgrade(
        subscription, fee_of("290.00", "lago", timing="arrears"), golden["timeline"][1]["date"]
    )
    bill("2024-03-01")

    assert lines_of(done) == [("recurring", "11.00")]
    assert billed(subscription)[1:] == [
        ("2024-02-01", "2024-02-12", "11.00"),
        ("2024-02-12", "2024-03-01", "180.00"),
    ]


@pytest.mark.parametrize("case", [0, 1])
def test_lago_upg_21_the_denominator_is_the_whole_quarter(case: int) -> None:
    golden = scenario("LAGO-UPG-21")["cases"][case]
    start, *changes, stop = golden["timeline"]
    terms = {"timing": "arrears", "interval": "quarter"}
    subscription = begin(
        fee_of(f"{start['price_cents'] / 100:.2f}", "lago", **terms),
        start["date"],
        alignment=Alignment(golden["billing_time"]),
    )
    if changes:
        bill("2024-04-15")
        upgrade(subscription, fee_of("910.00", "lago", **terms), changes[0]["date"])

    last = end(subscription, stop["date"])

    assert lines_of(last) == [("recurring", "320.00")]


def test_kb_chg_23_from_monthly_to_quarterly() -> None:
    scenario("KB-CHG-23")
    subscription = begin(fee_of("29.95", "killbill"), "2012-05-01")

    done = upgrade(subscription, fee_of("69.95", "killbill", interval="quarter"), "2012-05-12")
    bill("2012-08-01")

    assert lines_of(done) == [("proration_credit", "-19.32"), ("proration_charge", "61.59")]
    assert billed(subscription)[-2:] == [
        ("2012-05-12", "2012-08-01", "61.59"),
        ("2012-08-01", "2012-11-01", "69.95"),
    ]


def test_kb_chg_25_two_downgrades_in_two_days() -> None:
    scenario("KB-CHG-25")
    subscription = begin(fee_of("599.95", "killbill"), "2012-05-01")

    first = upgrade(subscription, fee_of("9.95", "killbill"), "2012-05-07")
    second = upgrade(subscription, fee_of("29.95", "killbill"), "2012-05-08")

    assert lines_of(first) == [("proration_charge", "8.02")]
    assert noted(subscription) == ["483.83"]
    assert lines_of(second) == [("proration_credit", "-7.70"), ("proration_charge", "23.19")]


def test_kb_chg_27_from_free_to_paid() -> None:
    scenario("KB-CHG-27")
    subscription = begin(fee_of("0.00", "killbill"), "2017-01-01")
    bill("2017-02-01")

    done = upgrade(subscription, fee_of("29.95", "killbill"), "2017-02-15")
    bill("2017-03-01")

    assert lines_of(done) == [("proration_charge", "14.98")]
    assert billed(subscription)[-1] == ("2017-03-01", "2017-04-01", "29.95")


def test_kb_adj_29_a_manual_credit_lowers_what_a_change_gives_back() -> None:
    scenario("KB-ADJ-29")
    subscription = begin(fee_of("249.95", "killbill"), "2012-05-01")
    first = Invoice.objects.get(subscription=subscription)
    line = first.lines.get()
    issue_credit_note(
        invoice=first,
        reason="Goodwill",
        idempotency_key="goodwill",
        line_amounts={line.pk: 10},  # type: ignore[dict-item]
        at=at("2012-05-02"),
    )

    done = upgrade(subscription, fee_of("9.95", "killbill"), "2012-05-02T12:00")

    assert lines_of(done) == [("proration_charge", "9.63")]
    assert noted(subscription) == ["10.00", "239.95"]


def test_kb_pause_31_only_active_days_are_billed() -> None:
    scenario("KB-PAUSE-31")
    subscription = begin(fee_of("100.00", "killbill", timing="arrears"), "2020-01-01")

    paused = pause(subscription=subscription, actor=TEST_ACTOR, at=at("2020-01-15T10:00"))
    resumed = resume(subscription=subscription, actor=TEST_ACTOR, at=at("2020-01-20T10:00"))
    bill("2020-02-01")

    assert lines_of(paused.invoice) == [("recurring", "45.16")]
    assert resumed.invoice is None
    assert billed(subscription) == [
        ("2020-01-01", "2020-01-15", "45.16"),
        ("2020-01-20", "2020-02-01", "38.71"),
    ]


@pytest.mark.parametrize("case", [0, 1])
def test_lago_term_33_the_last_day_is_billed(case: int) -> None:
    golden = scenario("LAGO-TERM-33")["cases"][case]
    subscription = begin(
        fee_of(f"{golden['price_cents'] / 100:.2f}", "lago", timing="arrears", currency="EUR"),
        str(golden["start"]),
        customer=taxed_customer("20"),
        alignment=Alignment.CALENDAR,
    )

    last = end(subscription, str(golden["terminate"]))

    assert last is not None
    assert last.total.amount * 100 == golden["expected"]["total_cents"]


def test_lago_trial_41_a_trial_is_used_once() -> None:
    golden = scenario("LAGO-TRIAL-41")
    version = fee_of("35.00", "lago", trial_days=golden["trial_days"])
    first = begin(version, "2024-03-04T21:00", alignment=Alignment.CALENDAR)
    assert billed(first) == []
    bill("2024-03-11T22:00")

    end(first, "2024-03-11T23:00")
    second = begin(
        version, "2024-03-11T23:05", alignment=Alignment.CALENDAR, customer=first.customer
    )

    assert billed(first, "recurring") == [("2024-03-11", "2024-04-01", "23.71")]
    assert noted(first) == ["23.71"]
    assert billed(second) == [("2024-03-11", "2024-04-01", "23.71")]

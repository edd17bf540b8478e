"""The presets reproduce Lago's and Kill Bill's numbers, read from the shared scenarios."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest

from subscriptions.domain.proration import (
    Billed,
    Proration,
    cancel_boundary,
    change_boundary,
    charge_part,
    credit_unused,
    prorate,
)
from subscriptions.domain.proration_policy import KILLBILL, LAGO
from tests.golden import cents, in_cents, scenario
from tiktoktoe.kernel.money import Money, quantize_amount, zero
from tiktoktoe.kernel.periods import Alignment, BillingPeriods, Interval, IntervalUnit, Period
from tiktoktoe.kernel.periods import billing_periods as row_of
from tiktoktoe.kernel.rates import percent

UNITS = {
    "weekly": IntervalUnit.WEEK,
    "monthly": IntervalUnit.MONTH,
    "quarterly": IntervalUnit.QUARTER,
    "yearly": IntervalUnit.YEAR,
}


def _at(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _period(start: str, end: str) -> Period:
    return Period(_at(start), _at(end))


def _whole(terms: dict[str, Any], start: str, at: str) -> Period:
    alignment = Alignment(terms["billing_time"])
    row = row_of(_at(start).date(), "UTC", Interval(UNITS[terms["interval"]]), alignment=alignment)
    return row.period_at(_at(at))


def _lago_charge(price: Money, whole: Period, start: datetime, end: datetime) -> Proration:
    return charge_part(price=price, whole=whole, start=start, end=end, time_zone="UTC", policy=LAGO)


def _killbill_charge(price: Money, whole: Period, start: str, end: str) -> Proration:
    return charge_part(
        price=price,
        whole=whole,
        start=_at(start),
        end=_at(end),
        time_zone="UTC",
        policy=KILLBILL,
    )


def _billed(amount: Money, period: Period, credited: Money | None = None) -> Billed:
    nothing = zero(amount.currency)
    return Billed(amount=amount, period=period, credited=credited or nothing)


def _with_tax(net: Money, percentage: int) -> int:
    return in_cents(net + quantize_amount(Fraction(net.amount) * percent(percentage), net.currency))


def _cancel_from(at: str) -> datetime:
    return cancel_boundary(at=_at(at), time_zone="UTC", policy=LAGO)


def test_kb_09_a_trial_that_ends_inside_a_cycle_of_the_31st() -> None:
    expected = scenario("KB-PRORATE-09")["expected"]["items"][0]
    cycle = BillingPeriods(date(2012, 1, 31), "UTC", Interval(IntervalUnit.MONTH))
    whole = cycle.period_at(_at("2012-03-02"))

    part = _killbill_charge(cents(59995, "USD"), whole, *expected["period"])

    assert in_cents(part.amount) == expected["amount_cents"]
    assert part.whole_units == expected["denominator_days"]


def test_kb_11_half_a_cent_goes_up() -> None:
    golden = scenario("KB-PRORATE-11")
    expected = golden["expected"]["items"][0]
    whole = _period("2016-06-10", "2016-07-10")

    part = _killbill_charge(cents(golden["price_cents"], "USD"), whole, *expected["period"])

    assert in_cents(part.amount) == expected["amount_cents"]
    assert part.whole_units == expected["denominator_days"]


def test_kb_13_a_trailing_part_of_two_years_with_a_leap_day() -> None:
    golden = scenario("KB-PRORATE-13")
    expected = golden["expected"]["items"][1]
    row = BillingPeriods(date(2021, 12, 1), "UTC", Interval(IntervalUnit.YEAR, 2))

    part = _killbill_charge(cents(golden["price_cents"], "USD"), row.period(1), *expected["period"])

    assert in_cents(part.amount) == expected["amount_cents"]
    assert part.whole_units == expected["denominator_days"]


def test_lago_15_two_upgrades_on_one_day() -> None:
    first, second, third = scenario("LAGO-UPG-15")["timeline"]
    march = _period("2024-03-01", "2024-04-01")

    opening = _lago_charge(cents(first["price_cents"]), march, _at(first["date"]), march.end)
    one = _lago_upgrade(second, march, opening.amount, cents(first["price_cents"]))
    two = _lago_upgrade(third, march, one.charge.amount, cents(second["price_cents"]))

    assert in_cents(opening.amount) == first["expected"]["fee_cents"]
    assert in_cents(one.charge.amount) == second["expected"]["fee_cents"]
    assert in_cents(two.charge.amount) == third["expected"]["fee_cents"]
    assert one.credit is not None
    assert two.credit is not None
    assert _with_tax(one.credit.amount, 25) == second["expected"]["credit_note_cents"]
    assert _with_tax(two.credit.amount, 25) == third["expected"]["credit_note_cents"]


def _lago_upgrade(step: dict[str, Any], whole: Period, billed: Money, old_price: Money) -> Any:
    return prorate(
        new_price=cents(step["price_cents"]),
        new_whole=whole,
        at=_at(step["date"]),
        time_zone="UTC",
        policy=LAGO,
        old_price=old_price,
        billed=_billed(billed, whole),
    )


def test_lago_17_from_monthly_to_yearly_keeps_the_anniversary() -> None:
    golden = scenario("LAGO-UPG-17")
    start, upgrade = golden["timeline"]
    months = BillingPeriods(date(2023, 6, 29), "UTC", Interval(IntervalUnit.MONTH))
    years = BillingPeriods(date(2023, 6, 29), "UTC", Interval(IntervalUnit.YEAR))
    at = _at(upgrade["date"])

    change = prorate(
        new_price=cents(upgrade["price_cents"]),
        new_whole=years.period_at(at),
        at=at,
        time_zone="UTC",
        policy=LAGO,
        old_price=cents(start["price_cents"]),
        old_whole=months.period_at(at),
        billed=_billed(cents(start["price_cents"]), months.period_at(at)),
    )

    assert change.credit is not None
    assert in_cents(change.credit.amount) == upgrade["expected"]["credit_note_cents"]
    assert in_cents(change.charge.amount) == upgrade["expected"]["fee_cents"]
    assert change.charge.units == upgrade["expected"]["billed_days"]
    assert change.charge.whole_units == upgrade["expected"]["denominator_days"]


def test_lago_19_in_arrears_old_and_new_plan_share_the_month_without_gap() -> None:
    start, upgrade, _ = scenario("LAGO-UPG-19")["timeline"]
    february = _period("2024-02-01", "2024-03-01")
    boundary = change_boundary(at=_at(upgrade["date"]), time_zone="UTC", policy=LAGO)

    old = _lago_charge(cents(start["price_cents"]), february, february.start, boundary)
    new = _lago_charge(cents(upgrade["price_cents"]), february, boundary, february.end)

    assert (in_cents(old.amount), in_cents(new.amount)) == (1100, 18000)
    assert old.units + new.units == 29


@pytest.mark.parametrize("case", [0, 1])
def test_lago_21_the_denominator_is_the_whole_quarter(case: int) -> None:
    golden = scenario("LAGO-UPG-21")
    terms = {"interval": golden["interval"], **golden["cases"][case]}
    start, last, end = terms["timeline"][0], terms["timeline"][-2], terms["timeline"][-1]
    whole = _whole(terms, start["date"], end["date"])
    end_at = _cancel_from(end["date"])

    part = _lago_charge(cents(last["price_cents"]), whole, _at(last["date"]), end_at)

    assert in_cents(part.amount) == terms["expected"]["final_fee_cents"]


def test_kb_23_from_monthly_to_quarterly() -> None:
    charge, credit, _ = scenario("KB-CHG-23")["expected"]["items"]
    may = _period("2012-05-01", "2012-06-01")
    quarter = _period("2012-05-01", "2012-08-01")

    change = prorate(
        new_price=cents(6995, "USD"),
        new_whole=quarter,
        at=_at("2012-05-12"),
        time_zone="UTC",
        policy=KILLBILL,
        billed=_billed(cents(2995, "USD"), may),
    )

    assert change.credit is not None
    assert in_cents(change.charge.amount) == charge["amount_cents"]
    assert change.charge.whole_units == charge["denominator_days"]
    assert -in_cents(change.credit.amount) == credit["amount_cents"]


def test_kb_25_a_second_repair_is_counted_from_the_item_that_was_billed() -> None:
    start, first, second, *_ = scenario("KB-CHG-25")["timeline"]
    may = _period("2012-05-01", "2012-06-01")

    one = _killbill_change(first, may, _billed(cents(start["price_cents"], "USD"), may))
    item = Period(one.takes_effect_at, may.end)
    two = _killbill_change(second, may, _billed(one.charge.amount, item))

    for change, step in ((one, first), (two, second)):
        assert change.credit is not None
        assert in_cents(change.charge.amount) == step["expected"]["charge_cents"]
        assert -in_cents(change.credit.amount) == step["expected"]["repair_credit_cents"]


def test_kb_27_from_free_to_paid_has_no_repair() -> None:
    start, change_step, _ = scenario("KB-CHG-27")["timeline"]
    february = _period("2017-02-01", "2017-03-01")
    billed = _billed(cents(start["price_cents"], "USD"), february)

    change = _killbill_change(change_step, february, billed)

    assert in_cents(change.charge.amount) == change_step["expected"]["charge_cents"]
    assert change.credit is None


def test_kb_29_a_manual_credit_lowers_what_a_repair_may_give_back() -> None:
    start, credit, step = scenario("KB-ADJ-29")["timeline"]
    may = _period("2012-05-01", "2012-06-01")
    billed = _billed(cents(start["price_cents"], "USD"), may, cents(credit["amount_cents"], "USD"))

    change = _killbill_change(step, may, billed)

    assert change.credit is not None
    assert in_cents(change.charge.amount) == step["expected"]["charge_cents"]
    assert -in_cents(change.credit.amount) == step["expected"]["repair_credit_cents"]


def _killbill_change(step: dict[str, Any], whole: Period, billed: Billed) -> Any:
    return prorate(
        new_price=cents(step["price_cents"], "USD"),
        new_whole=whole,
        at=_at(step["date"]),
        time_zone="UTC",
        policy=KILLBILL,
        billed=billed,
    )


def test_kb_31_the_day_of_a_pause_is_free_and_that_of_the_resumption_is_not() -> None:
    golden = scenario("KB-PAUSE-31")
    price = cents(golden["price_cents"], "USD")
    january = _period("2020-01-01", "2020-02-01")
    _, pause, _, renewal = golden["timeline"]

    for step in (pause, renewal):
        part = _killbill_charge(price, january, *step["expected"]["period"])
        assert in_cents(part.amount) == step["expected"]["charge_cents"]


def test_lago_33_the_day_of_termination_is_billed() -> None:
    golden = scenario("LAGO-TERM-33")
    terms = {"interval": golden["interval"], "billing_time": golden["billing_time"]}

    for case in golden["cases"][:2]:
        whole = _whole(terms, case["start"], case["terminate"])
        part = _lago_charge(
            cents(case["price_cents"]), whole, _at(case["start"]), _cancel_from(case["terminate"])
        )
        assert part.units == case["expected"]["days"]
        assert _with_tax(part.amount, golden["tax_rate"]) == case["expected"]["total_cents"]


@pytest.mark.parametrize("case", [0, 3])
def test_lago_35_credit_on_termination(case: int) -> None:
    golden = scenario("LAGO-TERM-35")
    expected = golden["cases"][case]["expected"]
    february = _period("2025-02-01", "2025-03-01")
    price = cents(golden["price_cents"])
    opening = _lago_charge(price, february, _at(golden["start"]), february.end)
    end = golden["cases"][case].get("terminate", golden["terminate"])

    part = credit_unused(
        price=price,
        whole=february,
        billed=_billed(opening.amount, Period(_at(golden["start"]), february.end)),
        unused_from=_cancel_from(end),
        time_zone="UTC",
        policy=LAGO,
    )

    subtotal = expected.get("credit_note", {}).get("subtotal_cents", 2500)
    assert in_cents(opening.amount) == 7500
    assert in_cents(part.amount) == subtotal


@pytest.mark.parametrize("case", [0, 1, 2])
def test_lago_37_a_termination_on_the_first_day_keeps_that_day(case: int) -> None:
    terms = scenario("LAGO-CN-37")["cases"][case]
    whole = _whole(terms, terms["start"], terms["terminate"])

    part = credit_unused(
        price=cents(terms["price_cents"]),
        whole=whole,
        billed=_billed(cents(terms["price_cents"]), whole),
        unused_from=_cancel_from(terms["terminate"]),
        time_zone="UTC",
        policy=LAGO,
    )

    assert in_cents(part.amount) == terms["expected"]["subtotal_cents"]


def test_lago_39_the_credit_of_three_days_of_february() -> None:
    golden = scenario("LAGO-MIN-39")
    expected = golden["cases"][0]["expected"]["credit_note"]
    february = _period("2023-02-01", "2023-03-01")

    part = credit_unused(
        price=cents(golden["price_cents"]),
        whole=february,
        billed=_billed(cents(golden["price_cents"]), february),
        unused_from=_cancel_from(golden["terminate"]),
        time_zone="UTC",
        policy=LAGO,
    )

    assert in_cents(part.amount) == expected["subtotal_cents"]


def test_lago_41_the_rest_of_the_month_after_the_trial() -> None:
    golden = scenario("LAGO-TRIAL-41")
    march = _period("2024-03-01", "2024-04-01")
    trial_ends_at = _at("2024-03-04") + timedelta(days=golden["trial_days"])

    part = _lago_charge(cents(golden["price_cents"]), march, trial_ends_at, march.end)

    assert in_cents(part.amount) == golden["timeline"][1]["expected"]["total_cents"]


def test_kb_63_blocked_days_are_credited() -> None:
    expected = scenario("KB-DUN-63")["expected"]["on_payment_2012_07_20"]
    july = _period("2012-06-30", "2012-07-31")

    part = _killbill_charge(cents(24995, "USD"), july, *expected["blocked_period"])

    assert in_cents(part.amount) == expected["credit_cents"]

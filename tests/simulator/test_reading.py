from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from tests.simulator.scenes import BASIC, scenario
from tiktoktoe.kernel.periods import Interval, IntervalUnit
from tiktoktoe.simulator.errors import Place, ScenarioFaulty, ScenarioInvalid
from tiktoktoe.simulator.scenario.actions import Subscribe
from tiktoktoe.simulator.scenario.nodes import Text
from tiktoktoe.simulator.scenario.timeline import read_scenarios
from tiktoktoe.simulator.scenario.values import read_interval, read_when

HERE = Place(1, "at")


def faults(text: str) -> str:
    with pytest.raises(ScenarioFaulty) as caught:
        read_scenarios(text)
    return str(caught.value)


def test_a_scenario_is_read_with_the_line_of_everything() -> None:
    read = scenario(BASIC)

    (plan,) = read.plans
    assert plan.price is not None
    assert (plan.code, plan.price.exact("EUR"), plan.place.line) == ("basic", Decimal(10), 3)
    (entry,) = read.timeline
    assert isinstance(entry.action, Subscribe)
    assert (entry.action.plan, entry.at.day, entry.place.line) == ("basic", date(2026, 1, 31), 5)


def test_several_documents_of_a_file_are_several_scenarios() -> None:
    assert [s.title for s in read_scenarios(f"title: A\n{BASIC}---\ntitle: B\n{BASIC}")] == [
        "A",
        "B",
    ]


@pytest.mark.parametrize(
    ("written", "instant"),
    [
        ("2026-01-31", datetime(2026, 1, 30, 23, tzinfo=UTC)),
        ("2026-1-31", datetime(2026, 1, 30, 23, tzinfo=UTC)),
        ("2026-01-31T12:00", datetime(2026, 1, 31, 11, tzinfo=UTC)),
        ("2026-01-31 12:00:05", datetime(2026, 1, 31, 11, 0, 5, tzinfo=UTC)),
        ("2026-01-31T12:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00+05:30", datetime(2026, 1, 31, 6, 30, tzinfo=UTC)),
        ("2026-01-31T12:00+01", datetime(2026, 1, 31, 11, tzinfo=UTC)),
    ],
)
def test_days_and_instants_are_read_as_people_write_them(written: str, instant: datetime) -> None:
    assert read_when(Text(HERE, written)).at("Europe/Berlin") == instant


@pytest.mark.parametrize(
    ("written", "interval"),
    [
        ("monthly", Interval(IntervalUnit.MONTH)),
        ("month", Interval(IntervalUnit.MONTH)),
        ("2 years", Interval(IntervalUnit.YEAR, 2)),
        ("biennial", Interval(IntervalUnit.YEAR, 2)),
        ("Half-Yearly", Interval(IntervalUnit.HALF_YEAR)),
        ("quarterly", Interval(IntervalUnit.QUARTER)),
        ("30 days", Interval(IntervalUnit.DAY, 30)),
        ("ANNUAL", Interval(IntervalUnit.YEAR)),
    ],
)
def test_intervals_are_read_as_people_write_them(written: str, interval: Interval) -> None:
    assert read_interval(Text(HERE, written)) == interval


def test_an_amount_in_minor_units_is_that_of_its_currency() -> None:
    text = BASIC.replace("price: 10", "price_cents: 1000")

    assert scenario(text).plans[0].price is not None
    price = scenario(text).plans[0].price
    assert price is not None
    assert (price.exact("EUR"), price.exact("JPY"), price.exact("KWD")) == (
        Decimal("10.00"),
        Decimal(1000),
        Decimal("1.000"),
    )


def test_an_amount_with_more_decimals_than_its_currency_cannot_be_paid() -> None:
    price = scenario(BASIC.replace("price: 10", "price: 10.005")).plans[0].price

    assert price is not None
    with pytest.raises(ScenarioInvalid, match=r"line 3, plans\[1\]\.price: 10\.005 has too many"):
        price.payable("EUR")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("price: 10", "plans[1].code: is there twice"),
        ("colour: red", "line 3, plans[1].colour: is not known here (code, name, interval"),
        ("interval: fortnight", "line 3, plans[1].interval: 'fortnight' is no interval (day, week"),
        ("trial_days: 1.5", "line 3, plans[1].trial_days: '1.5' is not whole"),
        ("price: ten", "line 3, plans[1].price: 'ten' is no number (59.00)"),
        (r'name: "a\0b"', "line 3, plans[1].name: has a NUL character"),
        ("price: 1e400", "line 3, plans[1].price: '1e400' has too many digits (15 before the"),
        ("trial_days: 99999999999999999", "plans[1].trial_days: '99999999999999999' has too many"),
        ("interval: 1000000 years", "plans[1].interval: '1000000 years' is too long (a hundred"),
        ("price: .inf", "line 3, plans[1].price: '.inf' is no number"),
        ("timing: later", "line 3, plans[1].timing: 'later' is not known (advance, arrears)"),
        ("per_unit: perhaps", "line 3, plans[1].per_unit: 'perhaps' is neither yes nor no"),
        ("charges: 3", "line 3, plans[1].charges: must be a list"),
        ("price_cents: [1]", "line 3, plans[1].price_cents: is a list, but must be a single value"),
    ],
)
def test_a_wrong_key_or_value_is_told_with_its_line_and_what_is_allowed(
    wrong: str, said: str
) -> None:
    text = BASIC.replace("code: basic, price: 10", f"code: basic, {wrong}")
    if "twice" in said:
        text = BASIC.replace("code: basic", "code: basic, code: other")

    assert said in faults(text)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{do: subscribe, plan: basic}", "line 5, timeline[1]: lacks at (at: 2026-01-31"),
        (
            "{at: 2026-02-30, do: subscribe, plan: basic}",
            "line 5, timeline[1].at: '2026-02-30': day",
        ),
        (
            "{at: 9999-12-31, do: subscribe, plan: basic}",
            "line 5, timeline[1].at: '9999-12-31': no year to bill in",
        ),
        ("{at: soon, do: subscribe, plan: basic}", "'soon': is no date (2026-01-31, 2026-01-31T"),
        ("{at: 2026-01-31, do: dance}", "timeline[1].do: 'dance' cannot be done (subscribe, "),
        ("{at: 2026-01-31, do: subscribe}", "line 5, timeline[1]: lacks plan"),
        ("{at: 2026-01-31, plan: basic}", "belongs to an action, but nothing is done here (add do"),
        ("{at: 2026-01-31}", "says neither what to do nor what to expect"),
        ("{at: 2026-01-31, expect: {invoics: 1}}", "expect.invoics: cannot be expected (invoices,"),
        (
            "{at: 2026-01-31, expect: {invoice: {totl: 1}}}",
            "line 5, timeline[1].expect.invoice.totl: cannot be expected here (number, customer,",
        ),
        ("{at: 2026-01-31, expect: {invoice: {state_cents: 1}}}", "cannot be expected here"),
    ],
)
def test_a_wrong_step_is_told_with_its_line_and_what_is_allowed(step: str, said: str) -> None:
    text = BASIC.replace("{at: 2026-01-31, do: subscribe, plan: basic}", step)

    assert said in faults(text)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    text = BASIC.replace("price: 10", "price: ten").replace("do: subscribe", "do: dance")

    told = faults(f"{text}\ncolour: red\n").splitlines()

    assert [line.split(",")[0] for line in told] == ["line 3", "line 5", "line 7"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: the file is empty"),
        ("plans: [", "this is no YAML"),
        ("- one\n- two\n", "line 1: must be a table"),
        ("title: nothing\n", "line 1: lacks timeline"),
    ],
)
def test_a_file_that_is_no_scenario_says_why(text: str, said: str) -> None:
    assert said in faults(text)


def test_a_time_zone_that_there_is_not_is_told_with_its_line() -> None:
    text = f"time_zone: Mars/Phobos\n{BASIC}"

    assert "line 1, time_zone: 'Mars/Phobos' is no time zone (write Europe/Berlin)" in faults(text)

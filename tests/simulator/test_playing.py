import re
from decimal import Decimal

import pytest

from tests.simulator.scenes import BASIC, played, told
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.simulator.acts.registry import PLAYERS
from tiktoktoe.simulator.errors import ScenarioInvalid, StepRefused
from tiktoktoe.simulator.scenario.actions import ACTIONS, SPELLINGS

pytestmark = pytest.mark.django_db


def test_every_action_can_be_played_and_every_spelling_means_one() -> None:
    assert set(ACTIONS.values()) == set(PLAYERS)
    assert set(SPELLINGS.values()) <= set(ACTIONS)


def test_what_is_due_between_the_steps_is_billed_at_its_instant() -> None:
    seen = played(f"time_zone: Europe/Berlin{BASIC}run_until: 2026-04-30").seen

    assert [str(row.date) for row in seen.invoices] == [
        "2026-01-31",
        "2026-02-28",
        "2026-03-31",
        "2026-04-30",
    ]
    assert [row.issued_at.isoformat() for row in seen.invoices][1:3] == [
        "2026-02-27T23:00:00+00:00",
        "2026-03-30T22:00:00+00:00",
    ]
    assert [row.total.amount for row in seen.invoices] == [Decimal(10)] * 4


def test_usage_payments_credits_and_changes_are_done_by_the_services() -> None:
    seen = played(
        """
        taxes: [{rate: 20}]
        meters: [{code: calls}]
        plans:
          - {code: basic, price: 10, charges: [{meter: calls, price: 0.5, included: 2}]}
          - {code: pro, price: 31}
        timeline:
          - {at: 2026-03-01, do: subscribe, plan: basic}
          - {at: 2026-03-02, do: use, units: 3, times: 2}
          - {at: 2026-03-03, do: credit_invoice, amount: 4}
          - {at: 2026-03-04, do: pay}
          - {at: 2026-04-16, do: upgrade, plan: pro}
        """
    ).seen

    first, second, change = seen.invoices
    assert (first.total.amount, first.credited.amount, first.paid.amount, first.state) == (
        Decimal(12),
        Decimal("4.80"),
        Decimal("7.20"),
        "paid",
    )
    assert [(line.code, line.quantity, line.amount.amount) for line in second.lines] == [
        ("calls", Decimal(6), Decimal(2)),
        ("fee", Decimal(1), Decimal(10)),
    ]
    assert [line.amount.amount for line in change.lines] == [Decimal(-5), Decimal("15.5")]
    assert [line.formula for line in change.lines] == [
        "10 × 15/30 days = 5",
        "31 × 15/30 days = 15.5",
    ]
    assert seen.balances[0].owed.amount == Decimal("14.40") + Decimal("12.60")


def test_nothing_is_different_where_everything_is_as_expected() -> None:
    assert (
        told(
            BASIC.replace(
                "plan: basic}",
                "plan: basic, expect: {invoice: {total: 10, lines: [{amount_cents: 1000}]}}}",
            )
            + """
  - {at: 2026-02-28, expect: {invoices: 1, state: active}}
  - {at: 2026-03-01, expect: {nothing_billed: true}}
run_until: 2026-03-31
expect:
  invoice_dates: [2026-01-31, 2026-02-28, 2026-03-31]
  invoices:
    - {period: [2026-01-31, 2026-02-28]}
    - {period: [2026-02-28, 2026-03-30]}
    - {from: 2026-03-31, through: 2026-04-29, to: 2026-04-30, total_cents: 1000, tax: 0}
  has_invoices:
    - {date: 2026-02-28}
  balances: [{owed: 30}]
"""
        )
        == []
    )


@pytest.mark.parametrize(
    ("expect", "said"),
    [
        ("{invoices: 2}", "expect.invoices: expected 2 invoices, got 1: INV-000001 of 2026-01-31"),
        ("{invoice: {total_cents: 999}}", "expect.invoice.total_cents: expected 9.99, got 10"),
        ("{invoices: []}", "expected no more invoices than listed, got also INV-000001"),
        ("{nothing_billed: true}", "expected nothing billed, got INV-000001"),
        ("{credit_note: {total: 1}}", "expect.credit_note: expected one of credit_notes, got none"),
        ("{state: paused}", "expect.state: expected paused, got active"),
        ("{refused: ended}", "expected a refusal “ended”, got that it was done"),
        ("{invoice_dates: [2026-02-01]}", "expected 2026-02-01, got 2026-01-31"),
        ("{invoice: {lines: []}}", "expected no more lines than listed, got also basic: Fee"),
        ("{invoice: {period: [2026-01-31, 2026-03-01]}}", "expected 2026-03-01, got 2026-02-28"),
    ],
)
def test_what_is_not_as_expected_is_told_with_its_line(expect: str, said: str) -> None:
    text = BASIC.replace("plan: basic}", f"plan: basic, expect: {expect}}}")

    (difference,) = told(text)

    assert difference.startswith("line 5, timeline[1].expect")
    assert said in difference


def test_what_is_not_as_expected_at_the_end_is_told_too() -> None:
    differences = told(f"{BASIC}expect: {{invoices: 2, payments: 1, state: paused}}\n")

    assert [line.split(": ")[0] for line in differences] == [
        "line 6, expect.state",
        "line 6, expect.invoices",
        "line 6, expect.payments",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"taxes: [{{rate: -19}}]\n{BASIC}", "line 1, taxes[1]: -19 is no rate (0 to 100, of %)"),
        (BASIC.replace("price: 10", "price: 10, trial_days: 9999"), "line 3, plans[1]: 9999 is no"),
    ],
)
def test_what_no_plan_or_tax_can_be_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ScenarioInvalid, match=re.escape(said)):
        played(text)


AGAIN = "  - {at: 2026-02-01, do: change_plan, plan: basic"


def test_a_refusal_stops_the_scenario() -> None:
    with pytest.raises(StepRefused, match=r"line 6, timeline\[2\]: refused: .*already"):
        played(f"{BASIC}{AGAIN}}}\n")


def test_a_refusal_that_is_expected_goes_on() -> None:
    assert told(f"{BASIC}{AGAIN}, expect: {{refused: already, invoices: 0}}}}\n") == []


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{at: 2026-01-30, do: cancel}", r"timeline\[2\]\.at: is before the step above"),
        ("{at: 2026-02-01, do: upgrade, plan: gold}", r"'gold' is no plan in EUR \(basic in EUR\)"),
        ("{at: 2026-02-01, do: cancel, customer: bob}", r"'bob' is no customer \(customer\)"),
        ("{at: 2026-02-01, do: cancel, subscription: s9}", r"'s9' is no subscription"),
        ("{at: 2026-02-01, do: use, meter: calls}", r"'calls' is no meter"),
        ("{at: 2026-02-01, do: pay, invoice: 7}", r"'7' is no invoice \(INV-000001\)"),
        ("{at: 2026-02-01, do: credit_invoice, amount: 1.005}", r"1\.005 has too many decimals"),
        ("{at: 2026-02-01, do: subscribe, plan: basic, subscription: subscription}", "is there al"),
    ],
)
def test_a_step_that_cannot_be_is_told_with_its_line(step: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        played(f"{BASIC}  - {step}\n")
    assert "line 6" in str(caught.value)


def test_a_run_that_ends_before_the_last_step_is_refused() -> None:
    with pytest.raises(ScenarioInvalid, match="line 6, run_until: is before the last step"):
        played(f"{BASIC}run_until: 2026-01-01\n")


def test_what_started_long_before_the_first_step_follows_the_policy_of_the_file() -> None:
    text = """
    plans: [{code: basic, price: 365, interval: year}]
    timeline:
      - {at: 2026-06-30, do: subscribe, plan: basic, starts: 2025-07-01}
    run_until: 2026-07-01
    expect: {invoices: [{from: 2025-07-01, total: 365}, {from: 2026-07-01, total: 365}]}
    """

    assert told(text) == []


def test_an_end_on_a_day_sends_the_money_back_that_it_promises() -> None:
    text = """
    plans: [{code: basic, price: 31}]
    timeline:
      - {at: 2026-01-01, do: subscribe, plan: basic}
      - {at: 2026-01-01, do: pay}
      - {at: 2026-01-05, do: cancel, on: 2026-01-15, unused: refund}
    run_until: 2026-01-20
    expect:
      credit_note: {date: 2026-01-16, total: 16, to_refund: 16}
      refund: {amount: 16, date: 2026-01-16}
    """

    assert told(text) == []

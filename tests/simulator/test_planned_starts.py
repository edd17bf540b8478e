"""Subscriptions are planned for a day to come, and taken back, in scenarios."""

import pytest

from tests.simulator.scenes import told
from tiktoktoe.simulator.errors import ScenarioFaulty, ScenarioInvalid, StepRefused

pytestmark = pytest.mark.django_db
SOLD = """
policy: own
plans:
  - {code: basic, price: 30}
  - {code: support, price: 5, add_on: true}
timeline:
"""


def test_what_is_planned_starts_on_its_day_and_is_called_by_its_name() -> None:
    steps = """\
  - {at: 2026-04-01, do: start, plan: basic, subscription: first, starts: 2026-04-20,
     add_ons: {support: 2}, expect: {nothing_billed: true}}
  - {at: 2026-04-02, do: start, plan: basic, subscription: second, starts: 2026-04-20}
  - {at: 2026-04-03, do: withdraw_start, subscription: second}
  - {at: 2026-04-19, expect: {nothing_billed: true}}
  - {at: 2026-04-20, expect: {invoice: {total: 40, lines: [{from: 2026-04-20, to: 2026-05-20},
     {from: 2026-04-20}]}}}
  - {at: 2026-04-21, do: cancel, subscription: first, unused: skip}
  - {at: 2026-04-22, do: start_again, subscription: first, on: 2026-05-02}
  - {at: 2026-05-02, expect: {invoice: {total: 30, lines: [{from: 2026-05-02}]}}}
  - {at: 2026-05-03, do: cancel, subscription: first, unused: skip}
  - {at: 2026-06-30, expect: {nothing_billed: true}}
"""

    assert told(SOLD + steps) == []


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (
            "  - {at: 2026-04-01, do: withdraw_start, subscription: nobody}",
            "'nobody' is not planned",
        ),
        (
            "  - {at: 2026-04-01, do: start, plan: basic, starts: 2026-04-20}\n"
            "  - {at: 2026-04-02, do: cancel}",
            "has not started yet",
        ),
        ("  - {at: 2026-04-01, do: start, plan: basic, starts: soon}", "starts"),
    ],
)
def test_a_wrong_step_names_its_line(steps: str, said: str) -> None:
    with pytest.raises((ScenarioInvalid, ScenarioFaulty), match=said) as refused:
        told(SOLD + steps + "\n")

    assert "line" in str(refused.value)


def test_what_cannot_start_on_its_day_refuses_the_file() -> None:
    steps = """\
  - {at: 2026-04-01, do: start, plan: basic, subscription: first}
  - {at: 2026-04-02, do: start, plan: other, subscription: second, starts: 2026-04-20}
run_until: 2026-05-02
"""
    counted = """
meters: [{code: calls, aggregation: sum}]
plans:
  - {code: basic, price: 30, charges: [{meter: calls, model: per_unit, unit_price: 1}]}
  - {code: other, price: 10, charges: [{meter: calls, model: per_unit, unit_price: 1}]}
timeline:
"""

    with pytest.raises(StepRefused, match=r"'second' did not start on 2026-04-20.*bills calls"):
        told(counted + steps)

"""Steps as of a day that is over: billed on the day of the step, refused in what is closed."""

import pytest

from tests.simulator.scenes import told

pytestmark = pytest.mark.django_db
SOLD = """
policy: own
plans:
  - {code: basic, price: 30}
  - {code: big, price: 60}
  - {code: care, price: 30, add_on: true}
timeline:
  - {at: 2026-04-01, do: subscribe, plan: basic}
"""


def test_plan_add_on_and_end_count_from_their_days() -> None:
    steps = """\
  - {at: 2026-04-20, do: change_plan, plan: big, on: 2026-04-16,
     expect: {invoice: {date: 2026-04-20, total: 15, lines: [{amount: -15}, {amount: 30}]}}}
  - {at: 2026-04-20, do: set_add_on, plan: care, on: 2026-04-11,
     expect: {invoice: {date: 2026-04-20, total: 20, lines: [{from: 2026-04-11, amount: 20}]}}}
  - {at: 2026-05-10, do: set_add_on, plan: care, quantity: 0, on: 2026-05-02,
     expect: {credit_note: {total: 29.03}}}
  - {at: 2026-06-10, do: cancel, on: 2026-06-06,
     expect: {credit_note: {total: 48}, state: canceled}}
"""

    assert told(SOLD + steps) == []


def test_a_pause_is_written_down_afterwards() -> None:
    steps = """\
  - {at: 2026-04-20, do: pause, on: 2026-04-10, resume_on: 2026-04-16,
     expect: {credit_note: {total: 20}}}
  - {at: 2026-05-01, expect: {invoice: {total: 30}}}
"""

    assert told(SOLD + steps) == []


def test_a_closed_day_refuses_everything() -> None:
    steps = """\
  - {at: 2026-05-10, do: change_plan, plan: big, on: 2026-04-16,
     expect: {refused: 2026-04-16 is closed}}
  - {at: 2026-05-10, do: set_add_on, plan: care, on: 2026-04-16,
     expect: {refused: 2026-04-16 is closed}}
  - {at: 2026-05-10, do: pause, on: 2026-04-16, expect: {refused: 2026-04-16 is closed}}
  - {at: 2026-05-10, do: cancel, on: 2026-04-16, expect: {refused: 2026-04-16 is closed}}
  - {at: 2026-05-10, expect: {nothing_billed: true}}
"""

    assert told(SOLD + steps) == []

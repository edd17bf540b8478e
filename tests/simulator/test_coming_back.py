"""Pauses and ends are taken back, and what has ended begins anew, in scenarios."""

import pytest

from tests.simulator.scenes import told

pytestmark = pytest.mark.django_db
SOLD = """
policy: own
plans:
  - {code: basic, price: 30}
timeline:
  - {at: 2026-04-01, do: subscribe, plan: basic}
"""


def test_a_pause_that_waits_is_taken_back_and_a_day_to_go_on_is_chosen_and_taken_back() -> None:
    steps = """\
  - {at: 2026-04-02, do: pause, when: period_end}
  - {at: 2026-04-03, do: withdraw_pause}
  - {at: 2026-05-01, expect: {invoice: {total: 30}}}
  - {at: 2026-05-31, do: pause, when: period_end}
  - {at: 2026-06-02, do: resume, on: 2026-06-21, expect: {nothing_billed: true}}
  - {at: 2026-06-03, do: withdraw_resumption}
  - {at: 2026-06-21, expect: {nothing_billed: true}}
  - {at: 2026-06-21, do: resume, on: 2026-06-26}
  - {at: 2026-06-26, expect: {invoice: {total: 5}}}
"""

    assert told(SOLD + steps) == []


def test_what_has_ended_begins_anew_as_of_a_day_since_its_end() -> None:
    steps = """\
  - {at: 2026-04-15, do: cancel, unused: skip}
  - {at: 2026-05-10, do: reactivate, on: 2026-04-10, expect: {refused: had not ended}}
  - {at: 2026-05-10, do: reactivate, on: 2026-05-02,
     expect: {invoice: {total: 30, date: 2026-05-10, lines: [{from: 2026-05-02, amount: 30}]}}}
  - {at: 2026-05-11, do: change_plan, quantity: 2, on: 2026-05-12}
  - {at: 2026-06-02, expect: {invoice: {total: 60}}}
"""

    assert told(SOLD + steps) == []

"""Changes and pauses of a day in scenarios: scheduled, made when the day begins, taken back."""

import pytest

from tests.simulator.scenes import played, told
from tiktoktoe.simulator.printing import as_table

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


def test_a_change_and_a_pause_of_a_day_are_made_when_it_begins() -> None:
    steps = """\
  - {at: 2026-04-02, do: change_plan, plan: big, on: 2026-04-16, expect: {nothing_billed: true}}
  - {at: 2026-04-02, do: pause, effective: 2026-06-16, resume_on: 2026-06-21,
     expect: {nothing_billed: true}}
  - {at: 2026-04-16, expect: {invoice: {kind: change, total: 15,
     lines: [{amount: -15}, {amount: 30}]}}}
  - {at: 2026-05-01, expect: {invoice: {total: 60}}}
  - {at: 2026-06-16, expect: {credit_note: {total: 28}}}
  - {at: 2026-06-21, expect: {invoice: {total: 20}}}
"""

    assert told(SOLD + steps) == []


def test_one_of_a_day_is_taken_back_by_its_day() -> None:
    steps = """\
  - {at: 2026-04-02, do: change_plan, plan: big, on: 2026-05-01}
  - {at: 2026-04-03, do: withdraw_change, on: 2026-05-01}
  - {at: 2026-05-01, expect: {invoice: {total: 30}}}
"""

    assert told(SOLD + steps) == []


def test_a_day_that_has_something_already_refuses_another() -> None:
    steps = """\
  - {at: 2026-04-02, do: change_plan, plan: big, on: 2026-04-16}
  - {at: 2026-04-03, do: pause, on: 2026-04-16, expect: {refused: something else is scheduled}}
"""

    assert told(SOLD + steps) == []


def test_an_add_on_comes_and_goes_on_its_days() -> None:
    steps = """\
  - {at: 2026-04-02, do: set_add_on, plan: care, on: 2026-04-21, expect: {nothing_billed: true}}
  - {at: 2026-04-02, do: set_add_on, plan: care, quantity: 0, on: 2026-06-16}
  - {at: 2026-04-21, expect: {invoice: {kind: change, total: 10}}}
  - {at: 2026-05-01, expect: {invoice: {total: 60}}}
  - {at: 2026-06-16, expect: {credit_note: {total: 15}}}
  - {at: 2026-07-01, expect: {invoice: {total: 30}}}
"""

    assert told(SOLD + steps) == []


def test_one_that_is_not_made_on_its_day_says_so_with_its_step_and_fails_no_file() -> None:
    steps = """\
  - {at: 2026-04-02, do: change_plan, plan: big, on: 2026-04-16}
  - {at: 2026-04-02, do: pause, on: 2026-04-20}
  - {at: 2026-04-03, do: withdraw_change, on: 2026-04-20}
  - {at: 2026-04-10, do: cancel, when: period_end}
run_until: 2026-05-02
expect: {state: canceled, invoice: {total: 30}}
"""

    seen = played(SOLD + steps)

    assert seen.differences == ()
    _, asked, *others = seen.seen.steps
    assert asked.refused.startswith("on 2026-04-16: its end is scheduled")
    assert [step.refused for step in others] == ["", "", ""]
    assert f"2026-04-02  change_plan (line 9) was refused: {asked.refused}" in as_table([seen])


def test_what_has_ended_before_its_day_says_so_too() -> None:
    steps = """\
  - {at: 2026-04-02, do: pause, on: 2026-05-16}
  - {at: 2026-04-10, do: cancel}
run_until: 2026-06-01
"""

    asked = played(SOLD + steps).seen.steps[1]

    assert asked.refused == "on 2026-05-16: the subscription has ended"

"""Add-ons beside a plan, in scenarios: charged for the rest, renewed, taken off, by each policy."""

import pytest

from tests.simulator.scenes import told

pytestmark = pytest.mark.django_db
SOLD = """
policy: POLICY
plans:
  - {code: basic, price: 30}
  - {code: support, price: 10, add_on: true}
  - code: storage
    add_on: true
    price: 60
    timing: arrears
    charges: [{code: start, price: 5, setup: true}]
timeline:
  - {at: 2026-04-01, do: subscribe, plan: basic}
"""


def scene(steps: str, policy: str = "own") -> str:
    return SOLD.replace("POLICY", policy) + steps


def test_an_add_on_is_charged_for_the_rest_of_the_period_and_renewed_with_the_plan() -> None:
    steps = """\
  - {at: 2026-04-16, do: set_add_on, plan: support, quantity: 2,
     expect: {invoice: {kind: change, total: 10, lines: [{amount: 10, days: 15, denominator: 30}]}}}
  - {at: 2026-05-01, expect: {invoice: {total: 50, lines: [{amount: 30}, {amount: 20}]}}}
"""

    assert told(scene(steps)) == []


def test_more_of_it_is_charged_at_once_and_less_waits_for_the_next_period() -> None:
    steps = """\
  - {at: 2026-04-01, do: set_add_on, plan: support, expect: {invoice: {total: 10}}}
  - {at: 2026-04-16, do: set_add_on, plan: support, quantity: 3,
     expect: {invoice: {total: 10, lines: [{amount: -5}, {amount: 15}]}}}
  - {at: 2026-04-20, do: set_add_on, plan: support, quantity: 1, expect: {nothing_billed: true}}
  - {at: 2026-05-01, expect: {invoice: {total: 40, lines: [{amount: 30}, {amount: 10}]}}}
  - {at: 2026-05-10, do: set_add_on, plan: support, quantity: 0, expect: {nothing_billed: true}}
  - {at: 2026-06-01, expect: {invoice: {total: 30, lines: [{amount: 30}]}}}
"""

    assert told(scene(steps)) == []


@pytest.mark.parametrize(("policy", "when"), [("own", ", when: immediate"), ("stripe", "")])
def test_taken_off_at_once_its_unused_time_is_given_back(policy: str, when: str) -> None:
    steps = """\
  - {at: 2026-04-01, do: set_add_on, plan: support, quantity: 3, expect: {invoice: {total: 30}}}
  - {at: 2026-04-16, do: set_add_on, plan: support, quantity: 0WHEN,
     expect: {credit_note: {total: 15}}}
  - {at: 2026-05-01, expect: {invoice: {total: 30}}}
"""

    assert told(scene(steps.replace("WHEN", when), policy)) == []


def test_in_arrears_it_is_billed_for_the_days_that_it_was_there() -> None:
    steps = """\
  - {at: 2026-04-11, do: set_add_on, plan: storage, quantity: 1,
     expect: {invoice: {total: 5, lines: [{kind: setup, amount: 5}]}}}
  - {at: 2026-04-21, do: set_add_on, plan: storage, quantity: 2, expect: {nothing_billed: true}}
  - {at: 2026-05-01, expect: {invoice: {lines: [{amount: 20}, {amount: 40}, {amount: 30}]}}}
  - {at: 2026-05-31, do: cancel, expect: {invoice: {total: 120}}}
"""

    assert told(scene(steps)) == []


def test_in_a_trial_nothing_is_billed_and_the_set_up_comes_with_the_first_bill() -> None:
    steps = """\
  - {at: 2026-04-03, do: set_add_on, plan: storage, expect: {nothing_billed: true}}
  - {at: 2026-04-05, do: set_add_on, plan: storage, quantity: 2, expect: {nothing_billed: true}}
  - {at: 2026-04-11,
     expect: {invoice: {total: 35, lines: [{kind: setup, amount: 5}, {amount: 30}]}}}
  - {at: 2026-05-11, expect: {invoice: {lines: [{amount: 120}, {amount: 30}]}}}
"""
    trial = scene(steps).replace("subscribe, plan: basic", "subscribe, plan: basic, trial_days: 10")

    assert told(trial) == []


def test_a_change_of_plan_leaves_it_alone_and_an_end_takes_it_along() -> None:
    steps = """\
  - {at: 2026-04-01, do: set_add_on, plan: support, quantity: 3, expect: {invoice: {total: 30}}}
  - {at: 2026-04-16, do: change_plan, quantity: 2,
     expect: {invoice: {lines: [{amount: -15}, {amount: 30}]}}}
  - {at: 2026-04-21, do: cancel, expect: {credit_notes: [{total: 15}, {total: 9}, {total: 3}]}}
"""

    assert told(scene(steps)) == []


def test_a_removal_that_waits_is_taken_back_for_nothing() -> None:
    steps = """\
  - {at: 2026-04-01, do: set_add_on, plan: support, quantity: 3, expect: {invoice: {total: 30}}}
  - {at: 2026-04-10, do: set_add_on, plan: support, quantity: 0, expect: {nothing_billed: true}}
  - {at: 2026-04-12, do: set_add_on, plan: support, quantity: 3, expect: {nothing_billed: true}}
  - {at: 2026-05-01, expect: {invoice: {total: 60}}}
"""

    assert told(scene(steps)) == []


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ("do: set_add_on, plan: yearly", "in other intervals"),
        ("do: set_add_on, plan: basic", "is no add-on"),
        ("do: change_plan, plan: support", "never alone"),
        ("do: set_add_on, plan: support, quantity: 0", "it is not there"),
    ],
)
def test_what_cannot_be_is_refused_with_its_reason(step: str, reason: str) -> None:
    yearly = "plans:\n  - {code: yearly, price: 10, interval: year, add_on: true}"
    text = scene(f"  - {{at: 2026-04-02, {step}}}\n").replace("plans:", yearly)

    with pytest.raises(Exception, match=reason):
        told(text)

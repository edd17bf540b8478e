"""Add-ons that price usage, in scenarios: rated from their start to their end, by each policy."""

import pytest

from tests.simulator.scenes import told

pytestmark = pytest.mark.django_db
SOLD = """
policy: POLICY
meters: [{code: calls}, {code: storage}, {code: seats, carried_over: true}]
plans:
  - code: basic
    price: 30
    minimum: 40
    charges: [{meter: storage, price: 1}]
  - code: api
    price: 10
    add_on: true
    charges: [{meter: calls, price: 0.10, included: 300, minimum: 6}]
  - code: team
    add_on: true
    charges: [{meter: seats, price: 4}]
timeline:
  - {at: 2026-04-01, do: subscribe, plan: basic}
"""


def scene(steps: str, policy: str = "own") -> str:
    return SOLD.replace("POLICY", policy) + steps


def test_usage_counts_from_the_day_it_came_with_a_share_of_what_is_included() -> None:
    steps = """\
  - {at: 2026-04-10, do: use, meter: calls, units: 5000}
  - {at: 2026-04-16, do: set_add_on, plan: api, expect: {invoice: {total: 5}}}
  - {at: 2026-04-20, do: use, meter: calls, units: 250}
  - {at: 2026-05-01, expect: {invoice: {total: 60, lines: [
       {kind: true_up, amount: 10}, {meter: calls, quantity: 250, amount: 10},
       {plan: basic, amount: 30}, {plan: api, amount: 10}]}}}
  - {at: 2026-05-20, do: use, meter: calls, units: 301}
  - {at: 2026-06-01, expect: {invoice: {total: 56, lines: [
       {kind: true_up, amount: 10}, {meter: calls, quantity: 301, amount: 0.10},
       {kind: true_up, plan: api, amount: 5.90}, {plan: basic, amount: 30},
       {plan: api, amount: 10}]}}}
"""

    # 150 of 300 calls are included in half of April; its usage counts for no plan's minimum.
    assert told(scene(steps)) == []


@pytest.mark.parametrize(
    ("policy", "used", "topped_up"),
    [("own", 1, 2), ("lago", 0, 3), ("killbill", 0, 3)],  # they include all 300, not the half
)
def test_taken_off_at_once_usage_counts_up_to_that_day(
    policy: str, used: int, topped_up: int
) -> None:
    steps = f"""\
  - {{at: 2026-04-01, do: set_add_on, plan: team, expect: {{nothing_billed: true}}}}
  - {{at: 2026-04-01, do: set_add_on, plan: api}}
  - {{at: 2026-04-15, do: use, meter: calls, units: 160}}
  - {{at: 2026-04-16, do: set_add_on, plan: api, quantity: 0, when: immediate}}
  - {{at: 2026-04-17, do: use, meter: calls, units: 1000}}
  - {{at: 2026-05-01, expect: {{has_invoices: [{{has_lines: [
       {{meter: calls, quantity: 160, amount: {used}}},
       {{kind: true_up, plan: api, amount: {topped_up}}}]}}]}}}}
  - {{at: 2026-05-17, do: use, meter: calls, units: 1000}}
  - {{at: 2026-06-01, expect: {{invoice: {{total: 40}}}}}}
"""

    assert told(scene(steps, policy)) == []


def test_off_and_on_again_in_one_period_are_two_parts_with_their_own_shares() -> None:
    steps = """\
  - {at: 2026-04-01, do: set_add_on, plan: api, expect: {invoice: {total: 10}}}
  - {at: 2026-04-05, do: use, meter: calls, units: 110}
  - {at: 2026-04-11, do: set_add_on, plan: api, quantity: 0, when: immediate}
  - {at: 2026-04-15, do: use, meter: calls, units: 700}
  - {at: 2026-04-21, do: set_add_on, plan: api, quantity: 1}
  - {at: 2026-04-25, do: use, meter: calls, units: 120}
  - {at: 2026-05-01, expect: {invoice: {has_lines: [
       {meter: calls, quantity: 110, amount: 1, from: 2026-04-01, to: 2026-04-11},
       {meter: calls, quantity: 120, amount: 2, from: 2026-04-21, to: 2026-05-01}]}}}
"""

    assert told(scene(steps)) == []


@pytest.mark.parametrize(
    ("policy", "included"),
    [("own", 600), ("lago", 900), ("killbill", 900)],  # each for its days, or the most at once
)
def test_more_of_it_includes_as_many_times_as_much_and_begins_nothing_anew(
    policy: str, included: int
) -> None:
    steps = f"""\
  - {{at: 2026-04-01, do: set_add_on, plan: api}}
  - {{at: 2026-04-05, do: use, meter: calls, units: 200}}
  - {{at: 2026-04-16, do: set_add_on, plan: api, quantity: 3}}
  - {{at: 2026-04-25, do: use, meter: calls, units: {included - 100}}}
  - {{at: 2026-05-01, expect: {{invoice: {{has_lines: [
       {{meter: calls, quantity: {included + 100}, amount: 10}}]}}}}}}
"""

    assert told(scene(steps, policy)) == []


def test_less_of_it_within_a_period_leaves_what_was_had_for_its_days() -> None:
    steps = """\
  - {at: 2026-04-01, do: set_add_on, plan: api, quantity: 4}
  - {at: 2026-04-16, do: set_add_on, plan: api, quantity: 1, when: immediate}
  - {at: 2026-04-25, do: use, meter: calls, units: 800}
  - {at: 2026-05-01, expect: {has_invoices: [{has_lines: [{meter: calls, amount: 5}]}]}}
"""

    # 1,200 for half of April and 300 for the other half: 750.
    assert told(scene(steps)) == []


def test_a_level_counts_by_the_add_on_that_is_there_at_the_end() -> None:
    steps = """\
  - {at: 2026-04-05, do: use, meter: seats, units: 3}
  - {at: 2026-04-16, do: set_add_on, plan: team}
  - {at: 2026-05-01, expect: {invoice: {has_lines: [{meter: seats, quantity: 3, amount: 12}]}}}
  - {at: 2026-05-16, do: set_add_on, plan: team, quantity: 0, when: immediate}
  - {at: 2026-06-01, expect: {invoice: {total: 40}}}
"""

    assert told(scene(steps)) == []


def test_an_end_bills_usage_up_to_the_day_and_a_pause_leaves_out_what_came_in_it() -> None:
    steps = """\
  - {at: 2026-04-01, do: set_add_on, plan: api}
  - {at: 2026-04-10, do: use, meter: calls, units: 200}
  - {at: 2026-04-15, do: pause,
     expect: {has_invoices: [{has_lines: [{meter: calls, quantity: 200, amount: 5}]}]}}
  - {at: 2026-04-18, do: use, meter: calls, units: 900}
  - {at: 2026-04-21, do: resume}
  - {at: 2026-04-25, do: use, meter: calls, units: 160}
  - {at: 2026-04-30, do: cancel,
     expect: {invoice: {has_lines: [{meter: calls, quantity: 160, amount: 6}]}}}
"""

    # Paused after half of April: 150 are included. Resumed for a third: 100 are.
    assert told(scene(steps)) == []


def test_usage_that_a_plan_or_another_add_on_bills_is_not_billed_twice() -> None:
    steps = """\
  - {at: 2026-04-05, do: set_add_on, plan: again, expect: {refused: "is billed already"}}
  - {at: 2026-04-05, do: set_add_on, plan: api}
  - {at: 2026-04-05, do: set_add_on, plan: twice, expect: {refused: "is billed already"}}
  - {at: 2026-04-06, do: change_plan, plan: calling, expect: {refused: "bills calls already"}}
  - {at: 2026-04-06, do: subscribe, plan: calling, subscription: other,
     expect: {refused: "bills calls already"}}
"""
    more = """\
  - {code: again, add_on: true, charges: [{meter: storage, price: 1}]}
  - {code: twice, add_on: true, charges: [{meter: calls, price: 1}]}
  - {code: calling, price: 50, charges: [{meter: calls, price: 1}]}
timeline:"""

    assert told(scene(steps).replace("timeline:", more)) == []


def test_while_an_end_is_scheduled_it_is_charged_and_what_the_end_cuts_off_is_given_back() -> None:
    steps = """\
  - {at: 2026-04-02, do: cancel, on: 2026-04-20}
  - {at: 2026-04-11, do: set_add_on, plan: api, expect: {invoice: {total: 6.67}}}
  - {at: 2026-04-15, do: set_add_on, plan: api, quantity: 0,
     expect: {refused: "the subscription ends on 2026-04-21, its add-ons with it"}}
  - {at: 2026-04-15, do: use, meter: calls, units: 200}
  - {at: 2026-04-21, expect: {has_invoices: [{has_lines: [
       {meter: calls, quantity: 200, amount: 10}]}],
     has_credit_notes: [{total: 3.34}]}}
"""

    assert told(scene(steps)) == []


def test_while_a_pause_is_scheduled_less_of_it_counts_when_the_subscription_goes_on() -> None:
    steps = """\
  - {at: 2026-04-01, do: set_add_on, plan: api, quantity: 3, expect: {invoice: {total: 30}}}
  - {at: 2026-04-02, do: pause, when: period_end, resume_on: 2026-05-16}
  - {at: 2026-04-10, do: set_add_on, plan: api, quantity: 1, expect: {nothing_billed: true}}
  - {at: 2026-05-16, expect: {invoice: {has_lines: [{plan: api, amount: 5.16}]}}}
"""

    assert told(scene(steps)) == []


def test_resumed_on_the_day_that_its_pause_cut_the_day_counts_once() -> None:
    steps = """\
  - {at: 2026-04-01, do: set_add_on, plan: api}
  - {at: 2026-04-15T08:00, do: use, meter: calls, units: 400}
  - {at: 2026-04-15T12:00, do: pause,
     expect: {has_invoices: [{has_lines: [{meter: calls, quantity: 400}]}]}}
  - {at: 2026-04-15T18:00, do: resume}
  - {at: 2026-04-25, do: use, meter: calls, units: 1}
  - {at: 2026-05-01, expect: {invoice: {has_lines: [{meter: calls, quantity: 1}]}}}
"""

    assert told(scene(steps, "stripe")) == []

"""Scenarios in a few lines, and what comes of them."""

from textwrap import dedent

from tiktoktoe.simulator.playing import Played, check, play
from tiktoktoe.simulator.scenario.timeline import Scenario, read_scenarios

BASIC = """
plans:
  - {code: basic, price: 10}
timeline:
  - {at: 2026-01-31, do: subscribe, plan: basic}
"""


def scenario(text: str) -> Scenario:
    """The one scenario of a text."""
    (only,) = read_scenarios(dedent(text))
    return only


def played(text: str) -> Played:
    """What the one scenario of a text comes to."""
    return play(scenario(text))


def told(text: str) -> list[str]:
    """The differences of a scenario, as they are printed."""
    return [str(difference) for difference in check(scenario(text))]

"""docs/simulate.md names everything that can be written, and its example is played."""

import re
from pathlib import Path

import pytest

from tests.simulator.scenes import told
from tiktoktoe.simulator.scenario import catalog
from tiktoktoe.simulator.scenario.actions import ACTIONS, Action
from tiktoktoe.simulator.scenario.expectations import KINDS, PLAIN, _types
from tiktoktoe.simulator.scenario.reading import keys_of
from tiktoktoe.simulator.scenario.timeline import KEYS
from tiktoktoe.simulator.seen import LineSeen

PAGE = Path(__file__).resolve().parents[2] / "docs" / "simulate.md"
TEXT = PAGE.read_text(encoding="utf-8")
PARTS = [
    catalog.PolicyRules,
    catalog.Tax,
    catalog.MeterRow,
    catalog.TierRow,
    catalog.Charge,
    catalog.Filter,
    catalog.Plan,
    catalog.CouponRow,
    catalog.CustomerRow,
    catalog.Dunning,
    catalog.DunningStepRow,
    catalog.OverdueRow,
]
UNSAID = {"since", "up_to"}  # read for Lago's sake; spelled `from` and `to` there


def named() -> set[str]:
    prose = re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)
    return set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`]+)`", prose))))


@pytest.mark.django_db
def test_the_example_comes_to_what_it_says() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)

    assert told(example) == []


def test_every_key_of_the_file_is_on_the_page() -> None:
    keys = {key.removesuffix("[_cents]") for part in PARTS for key in keys_of(part)}

    assert keys - named() - UNSAID == set()
    assert set(KEYS) - named() == set()


def test_every_action_and_its_keys_are_on_the_page() -> None:
    assert set(ACTIONS) - named() == set()
    keys = {k.removesuffix("[_cents]") for kind in ACTIONS.values() for k in keys_of(kind)}
    assert keys - named() - set(keys_of(Action)) == set()


def test_everything_that_can_be_expected_is_on_the_page() -> None:
    keys = {key for kind in (*KINDS.values(), LineSeen) for key in _types(kind)}
    spelled = {"period_from", "period_to", "period_through", "units"}

    assert keys - spelled - named() == set()
    assert {*KINDS, *PLAIN} - named() == set()

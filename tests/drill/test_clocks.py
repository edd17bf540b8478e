"""The drill's clocks: whose jumps, and whether gateways tell that they differ."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from tiktoktoe.drill.drill import FEWER_JUMPS, JUMPS, START, WRONG_BY, Drill
from tiktoktoe.kernel import clock


@dataclass
class Kept:
    """A sandbox's controls that keep what they are told."""

    told: list[tuple[object, ...]] = field(default_factory=list)

    def set_clock(self, at: datetime, *, stands: bool, is_told: bool) -> None:
        """Keep it."""
        self.told.append((at, stands, is_told))

    def advance_clock(self, seconds: int) -> None:
        """Keep it."""
        self.told.append((seconds,))


@pytest.fixture(autouse=True)
def real_time() -> Iterator[None]:
    """The process's clock is put back, whatever a drill does to it."""
    yield
    clock.reset()


def drill(kept: Kept, *, is_dated: bool) -> Drill:
    made = Drill(1, 1, [], print, is_dated=is_dated)
    gateway: Any = type("Gateway", (), {"control": kept})()
    made.gateways = [gateway]
    return made


@pytest.mark.parametrize("alone", [timedelta(minutes=-10), WRONG_BY])
def test_where_gateways_tell_the_time_ours_is_wrong_until_a_jump_of_both(alone: timedelta) -> None:
    kept = Kept()
    made = drill(kept, is_dated=True)

    made._jump(START + alone, is_ours_alone=alone == WRONG_BY)
    assert (kept.told, clock.machine()) == ([], START + alone)
    made._jump(START + alone + timedelta(minutes=45))

    together = START + alone + timedelta(minutes=45)
    assert (kept.told, clock.machine()) == ([(together, True, True)], together)


def test_otherwise_gateways_go_on_by_as_much_and_the_machine_shows_the_real_time() -> None:
    kept = Kept()
    made = drill(kept, is_dated=False)

    made._jump(START + timedelta(minutes=2))
    made._jump(START + WRONG_BY, is_ours_alone=True)

    assert kept.told == [(120,)]
    assert clock.machine() > START + 2 * WRONG_BY  # it is later by now


def test_a_dated_run_has_a_round_between_those_in_which_little_leaves() -> None:
    made = cast(Any, drill(Kept(), is_dated=True))
    made.is_by_chance = False

    jumps = made._jumps()

    assert [jump for jump in jumps if jump not in FEWER_JUMPS] == [JUMPS[4]]
    assert jumps[-1] == WRONG_BY

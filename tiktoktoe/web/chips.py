"""The chips above a list: one for each state, with how many rows are in it."""

from collections.abc import Iterable, Mapping
from enum import Enum

from tiktoktoe.web.tones import label_of


def state_chips(states: Iterable[Enum], counts: Mapping[str, int]) -> list[tuple[str, str, int]]:
    """Value, words and count of each state, in the states' own order."""
    return [(s.value, label_of(s.value), counts.get(s.value, 0)) for s in states]

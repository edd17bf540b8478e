"""Which function plays which action."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from tiktoktoe.simulator.scenario.actions import Action
from tiktoktoe.simulator.world import World

A = TypeVar("A", bound=Action)
Player = Callable[[World, A, datetime], None]
PLAYERS: dict[type[Action], Player[Any]] = {}


def plays(kind: type[A]) -> Callable[[Player[A]], Player[A]]:
    """Let a function play an action."""

    def remember(player: Player[A]) -> Player[A]:
        PLAYERS[kind] = player
        return player

    return remember

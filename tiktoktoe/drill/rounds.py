"""A round of the drill: worker processes at work, a storm of events, and SIGKILL for some."""

import multiprocessing
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess

from tiktoktoe.drill.stories import Stories
from tiktoktoe.drill.worker import Delivery, hear, work

# One server forks all workers: it has Django loaded, and no connection that they could share.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tiktoktoe.drill.prepared", "tiktoktoe.drill.worker"])
WORKERS = 2
SKEW_SECONDS = 30  # between the clocks of two machines, at most
KILL_AFTER_SECONDS = (0.05, 1.5)
ROUND_SECONDS_MAX = 1_800
COPIES_MAX = 3
HELD_SHARE = 0.3


@dataclass
class Tally:
    """What was done to the workers and with the events."""

    started: int = 0
    killed: int = 0
    delivered: int = 0


@dataclass
class Mailbag:
    """Events that are still to be delivered: late, several times, and in any order."""

    dice: random.Random
    held: list[Delivery] = field(default_factory=list)

    def next_storm(self, news: Sequence[Delivery]) -> list[Delivery]:
        """What is delivered now; some of it waits for a later round, some of it comes again."""
        waiting = [*self.held, *news]
        now = [one for one in waiting if self.dice.random() >= HELD_SHARE]
        storm = [one for one in now for _ in range(self.dice.randint(1, COPIES_MAX))]
        gone = {id(one) for one in now}
        self.held = [one for one in waiting if id(one) not in gone]
        self.held += [one for one in now if self.dice.random() < HELD_SHARE]
        self.dice.shuffle(storm)
        return storm

    def take_back(self, storm: Sequence[Delivery]) -> None:
        """Keep, once each, what was cut off: a gateway sends again what was not taken."""
        kept = {id(one): one for one in (*self.held, *storm)}
        self.held = list(kept.values())


def prepare() -> None:
    """Let the server that forks the workers load what they need, while something else is done."""
    forkserver.ensure_running()


def run_round(
    *,
    at: datetime,
    stories: Stories,
    kills: int,
    storm: Sequence[Delivery],
    dice: random.Random,
    tally: Tally,
) -> bool:
    """Let workers work until nothing is left for them, killing some on the way.

    Gives whether the storm came through; one that was cut off is to be delivered again.
    """
    workers = [_start(work, (_skewed(at, dice), stories), tally) for _ in range(WORKERS)]
    postman = _start(hear, (storm, at), tally) if storm else None
    for _ in range(kills):
        time.sleep(dice.uniform(*KILL_AFTER_SECONDS))
        alive = [process for process in (*workers, postman) if process and process.is_alive()]
        if not alive:
            break
        victim = dice.choice(alive)
        victim.kill()
        tally.killed += 1
        if victim is not postman:
            workers.append(_start(work, (_skewed(at, dice), stories), tally))
    for process in filter(None, (*workers, postman)):
        process.join(ROUND_SECONDS_MAX)
    came_through = postman is None or postman.exitcode == 0
    tally.delivered += len(storm) if came_through else 0
    return came_through


def _start(
    job: Callable[..., object], arguments: tuple[object, ...], tally: Tally
) -> ForkServerProcess:
    process = _PROCESSES.Process(target=job, args=arguments, daemon=True)
    process.start()
    tally.started += 1
    return process


def _skewed(at: datetime, dice: random.Random) -> datetime:
    return at + timedelta(seconds=dice.uniform(-SKEW_SECONDS, SKEW_SECONDS))

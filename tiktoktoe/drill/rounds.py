"""A round of the drill: worker processes at work, a storm of events, and SIGKILL for some."""

import multiprocessing
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess

from tiktoktoe.drill.post import SECONDS_MAX, Post
from tiktoktoe.drill.stories import Stories
from tiktoktoe.drill.worker import Delivery, hear, hear_by_clock, work, work_by_clock

# One server forks all workers: it has Django loaded, and no connection that they could share.
_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tiktoktoe.drill.prepared", "tiktoktoe.drill.worker"])
WORKERS = 2
SKEW_SECONDS = 30  # between the clocks of two machines, at most
KILL_AFTER_SECONDS = (0.05, 1.5)


@dataclass
class Tally:
    """What was done to the workers and with the events."""

    started: int = 0
    killed: int = 0
    delivered: int = 0


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
    is_dated: bool = False,
) -> list[Delivery]:
    """Let workers work until nothing is left for them, killing some, and postmen, on the way.

    Gives what of the storm nobody took: that is to be delivered again.

    Args:
        is_dated: Whether the machines' clocks show the round's time, and not the real one.
    """
    job, listen = (work_by_clock, hear_by_clock) if is_dated else (work, hear)
    workers = [_start(job, (_skewed(at, dice), stories), tally) for _ in range(WORKERS)]
    post = Post(storm, lambda bundle: _start(listen, (bundle, at), tally))
    for _ in range(kills):
        post.go_on()
        time.sleep(dice.uniform(*KILL_AFTER_SECONDS))
        alive = [process for process in (*workers, *post.postmen) if process.is_alive()]
        if not alive:
            break
        victim = dice.choice(alive)
        victim.kill()
        tally.killed += 1
        if victim in workers:
            workers.append(_start(job, (_skewed(at, dice), stories), tally))
    for process in workers:
        process.join(SECONDS_MAX)
    post.finish()
    tally.delivered += post.delivered
    return post.undelivered


def _start(
    job: Callable[..., object], arguments: tuple[object, ...], tally: Tally
) -> ForkServerProcess:
    process = _PROCESSES.Process(target=job, args=arguments, daemon=True)
    process.start()
    tally.started += 1
    return process


def _skewed(at: datetime, dice: random.Random) -> datetime:
    return at + timedelta(seconds=dice.uniform(-SKEW_SECONDS, SKEW_SECONDS))

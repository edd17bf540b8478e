"""Events on their way to us: late, several times, in any order, by postmen who may be killed."""

import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tiktoktoe.drill.worker import Delivery

COPIES_MAX = 3
HELD_SHARE = 0.3
BUNDLE = 50  # events by one postman: a second's work, so that not each is killed on the way
SECONDS_MAX = 1_800  # of a round; whoever is not back by then hangs, and is killed
TRIES_MAX = 3  # when nobody is killed any more: of a gateway that cannot be asked about its event


class Postman(Protocol):
    """A process that delivers a bundle; its code is 0 once all of it is taken."""

    @property
    def exitcode(self) -> int | None: ...

    def is_alive(self) -> bool: ...

    def kill(self) -> None: ...

    def join(self, timeout: float | None = None) -> None: ...


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

    def take_back(self, undelivered: Sequence[Delivery]) -> None:
        """Keep, once each, what nobody took: a gateway sends again what was not taken."""
        kept = {id(one): one for one in (*self.held, *undelivered)}
        self.held = list(kept.values())


class Post:
    """A storm in bundles, one postman after another; what one did not bring goes with the last."""

    def __init__(self, storm: Sequence[Delivery], send: Callable[[Sequence[Delivery]], Postman]):
        self._bundles = deque(storm[at : at + BUNDLE] for at in range(0, len(storm), BUNDLE))
        self._send = send
        self._under_way: tuple[Postman, Sequence[Delivery]] | None = None
        self._lost: list[Delivery] = []  # with those who hung
        self.delivered = 0

    @property
    def postmen(self) -> list[Postman]:
        """Who is under way."""
        return [self._under_way[0]] if self._under_way else []

    @property
    def undelivered(self) -> list[Delivery]:
        """What nobody has taken yet."""
        on_the_way = self._under_way[1] if self._under_way else ()
        return [one for bundle in (self._lost, on_the_way, *self._bundles) for one in bundle]

    def go_on(self) -> None:
        """Send the next postman, once the last has come back, or will not."""
        if not any(postman.is_alive() for postman in self.postmen):
            self._note_arrival()
            if self._bundles:
                bundle = self._bundles.popleft()
                self._under_way = (self._send(bundle), bundle)

    def finish(self) -> None:
        """Deliver what is left, while nobody is killed but whoever hangs.

        What that one had is undelivered then, as is what nobody has been sent with by the end.
        """
        end = time.monotonic() + SECONDS_MAX
        for _ in range(TRIES_MAX * (len(self.postmen) + len(self._bundles))):
            self._wait_until(end)
            if time.monotonic() >= end:
                return
            self.go_on()
        self._wait_until(end)

    def _wait_until(self, end: float) -> None:
        """Wait for who is under way, and kill whoever is not back by the end."""
        if self._under_way is None:
            return
        postman, bundle = self._under_way
        postman.join(max(end - time.monotonic(), 0))
        if not postman.is_alive():
            self._note_arrival()
            return
        postman.kill()
        postman.join()
        self._lost += bundle
        self._under_way = None

    def _note_arrival(self) -> None:
        if self._under_way is None:
            return
        postman, bundle = self._under_way
        postman.join()
        self._under_way = None
        if postman.exitcode == 0:
            self.delivered += len(bundle)
        else:
            self._bundles.append(bundle)

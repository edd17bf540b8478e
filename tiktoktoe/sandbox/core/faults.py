"""Faults to inject: which requests they hit, how often, and what goes wrong."""

import random
import re
import threading
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Mode(StrEnum):
    """What goes wrong. "Before" means before anything was done, "after" means it was done."""

    RESET_BEFORE = "reset_before"
    RESET_AFTER = "reset_after"
    ERROR_BEFORE = "http_500_before"
    ERROR_AFTER = "http_500_after"
    RATE_LIMIT = "http_429"
    HANG_AFTER = "hang_after"
    SLOW = "slow"
    LATE = "late"  # nobody is answered, and it is done after all, when nobody waits any more


@dataclass
class Fault:
    """A fault for requests whose "METHOD /path" matches, so many times or by chance.

    Attributes:
        times: After so many it is over.
        seconds: How long SLOW waits before, and HANG_AFTER after, it is done; at most how
            long, by the sandbox's clock, LATE takes to do it.
        is_kept: Whether the error of ERROR_AFTER is also what the idempotency key is answered
            with later, as if Stripe itself had failed; else something on the way had, and the
            real answer comes later.
    """

    match: str
    mode: Mode
    times: int = 1
    probability: float = 1.0
    seconds: float = 2.0
    seed: int = 0
    is_kept: bool = True
    _dice: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.mode = Mode(self.mode)
        self._dice = random.Random(self.seed)

    def hits(self, request: str) -> bool:
        """Whether it strikes this request."""
        matches = self.times > 0 and re.search(self.match, request) is not None
        return matches and self._dice.random() < self.probability

    def delay(self) -> int:
        """After how many seconds a late request is executed: from one up to the most."""
        return 1 + int(self._dice.random() * self.seconds)


class Faults:
    """The faults in force; the first that hits is used up by one."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._faults: list[Fault] = []
        self.struck = 0
        self.struck_by: Counter[str] = Counter()

    def add(self, fault: Fault) -> None:
        """Inject a fault."""
        with self._guard:
            self._faults.append(fault)

    def clear(self) -> None:
        """Let everything work again."""
        with self._guard:
            self._faults.clear()

    def counts(self) -> dict[str, int]:
        """How often each kind of fault has struck which requests."""
        with self._guard:
            return dict(self.struck_by)

    def strike(self, request: str) -> Fault | None:
        """The fault that hits a request, if one does."""
        with self._guard:
            for fault in self._faults:
                if fault.hits(request):
                    fault.times -= 1
                    if fault.times == 0:
                        self._faults.remove(fault)
                    self.struck += 1
                    self.struck_by[f"{fault.mode} {fault.match}"] += 1
                    return fault
        return None

"""What the launcher says."""

import contextlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager


class LauncherError(Exception):
    """Something that the person at the terminal can put right; the message says how."""


class Console:
    """Prints each step with how long it took."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def say(self, text: str, end: str = "\n") -> None:
        """One line, at once; nothing when the terminal is gone."""
        with contextlib.suppress(OSError):
            print(text, end=end, flush=True)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Announce a step, and say how long it took when it is done."""
        started = time.monotonic()
        if sys.stdout.isatty():
            self.say(f"  … {name}", end="\r")
        yield
        self.say(f"  ✓ {name:<44} {time.monotonic() - started:6.1f} s")

    @property
    def elapsed(self) -> float:
        """Seconds since the launcher began."""
        return time.monotonic() - self._started

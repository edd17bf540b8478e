"""The sandbox's time: the real one, moved by as much as somebody asked for, or standing still."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from tiktoktoe.sandbox.core.store import Store


class Clock:
    """Seconds since 1970. It goes on from where it was set, over restarts too.

    Set to stand still, it goes on only when it is set again, or after a restart.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._offset = int(store.setting("clock_offset", 0))
        self._stands_at: int | None = None
        self._moment: int | None = None
        self.is_told = False  # whether answers are dated by it, instead of by the real time

    def now(self) -> int:
        """The time, or the moment at which something planned happens."""
        if self._moment is not None:
            return self._moment
        return int(time.time()) + self._offset if self._stands_at is None else self._stands_at

    def set(self, moment: int, *, stands: bool = False) -> None:
        """Let it be a certain time, and go on from there, or stand still."""
        self._offset = moment - int(time.time())
        self._stands_at = moment if stands else None
        self._store.keep_setting("clock_offset", self._offset)

    def forget(self) -> None:
        """Show the real time."""
        self._offset, self._stands_at, self.is_told = 0, None, False

    def bring_back(self) -> None:
        """Go on as far from the real time as the store says."""
        self.forget()
        self._offset = int(self._store.setting("clock_offset", 0))

    @contextmanager
    def at(self, moment: int) -> Iterator[None]:
        """Let what is planned happen when it was planned for, however late we come to it."""
        before, self._moment = self._moment, moment
        try:
            yield
        finally:
            self._moment = before

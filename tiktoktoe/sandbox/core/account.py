"""An account that is simulated: its objects, its clock, what is due, what it tells the world."""

import logging
import secrets
import sqlite3
import string
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from tiktoktoe.sandbox.core.agenda import Agenda, Due
from tiktoktoe.sandbox.core.clock import Clock
from tiktoktoe.sandbox.core.outbox import Outbox
from tiktoktoe.sandbox.core.schemas import Json
from tiktoktoe.sandbox.core.store import Store

logger = logging.getLogger(__name__)
LETTERS = string.ascii_letters + string.digits


class Account:
    """All state, behind one lock: a change of state is seen whole or not at all.

    Attributes:
        actions: What is done with an object when what is planned under a name has become due.
    """

    actions: Mapping[str, Callable[[Any, Json], None]] = {}

    def __init__(self, store: Store, address: str) -> None:
        self.address = address
        self.store = store
        self.agenda = Agenda(store)
        self.outbox = Outbox(store)
        self.clock = Clock(store)
        self.lock = threading.RLock()
        self._kept: sqlite3.Connection | None = None

    def now(self) -> int:
        """The sandbox's time, in seconds."""
        return self.clock.now()

    def today(self) -> date:
        """The sandbox's day, in UTC."""
        return datetime.fromtimestamp(self.now(), UTC).date()

    def plan(self, name: str, body: Json, moment: int) -> None:
        """Let an action happen to an object at a moment of the sandbox's clock."""
        self.agenda.plan(Due(moment, name, body["id"]))

    def run_due(self) -> None:
        """Do what has become due, each at its own moment and on its own."""
        while due := self.agenda.take(self.clock.now()):
            self.store.save()
            try:
                with self.clock.at(due.moment):
                    self.actions[due.action](self, self.store.get(due.identity))
            except Exception:
                # One that fails is not done again, and must not keep the others waiting.
                self.store.undo()
                logger.exception("a planned action failed", extra={"action": due.action})
            self.store.save()

    def reset(self) -> None:
        """Forget everything and open the account anew."""
        self.store.clear()
        self.clock.forget()
        self.open()

    def keep(self) -> None:
        """Remember how everything is, to begin with that again."""
        self._kept = self.store.copy()

    def bring_back(self) -> None:
        """Begin again with what was kept.

        Raises:
            ValueError: If nothing was.
        """
        if self._kept is None:
            raise ValueError("nothing was kept")
        self.store.bring_back(self._kept)
        self.clock.bring_back()

    def open(self) -> None:
        """Make what an account has from the start."""


def snapshot(body: Json) -> Json:
    """A copy that does not follow what happens to the object later."""
    copied: Json = msgspec.json.decode(msgspec.json.encode(body))
    return copied


def random_text(length: int, letters: str = LETTERS) -> str:
    """So many random letters and digits."""
    return "".join(secrets.choice(letters) for _ in range(length))

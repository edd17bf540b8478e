"""What is to happen at a moment of the sandbox's clock."""

from dataclasses import dataclass

from tiktoktoe.sandbox.core.store import Store


@dataclass(frozen=True, slots=True)
class Due:
    """An action on an object, and when."""

    moment: int
    action: str
    identity: str


class Agenda:
    """Plans that survive a restart; the same action on the same object is planned once."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def plan(self, due: Due) -> None:
        """Plan an action, or put it off to another moment."""
        self._store.begin()
        self._store.database.execute(
            "INSERT OR REPLACE INTO due (moment, action, id) VALUES (?, ?, ?)",
            (due.moment, due.action, due.identity),
        )

    def drop(self, action: str, identity: str) -> None:
        """Give a plan up."""
        self._store.begin()
        self._store.database.execute(
            "DELETE FROM due WHERE action = ? AND id = ?", (action, identity)
        )

    def take(self, now: int) -> Due | None:
        """The first action whose moment has come; it is not planned any more."""
        query = "SELECT place, moment, action, id FROM due WHERE moment <= ? ORDER BY moment, place"
        row = self._store.database.execute(query, (now,)).fetchone()
        if row is None:
            return None
        self._store.begin()
        self._store.database.execute("DELETE FROM due WHERE place = ?", row[:1])
        return Due(*row[1:])

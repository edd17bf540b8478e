"""Events that are still to be delivered; times are those of the real clock."""

import threading
from dataclasses import dataclass

from tiktoktoe.sandbox.core.store import Store


@dataclass(frozen=True, slots=True)
class Parcel:
    """An event on its way to an endpoint."""

    place: int
    event: str
    endpoint: str
    tries: int
    since: float


class Outbox:
    """What is to be sent; it is forgotten when it was taken, and only then.

    Attributes:
        news: Set when there may be something to send that was not there before.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.news = threading.Event()

    def add(self, event: str, endpoint: str, at: float) -> None:
        """Note that an event is to be delivered."""
        self._store.begin()
        self._store.database.execute(
            "INSERT INTO delivery (event, endpoint, tries, due, since) VALUES (?, ?, 0, ?, ?)",
            (event, endpoint, at, at),
        )
        self.news.set()

    def due(self, now: float, limit: int) -> list[Parcel]:
        """What is to be sent now, the oldest first."""
        query = (
            "SELECT place, event, endpoint, tries, since FROM delivery "
            "WHERE due <= ? ORDER BY place LIMIT ?"
        )
        rows = self._store.database.execute(query, (now, limit))
        return [Parcel(*row) for row in rows]

    def put_off(self, parcel: Parcel, *, until: float, tries: int) -> None:
        """Send it later."""
        self._store.begin()
        self._store.database.execute(
            "UPDATE delivery SET due = ?, tries = ? WHERE place = ?", (until, tries, parcel.place)
        )

    def forget(self, parcel: Parcel) -> None:
        """It need not be sent any more."""
        self._store.begin()
        self._store.database.execute("DELETE FROM delivery WHERE place = ?", (parcel.place,))

    def forget_endpoint(self, endpoint: str) -> None:
        """Nothing is sent to an endpoint that is gone."""
        self._store.begin()
        self._store.database.execute("DELETE FROM delivery WHERE endpoint = ?", (endpoint,))

    def hurry(self, now: float) -> None:
        """Send everything that waits for a retry now."""
        self._store.begin()
        self._store.database.execute("UPDATE delivery SET due = ? WHERE due > ?", (now, now))
        self.news.set()

    def next_due(self) -> float | None:
        """When the next one is to be sent; None if there is none."""
        row = self._store.database.execute("SELECT MIN(due) FROM delivery").fetchone()
        return None if row[0] is None else float(row[0])

    def waiting(self) -> int:
        """How many are still to be sent."""
        row = self._store.database.execute("SELECT COUNT(*) FROM delivery").fetchone()
        return int(row[0])

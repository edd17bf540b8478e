"""The sandbox's memory: objects by id in SQLite, changed all at once or not at all.

What is read stays at hand until `save` writes what has changed, or `undo` forgets it; so a
request that breaks off half-way leaves nothing behind, and a restart forgets nothing.
"""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tiktoktoe.sandbox.core.errors import NotThere
from tiktoktoe.sandbox.core.schemas import Json

SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = OFF;
CREATE TABLE IF NOT EXISTS object (
    place INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    created INTEGER NOT NULL, body TEXT NOT NULL, private TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS object_kind ON object (kind, place);
CREATE TABLE IF NOT EXISTS answer (key TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS due (
    place INTEGER PRIMARY KEY, moment INTEGER NOT NULL, action TEXT NOT NULL, id TEXT NOT NULL,
    UNIQUE (action, id)
);
CREATE INDEX IF NOT EXISTS due_moment ON due (moment, place);
CREATE TABLE IF NOT EXISTS delivery (
    place INTEGER PRIMARY KEY, event TEXT NOT NULL, endpoint TEXT NOT NULL,
    tries INTEGER NOT NULL, due REAL NOT NULL, since REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS delivery_due ON delivery (due, place);
"""
TABLES = ("object", "answer", "setting", "due", "delivery")
COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@dataclass(frozen=True, kw_only=True)
class Search:
    """Which objects of a kind are wanted; `fits` reads what the other terms leave.

    Attributes:
        equal: Fields, or paths to fields, and the values that they must have.
        private: The same for what only the sandbox knows.
        created: Bounds of `created`: gt, gte, lt, lte.
        beyond: The id of the object to begin after, in the direction of reading.
    """

    equal: Mapping[str, Any] = field(default_factory=dict)
    private: Mapping[str, Any] = field(default_factory=dict)
    created: Mapping[str, int] = field(default_factory=dict)
    fits: Callable[[Json], bool] = lambda _body: True
    beyond: str | None = None
    is_oldest_first: bool = False


@dataclass(slots=True)
class Held:
    """An object at hand, and how it was when it was read."""

    body: Json
    private: Json
    was: tuple[str, str] | None


class Store:
    """Objects with what the API shows of them, and what only the sandbox knows.

    Not for two threads at once: whoever uses it holds the sandbox's lock until `save`.
    """

    def __init__(self, path: Path, indexed: Mapping[str, Sequence[str]]) -> None:
        """Open the file, or make it.

        Args:
            indexed: By which fields of `body` and `private` objects are looked for; what else
                they are filtered by is compared row by row.
        """
        self.database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.database.executescript(SCHEMA + "".join(_indexes(indexed)))
        self._held: dict[str, Held] = {}

    def add(self, body: Json, **private: Any) -> Json:
        """Remember a new object."""
        self._held[body["id"]] = Held(body, private, None)
        self.begin()
        self.database.execute(
            "INSERT INTO object (id, kind, created, body, private) VALUES (?, ?, ?, '{}', '{}')",
            (body["id"], body["object"], int(body.get("created") or 0)),
        )
        return body

    def get(self, identity: str, kind: str | None = None) -> Json:
        """An object, to be read or changed.

        Raises:
            NotThere: If there is none of this kind.
        """
        body = self.find(identity)
        if body is None or (kind is not None and body["object"] != kind):
            raise NotThere(f"No such {kind or 'object'}: '{identity}'")
        return body

    def find(self, identity: object) -> Json | None:
        """An object, if there is one of this id."""
        if not isinstance(identity, str):
            return None
        held = self._held.get(identity)
        if held is None:
            query = "SELECT id, body, private FROM object WHERE id = ?"
            row = self.database.execute(query, (identity,)).fetchone()
            held = self._hold(row) if row else None
        return held.body if held else None

    def private(self, identity: str) -> Json:
        """What only the sandbox knows of an object, to be read or changed."""
        self.get(identity)
        return self._held[identity].private

    def remove(self, identity: str) -> None:
        """Forget an object."""
        self.begin()
        self._held.pop(identity, None)
        self.database.execute("DELETE FROM object WHERE id = ?", (identity,))

    def newest_first(self, kind: str, search: Search | None = None) -> Iterator[Json]:
        """The objects of a kind that are wanted, the newest first unless the search says so."""
        wanted = search or Search()
        self._write()
        terms, values = _terms(kind, wanted)
        order = "ASC" if wanted.is_oldest_first else "DESC"
        query = (
            "SELECT id, body, private FROM object "  # noqa: S608 - the words are ours
            f"WHERE {' AND '.join(terms)} ORDER BY place {order}"
        )
        for row in self.database.execute(query, values):
            body = self._hold(row).body
            if wanted.fits(body):
                yield body

    def answer(self, key: str) -> Json | None:
        """What an idempotency key was answered with."""
        query = "SELECT body FROM answer WHERE key = ?"
        row = self.database.execute(query, (key,)).fetchone()
        return dict(json.loads(row[0])) if row else None

    def keep_answer(self, key: str, answer: Json) -> None:
        """Remember what an idempotency key was answered with."""
        self.begin()
        self.database.execute("INSERT OR REPLACE INTO answer VALUES (?, ?)", (key, _text(answer)))

    def setting(self, name: str, default: Any) -> Any:
        """A value that is kept over restarts."""
        row = self.database.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else default

    def keep_setting(self, name: str, value: Any) -> None:
        """Keep a value over restarts."""
        self.begin()
        self.database.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, _text(value)))

    def begin(self) -> None:
        """Begin to change something, unless that has begun."""
        if not self.database.in_transaction:
            self.database.execute("BEGIN")

    def save(self) -> None:
        """Make what has changed last."""
        self._write()
        if self.database.in_transaction:
            self.database.execute("COMMIT")
        self._held.clear()

    def undo(self) -> None:
        """Forget what has changed since the last `save`."""
        self._held.clear()
        if self.database.in_transaction:
            self.database.execute("ROLLBACK")

    def clear(self) -> None:
        """Forget everything."""
        self.undo()
        for table in TABLES:
            self.database.execute(f"DELETE FROM {table}")  # noqa: S608 - the names are ours

    def copy(self) -> sqlite3.Connection:
        """Everything as it is now, to be brought back."""
        kept = sqlite3.connect(":memory:", check_same_thread=False)
        self.save()
        self.database.backup(kept)
        return kept

    def bring_back(self, kept: sqlite3.Connection) -> None:
        """Be as it was when it was copied."""
        self.undo()
        kept.backup(self.database)

    def _hold(self, row: tuple[str, str, str]) -> Held:
        identity, body, private = row
        held = self._held.get(identity)
        if held is None:
            held = Held(msgspec.json.decode(body), msgspec.json.decode(private), (body, private))
            self._held[identity] = held
        return held

    def _write(self) -> None:
        """Bring what is at hand into the database, without making it last yet."""
        for identity, held in self._held.items():
            now = (_text(held.body), _text(held.private))
            if now != held.was:
                self.begin()
                self.database.execute(
                    "UPDATE object SET body = ?, private = ? WHERE id = ?", (*now, identity)
                )
                held.was = now


def _terms(kind: str, wanted: Search) -> tuple[list[str], list[Any]]:
    """The conditions of a search, and their values in order."""
    terms, values = ["kind = ?"], [kind]
    for column, fields in (("body", wanted.equal), ("private", wanted.private)):
        for name, value in fields.items():
            terms.append(f"json_extract({column}, '$.{name}') = ?")
            values.append(value)
    for name, bound in wanted.created.items():
        terms.append(f"created {COMPARISONS[name]} ?")
        values.append(bound)  # type: ignore[arg-type]
    if wanted.beyond is not None:
        comparison = ">" if wanted.is_oldest_first else "<"
        place = "(SELECT place FROM object WHERE id = ?)"
        terms.append(f"place {comparison} {place}")
        values.append(wanted.beyond)
    return terms, values


def _indexes(indexed: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for column, names in indexed.items():
        for name in names:
            value = f"json_extract({column}, '$.{name}')"
            yield (
                f"CREATE INDEX IF NOT EXISTS object_{column}_{name} "
                f"ON object (kind, {value}, place) WHERE {value} IS NOT NULL;"
            )


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()

"""The sandbox's memory: objects by id, kept in SQLite so that a restart forgets nothing."""

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tiktoktoe.sandbox.stripe.errors import ApiError
from tiktoktoe.sandbox.stripe.spec import Json

SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL,
    body TEXT NOT NULL, private TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS answer (key TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class Store:
    """Objects with what the API shows of them, and what only the sandbox knows."""

    def __init__(self, path: Path) -> None:
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;" + SCHEMA)
        self._objects: dict[str, Json] = {}
        self._private: dict[str, Json] = {}
        self._by_kind: dict[str, list[str]] = {}
        self._changed: dict[str, None] = {}
        self._answers: dict[str, Json] = {}
        self._load()

    def add(self, body: Json, **private: Any) -> Json:
        """Remember a new object."""
        self._objects[body["id"]] = body
        self._private[body["id"]] = private
        self._by_kind.setdefault(body["object"], []).append(body["id"])
        self._changed[body["id"]] = None
        return body

    def get(self, identity: str, kind: str | None = None) -> Json:
        """An object, to be read or changed; who changes it calls `touch`.

        Raises:
            ApiError: 404, if there is none of this kind.
        """
        body = self._objects.get(identity)
        if body is None or (kind is not None and body["object"] != kind):
            raise ApiError(
                404,
                f"No such {kind or 'object'}: '{identity}'",
                code="resource_missing",
                param="id",
            )
        return body

    def find(self, identity: object) -> Json | None:
        """An object, if there is one of this id."""
        return self._objects.get(identity) if isinstance(identity, str) else None

    def private(self, identity: str) -> Json:
        """What only the sandbox knows of an object; changes are kept by `touch`."""
        return self._private[identity]

    def touch(self, *bodies: Json) -> None:
        """Note that objects changed, so that they are saved."""
        for body in bodies:
            self._changed[body["id"]] = None

    def newest_first(
        self, kind: str, fits: Callable[[Json], bool] = lambda _body: True
    ) -> Iterator[Json]:
        """The objects of a kind that fit, the newest first."""
        for identity in reversed(self._by_kind.get(kind, [])):
            body = self._objects[identity]
            if fits(body):
                yield body

    def answer(self, key: str) -> Json | None:
        """What an idempotency key was answered with."""
        return self._answers.get(key)

    def keep_answer(self, key: str, answer: Json) -> None:
        """Remember what an idempotency key was answered with."""
        self._answers[key] = answer
        self._database.execute(
            "INSERT OR REPLACE INTO answer VALUES (?, ?)", (key, json.dumps(answer))
        )

    def setting(self, name: str, default: Any) -> Any:
        """A value that is kept over restarts."""
        row = self._database.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else default

    def keep_setting(self, name: str, value: Any) -> None:
        """Keep a value over restarts."""
        self._database.execute(
            "INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, json.dumps(value))
        )

    def save(self) -> None:
        """Write what has changed since the last time, at once."""
        if not self._changed:
            return
        rows = []
        for identity in self._changed:
            body = self._objects[identity]
            private = json.dumps(self._private[identity])
            rows.append((identity, body["object"], json.dumps(body), private))
        self._database.execute("BEGIN")
        self._database.executemany(
            "INSERT INTO object VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE "
            "SET body = excluded.body, private = excluded.private",
            rows,
        )
        self._database.execute("COMMIT")
        self._changed.clear()

    def clear(self) -> None:
        """Forget everything."""
        for table in ("object", "answer", "setting"):
            self._database.execute(f"DELETE FROM {table}")  # noqa: S608 - names are ours
        for memory in (self._objects, self._private, self._by_kind, self._changed, self._answers):
            memory.clear()

    def _load(self) -> None:
        query = "SELECT id, kind, body, private FROM object ORDER BY rowid"
        for identity, kind, body, private in self._database.execute(query):
            self._objects[identity] = json.loads(body)
            self._private[identity] = json.loads(private)
            self._by_kind.setdefault(kind, []).append(identity)
        for key, body in self._database.execute("SELECT key, body FROM answer"):
            self._answers[key] = json.loads(body)

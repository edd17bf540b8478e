"""Statements that tests ask again and again, which PostgreSQL reads and plans once a connection.

psycopg lets it forget all of them at each rollback, and with one each test ends. That is for
tables made in what is rolled back; but PostgreSQL looks a statement's tables up again itself
when one has changed. So here they last until something is altered or dropped for good, which may
give the same words other columns.
"""

import re
from collections.abc import Sequence
from typing import Any

from django.db.backends.signals import connection_created
from psycopg._preparing import PrepareManager
from psycopg.pq import ExecStatus

FOR_GOOD = re.compile(rb"(DROP|ALTER|DISCARD ALL|DEALLOCATE ALL)\b")
MOST = 1_000  # statements a connection


class _Lasting(PrepareManager):
    """What is prepared on a connection, and outlives a rollback."""

    prepare_threshold = 1
    prepared_max = MOST

    def clear(self) -> bool:
        """Nothing: asked at each rollback."""
        return False

    def _should_discard(self, _prep: Any, results: Sequence[Any], *_: Any) -> bool:
        done = [one.command_status or b"" for one in results if one.status == ExecStatus.COMMAND_OK]
        return any(map(FOR_GOOD.match, done)) and super().clear()


def _last(connection: Any, **_: Any) -> None:
    connection.connection._prepared = _Lasting()


def let_prepared_statements_last() -> None:
    """On each connection that is made from now on."""
    connection_created.connect(_last, dispatch_uid="tests.prepared")

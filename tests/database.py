"""Emptying the test database after transactional tests, guards and seeds included.

Django empties tables with TRUNCATE, which the books and other append-only tables refuse, and
it forgets the rows that migrations put in. So `empty_database` takes the triggers off the tables
that are not as migrations left them, empties these, restores the rows of the freshly migrated
database, and puts the triggers back as they were, in one transaction. It deletes, for a TRUNCATE
of a few rows makes every index of the table anew, and those of all tables that refer to it.
tests/conftest.py makes every transactional test end with it; no test has to call it.
"""

from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

SEEDS = "test_seeds"
MIGRATIONS = "django_migrations"
ENABLE_AS = {"O": "ENABLE", "A": "ENABLE ALWAYS", "R": "ENABLE REPLICA"}

TABLES = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
    ORDER BY 1
"""
TRIGGERS = """
    SELECT relname, quote_ident(tgname), tgenabled::text
    FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
    WHERE relnamespace = 'public'::regnamespace AND relname = ANY(%s)
      AND NOT tgisinternal AND tgparentid = 0 AND tgenabled <> 'D'
"""
KEPT_TABLES = "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace ORDER BY 1"
RESTART = """
    SELECT setval(seqrelid, seqstart, false)
    FROM pg_sequence
    JOIN pg_depend ON objid = seqrelid AND classid = 'pg_class'::regclass AND deptype IN ('a', 'i')
    JOIN pg_class ON pg_class.oid = refobjid
    WHERE relnamespace = 'public'::regnamespace AND relname = ANY(%s)
"""
IDENTITIES = """
    SELECT attname, pg_get_serial_sequence(%s, attname) FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped
      AND pg_get_serial_sequence(%s, attname) IS NOT NULL
"""


def prepare_database() -> None:
    """Before the first test: remember what migrations put in, or clean up what a run left.

    A reused database may hold what a killed run wrote, so its seeds are copied only when it
    was migrated since.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        if _seeds_are_current(cursor):
            empty_database()
            return
        cursor.execute(f"DROP SCHEMA IF EXISTS {SEEDS} CASCADE")
        cursor.execute(f"CREATE SCHEMA {SEEDS}")
        for table in _tables_with_rows(cursor):
            cursor.execute(f'CREATE TABLE {SEEDS}."{table}" AS TABLE public."{table}"')


def empty_database() -> None:
    """Bring every table back to what migrations left in it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL lock_timeout = '20s'")
        cursor.execute(KEPT_TABLES, [SEEDS])
        seeded = [row[0] for row in cursor.fetchall() if row[0] != MIGRATIONS]
        changed = [table for table in seeded if _is_changed(cursor, table)]
        others = set(_tables_with_rows(cursor)) - {*seeded, MIGRATIONS}
        dirty = [*sorted(others), *changed]  # what refers at once goes before what it refers to
        cursor.execute(TRIGGERS, [dirty])
        triggers = cursor.fetchall()
        _alter(cursor, [(table, f"DISABLE TRIGGER {name}") for table, name, _ in triggers])
        for table in dirty:
            cursor.execute(f'DELETE FROM public."{table}"')
        cursor.execute(RESTART, [dirty])
        for table in changed:
            _restore(cursor, table)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        put_back = [(table, f"{ENABLE_AS[how]} TRIGGER {name}") for table, name, how in triggers]
        _alter(cursor, put_back)


def end_transactional_test(_test_case: Any) -> None:
    """What TransactionTestCase does instead of its flush."""
    empty_database()


def _alter(cursor: CursorWrapper, changes: list[tuple[str, str]]) -> None:
    """All in one statement, which leaves what is prepared (tests/prepared.py) as it is."""
    each = (f'ALTER TABLE public."{table}" {change};' for table, change in changes)
    cursor.execute(f"DO $$BEGIN {' '.join(each)} END$$")


def _is_changed(cursor: CursorWrapper, table: str) -> bool:
    now, then = (f'SELECT t::text FROM {schema}."{table}" t' for schema in ("public", SEEDS))
    cursor.execute(f"SELECT EXISTS ({now} EXCEPT ALL {then}) OR EXISTS ({then} EXCEPT ALL {now})")
    return bool(cursor.fetchone() == (True,))


def _restore(cursor: CursorWrapper, table: str) -> None:
    name = f'public."{table}"'
    cursor.execute(f'INSERT INTO {name} OVERRIDING SYSTEM VALUE SELECT * FROM {SEEDS}."{table}"')
    cursor.execute(IDENTITIES, [name, name, name])
    for column, sequence in cursor.fetchall():
        cursor.execute(f'SELECT setval(%s, max("{column}")) FROM {name}', [sequence])


def _seeds_are_current(cursor: CursorWrapper) -> bool:
    cursor.execute("SELECT to_regclass(%s)::text", [f"{SEEDS}.{MIGRATIONS}"])
    if cursor.fetchone() == (None,):
        return False
    cursor.execute(
        f"SELECT (SELECT max(id) FROM {SEEDS}.{MIGRATIONS}) = (SELECT max(id) FROM {MIGRATIONS})"
    )
    return bool(cursor.fetchone() == (True,))


def _tables_with_rows(cursor: CursorWrapper) -> list[str]:
    cursor.execute(TABLES)
    asked = " UNION ALL ".join(
        f"SELECT '{table}' WHERE EXISTS (SELECT FROM public.\"{table}\")"
        for (table,) in cursor.fetchall()
    )
    cursor.execute(asked)
    return [row[0] for row in cursor.fetchall()]

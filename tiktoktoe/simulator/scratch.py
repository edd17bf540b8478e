"""A place for rows that vanish: a session whose tables are all empty copies of its own.

Every table is shadowed by a temporary one of the same name, with its constraints, indexes and
triggers. PostgreSQL looks for tables among a session's temporary ones first, so that the real
services write there and nowhere else; and because the session is then read-only, which forbids
every write but those to temporary tables, the database itself refuses whatever would reach a
real row. No lock is taken on a real row, table or number series, and nothing is left when the
session ends, however it ends.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from django.db import connection
from psycopg import sql

# Their rows come with the migrations, or are only read.
COPIED = {"finance_entity": "true", "finance_account": "true"}
NOTHING: Mapping[str, str] = {}
NOT_SHADOWED = ("djstripe\\_%", "django\\_migrations", "django\\_celery\\_%", "auth\\_%")

TABLES = """
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND NOT (c.relname LIKE ANY(%s))
ORDER BY c.relname
"""
FOREIGN_KEYS = """
SELECT r.relname, c.conname, pg_get_constraintdef(c.oid, true)
FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid JOIN pg_class f ON f.oid = c.confrelid
WHERE c.contype = 'f' AND r.relname = ANY(%s) AND f.relname = ANY(%s)
  AND r.relnamespace = 'public'::regnamespace AND c.conparentid = 0
ORDER BY c.oid
"""
TRIGGERS = """
SELECT pg_get_triggerdef(t.oid, true)
FROM pg_trigger t JOIN pg_class r ON r.oid = t.tgrelid
WHERE NOT t.tgisinternal AND r.relname = ANY(%s) AND r.relnamespace = 'public'::regnamespace
  AND t.tgparentid = 0
ORDER BY t.oid
"""

# New rows in copied tables are numbered behind the copied ones.
NUMBER_ON = """
SELECT setval(pg_get_serial_sequence(name, 'id'), 1000000000) FROM unnest(%s::text[]) AS name
WHERE EXISTS (SELECT FROM pg_attribute WHERE attrelid = name::regclass AND attname = 'id'
              AND attidentity <> '')
"""


@contextmanager
def scratch_space(copies: Mapping[str, str] = NOTHING) -> Iterator[None]:
    """Let everything in the `with` be written to tables that only this session sees.

    `copies` names tables whose rows are there too, each with a condition on them: constants
    and numbers of ours, never what somebody entered.

    The session is a new one, and is closed in the end: plans that were made for the real
    tables do not serve here, nor those of here there.
    """
    connection.close()
    try:
        _shadow({**COPIED, **copies})
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = on")
        yield
    finally:
        connection.close()


def _shadow(copies: Mapping[str, str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(TABLES, [list(NOT_SHADOWED)])
        names = [row[0] for row in cursor.fetchall()]
        cursor.execute(FOREIGN_KEYS, [names, names])
        foreign_keys = cursor.fetchall()
        cursor.execute(TRIGGERS, [names])
        triggers = [row[0] for row in cursor.fetchall()]
        statements: list[sql.Composable] = [
            sql.SQL("CREATE TEMPORARY TABLE {} (LIKE public.{} INCLUDING ALL)").format(
                sql.Identifier(name), sql.Identifier(name)
            )
            for name in names
        ]
        statements += [
            sql.SQL("INSERT INTO {} SELECT * FROM public.{} WHERE {}").format(
                sql.Identifier(name), sql.Identifier(name), sql.SQL(rows)
            )
            for name, rows in copies.items()
        ]
        statements += [
            sql.SQL("ALTER TABLE pg_temp.{} ADD CONSTRAINT {} {}").format(
                sql.Identifier(table), sql.Identifier(constraint), sql.SQL(definition)
            )
            for table, constraint, definition in foreign_keys
        ]
        statements += [sql.SQL(definition) for definition in triggers]
        for statement in statements:
            cursor.execute(statement)
        cursor.execute(NUMBER_ON, [list(copies)])

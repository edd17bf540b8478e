"""Attacks on the books through SQL: as the application's role, and as a careless owner.

Each must be refused by PostgreSQL itself, with the rule's name.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from operator import methodcaller
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from finance.models import JournalEntry, Posting
from finance.services.app_role import APP_ROLE
from tests.factories.finance import make_entry, post_entry
from tiktoktoe.kernel.ids import uuid7

Execute = Callable[..., Any]
ROLES = ["", APP_ROLE]


@dataclass(frozen=True)
class Line:
    """A posting to be inserted."""

    account: str
    amount: int
    currency: str = "USD"
    functional: int | None = None
    on: date | None = None


@dataclass(frozen=True)
class Attempt:
    """An entry to be inserted by hand, with whatever is wrong about it."""

    lines: tuple[Line, ...] = (Line("1100", 100), Line("1200", -100))
    on: date = date(2026, 1, 15)
    kind: str = "payment_captured"
    key: str = "by hand"
    columns: str = ""
    values: str = ""
    overriding: str = ""

    def insert(self, execute: Execute, entry_id: UUID | None = None) -> UUID:
        """Insert it in one statement, as the service does."""
        entry_id = entry_id or uuid7()
        lines = ", ".join(_line_sql(n, line, self.on) for n, line in enumerate(self.lines, 1))
        postings = (
            f", lines AS (INSERT INTO finance_posting (entry_id, line_no, entity_id, effective_on,"
            " account_id, currency, amount_minor, functional_amount_minor)"
            f" SELECT '{entry_id}', l.* FROM (VALUES {lines}) AS l)"
            if self.lines
            else ""
        )
        execute(
            "WITH head AS (INSERT INTO finance_journalentry (id, entity_id, effective_on, kind,"
            f" source_type, source_id, idempotency_key, body_hash, description{self.columns})"
            f"{self.overriding} VALUES (%s, 1, %s, %s, 'payment', %s, %s, sha256(''), 'by hand'"
            f"{self.values})){postings} SELECT 1",
            [entry_id, self.on, self.kind, uuid7(), self.key],
        )
        return entry_id


def _line_sql(number: int, line: Line, on: date) -> str:
    functional = "NULL" if line.functional is None else line.functional
    return (
        f"({number}::smallint, 1::bigint, DATE '{line.on or on}',"
        f" coalesce((SELECT id FROM finance_account WHERE code = '{line.account}'), 0),"
        f" '{line.currency}', {line.amount}::bigint, {functional}::bigint)"
    )


@contextmanager
def acting_as(role: str) -> Iterator[Execute]:
    """Statements as a role of the database; empty is the owner."""
    with connection.cursor() as cursor:
        if role:
            cursor.execute(f"SET ROLE {role}")
        yield cursor.execute
        # After a refusal the roll-back has put the role back already.
        if role:
            cursor.execute("RESET ROLE")


def refused(attack: Callable[[Execute], object], *, role: str = "") -> str:
    """Why the database refused; fails if it did not."""
    with pytest.raises(DatabaseError) as caught, transaction.atomic(), acting_as(role) as execute:
        attack(execute)
    return str(caught.value)


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_a_sound_entry_goes_in(role: str) -> None:
    with acting_as(role) as execute:
        Attempt().insert(execute)

    assert JournalEntry.objects.count() == 1
    assert Posting.objects.count() == 2


STATEMENTS = [
    "UPDATE finance_posting SET amount_minor = amount_minor + 1",
    "UPDATE finance_posting SET customer_id = 1 WHERE false",
    "UPDATE finance_journalentry SET effective_on = '2020-01-01'",
    "DELETE FROM finance_posting",
    "DELETE FROM finance_journalentry",
    "TRUNCATE finance_posting",
    "TRUNCATE finance_journalentry CASCADE",
    "TRUNCATE finance_entity CASCADE",
    "DELETE FROM finance_account WHERE code = '1000'",
    "UPDATE finance_account SET type = 'income' WHERE code = '1200'",
    "UPDATE finance_account SET currency = 'EUR' WHERE code = '1200'",
    "UPDATE finance_account SET code = '9' WHERE code = '1200'",
    "UPDATE finance_entity SET functional_currency = 'EUR'",
    "MERGE INTO finance_posting p USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE",
]


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("statement", STATEMENTS)
def test_what_is_written_stays(statement: str, role: str) -> None:
    post_entry(make_entry("e1"))
    before = list(Posting.objects.values_list("entry", "line_no", "amount_minor"))

    reason = refused(lambda execute: execute(statement), role=role)

    assert "append-only" in reason or "is fixed" in reason or "permission denied" in reason
    assert list(Posting.objects.values_list("entry", "line_no", "amount_minor")) == before


@pytest.mark.django_db
def test_the_guards_hold_under_replication_role_replica() -> None:
    post_entry(make_entry("e1"))

    def attack(execute: Execute) -> None:
        execute("SET LOCAL session_replication_role = replica")
        execute("DELETE FROM finance_posting")

    assert "append-only" in refused(attack)
    unbalanced = Attempt(lines=(Line("1100", 100), Line("1200", -99)))

    def second(execute: Execute) -> None:
        execute("SET LOCAL session_replication_role = replica")
        unbalanced.insert(execute)

    assert "does not balance" in refused(second)


SOUND = Attempt()
ATTACKS = [
    (replace(SOUND, lines=(Line("1100", 100), Line("1200", -99))), "does not balance"),
    (replace(SOUND, lines=(Line("1100", 100),)), "does not balance"),
    (
        replace(SOUND, lines=(Line("1100", 100, "USD"), Line("1200", -100, "EUR"))),
        "does not balance",
    ),
    (
        replace(SOUND, lines=(Line("1100", 100, "EUR", 110), Line("1200", -100, "EUR", -109))),
        "functional currency",
    ),
    (
        replace(SOUND, lines=(Line("1100", 100, "EUR", 110), Line("1200", -100, "EUR"))),
        "functional currency",
    ),
    (replace(SOUND, lines=()), "in one statement"),
    (replace(SOUND, lines=(Line("1100", 0), Line("1200", 0))), "amount_minor_check"),
    (replace(SOUND, lines=(Line("1100", 100), Line("no such", -100))), "account is missing"),
    (
        replace(
            SOUND,
            lines=(Line("1100", 100, on=date(2025, 1, 1)), Line("1200", -100, on=date(2025, 1, 1))),
        ),
        "of another day",
    ),
    (replace(SOUND, lines=(Line("1100", 100), Line("4000", -100))), "may not use such an account"),
    (replace(SOUND, kind="gift"), "may not use such an account"),
]


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("attempt", "reason"), ATTACKS)
def test_an_unsound_entry_is_refused(attempt: Attempt, reason: str, role: str) -> None:
    assert reason in refused(attempt.insert, role=role)

    assert not JournalEntry.objects.exists()


FORGERIES = [
    (", xid", ", '1'::xid8", "database's own"),
    (", posted_at", ", '2020-01-01'", "database's own"),
    (", seq", ", 1", "GENERATED ALWAYS"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("columns", "values", "reason"), FORGERIES)
def test_nobody_chooses_xid_instant_or_sequence(columns: str, values: str, reason: str) -> None:
    attempt = Attempt(columns=columns, values=values)

    # A forged xid also seals the entry against its own postings, whichever guard runs first.
    owner = refused(attempt.insert)
    assert reason in owner or "sealed" in owner or "non-DEFAULT" in owner
    overriding = replace(attempt, overriding=" OVERRIDING SYSTEM VALUE")
    assert "permission denied" in refused(overriding.insert, role=APP_ROLE)


@pytest.mark.django_db
def test_the_application_cannot_loosen_its_bonds() -> None:
    for statement in [
        "ALTER TABLE finance_posting DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "DROP TRIGGER posting_guard ON finance_posting",
        "CREATE OR REPLACE FUNCTION finance_append_only() RETURNS trigger LANGUAGE sql AS ''",
        "INSERT INTO finance_postingroute (kind) VALUES ('x')",
        "INSERT INTO finance_entity (name, functional_currency) VALUES ('Mine', 'USD')",
        "SELECT setval('finance_journalentry_seq_seq', 1)",
        "UPDATE django_migrations SET name = 'x'",
    ]:
        reason = refused(methodcaller("__call__", statement), role=APP_ROLE)
        assert "must be owner" in reason or "permission denied" in reason, statement


@pytest.mark.django_db
def test_a_temporary_table_does_not_stand_in_for_the_journal() -> None:
    entry = post_entry(make_entry("e1"))

    def attack(execute: Execute) -> None:
        execute("CREATE TEMP TABLE finance_account AS SELECT * FROM public.finance_account")
        execute("UPDATE finance_account SET type = 'income'")
        execute("SET search_path = pg_temp, public")
        replace(SOUND, kind="revenue_recognized").insert(execute)

    assert "may not use such an account" in refused(attack, role=APP_ROLE)
    assert JournalEntry.objects.get() == entry


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", ROLES)
def test_a_committed_entry_takes_no_more_postings(role: str) -> None:
    entry = post_entry(make_entry("e1"))

    def attack(execute: Execute) -> None:
        lines = ", ".join(
            f"('{entry.pk}', {_line_sql(n, line, entry.effective_on)[1:]}"
            for n, line in [(3, Line("1100", 5)), (4, Line("1200", -5))]
        )
        execute(
            "INSERT INTO finance_posting (entry_id, line_no, entity_id, effective_on, account_id,"
            f" currency, amount_minor, functional_amount_minor) VALUES {lines}"
        )

    assert "sealed" in refused(attack, role=role)
    assert Posting.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_a_closed_day_takes_no_entries_and_stays_closed(role: str) -> None:
    with acting_as(role) as execute:
        execute("UPDATE finance_entity SET closed_through = '2026-01-31'")

    assert "period is closed" in refused(Attempt(on=date(2026, 1, 31)).insert, role=role)
    reopen = "UPDATE finance_entity SET closed_through = '2026-01-30'"
    assert "stays closed" in refused(lambda execute: execute(reopen), role=role)
    forget = "UPDATE finance_entity SET closed_through = NULL"
    assert "stays closed" in refused(lambda execute: execute(forget), role=role)


@pytest.mark.django_db
def test_an_entry_is_reversed_once_and_a_reversal_never() -> None:
    first = Attempt().insert(connection.cursor().execute)
    back = Attempt(
        lines=(Line("1100", -100), Line("1200", 100)),
        kind="payment_captured_reversal",
        key="back",
        columns=", reverses_id",
        values=f", '{first}'",
    )
    reversal = back.insert(connection.cursor().execute)

    again = replace(back, key="again")
    back_again = replace(SOUND, key="b", columns=", reverses_id", values=f", '{reversal}'")

    assert "journal_reversed_once" in refused(again.insert)
    assert "takes back an ordinary entry" in refused(back_again.insert)


def other_session() -> psycopg.Connection[Any]:
    """A connection of its own to the test database."""
    ours = {"cursor_factory", "context", "prepare_threshold"}
    params = connection.get_connection_params().items()
    return psycopg.connect(**{name: value for name, value in params if name not in ours})


@pytest.mark.django_db(transaction=True)
def test_a_close_waits_for_whoever_is_posting_and_then_holds() -> None:
    poster = other_session()
    closer = other_session()
    close = "UPDATE finance_entity SET closed_through = '2026-01-31' WHERE id = 1"
    try:
        Attempt(key="in time").insert(poster.execute)
        closer.execute("SET lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            closer.execute(close)
        closer.rollback()

        poster.commit()
        closer.execute(close)
        closer.commit()

        with pytest.raises(psycopg.errors.CheckViolation, match="period is closed"):
            Attempt(key="too late").insert(poster.execute)
    finally:
        poster.close()
        closer.close()
    assert list(JournalEntry.objects.values_list("idempotency_key", flat=True)) == ["in time"]


@pytest.mark.django_db(transaction=True)
def test_an_old_snapshot_cannot_slip_past_a_close() -> None:
    with other_session() as poster:
        poster.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        poster.execute("SELECT count(*) FROM finance_entity")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE finance_entity SET closed_through = '2026-01-31'")

        with pytest.raises(psycopg.errors.DatabaseError, match="read committed only"):
            Attempt().insert(poster.execute)
        poster.rollback()


@pytest.mark.django_db
def test_every_guard_is_enabled_always() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, tgname, tgenabled::text FROM pg_trigger"
            " WHERE NOT tgisinternal AND tgfoid::regproc::text LIKE 'finance_%'"
        )
        guards = cursor.fetchall()

    assert len(guards) == 13
    assert {enabled for _, _, enabled in guards} == {"A"}


@pytest.mark.django_db
def test_the_application_may_use_every_other_table() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.oid::regclass::text FROM pg_class c"
            " WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            " AND NOT has_table_privilege(%s, c.oid, 'SELECT, INSERT, UPDATE, DELETE')"
            " AND NOT has_table_privilege(%s, c.oid, 'SELECT')",
            [APP_ROLE, APP_ROLE],
        )
        unreadable = cursor.fetchall()

    assert unreadable == []

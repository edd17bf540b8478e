"""dj-stripe's tables in one step: the same tables, on a fresh database only."""

import os
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import DjangoDbBlocker

from tests.web.management.scratch import (
    connected,
    manage,
    python,
    schema,
    scratch_database,
    tables,
)

OWN_HISTORY = """
import django
django.setup()
from django.core.management import call_command
from django.core.management.commands.migrate import Command
call_command(Command(), verbosity=0, interactive=False)
"""
is_long = pytest.mark.skipif(
    not os.environ.get("SLOW_TESTS"),
    reason="replays dj-stripe's own history for minutes; set SLOW_TESTS=1",
)


class Fresh(NamedTuple):
    """Where an empty database is."""

    url: str
    alias: str


def djstripe_on_disk() -> set[str]:
    """The names of dj-stripe's migrations."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return {name for app, name in loader.disk_migrations if app == "djstripe"}


def djstripe_recorded() -> set[str]:
    """The names of dj-stripe's migrations that this database has."""
    applied = MigrationRecorder(connection).applied_migrations()
    return {name for app, name in applied if app == "djstripe"}


@pytest.mark.django_db
def test_a_fresh_database_has_every_migration_of_djstripe_recorded() -> None:
    assert djstripe_recorded() == djstripe_on_disk()
    assert len(djstripe_on_disk()) > 0


@pytest.mark.django_db
def test_tables_of_plain_many_to_many_fields_have_keys_as_in_djstripes_history() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT data_type FROM information_schema.columns WHERE column_name = 'id' "
            "AND table_name = 'djstripe_djstripeinvoicedefaulttaxrate'"
        )
        assert cursor.fetchall() == [("bigint",)]


@pytest.fixture
def recorded_at_the_ordinary_command(monkeypatch: pytest.MonkeyPatch) -> list[set[str]]:
    """What is recorded of dj-stripe each time Django's own migrate begins; it does nothing."""
    seen: list[set[str]] = []
    monkeypatch.setattr(
        "django.core.management.commands.migrate.Command.handle",
        lambda *_args, **_options: seen.append(djstripe_recorded()),
    )
    return seen


@pytest.mark.django_db
def test_a_newer_migration_of_djstripe_is_left_to_the_ordinary_command(
    recorded_at_the_ordinary_command: list[set[str]],
) -> None:
    newest = max(djstripe_on_disk())
    MigrationRecorder(connection).record_unapplied("djstripe", newest)

    call_command("migrate", verbosity=0, interactive=False)

    assert recorded_at_the_ordinary_command == [djstripe_on_disk() - {newest}]


@pytest.mark.django_db
def test_tables_without_a_record_are_left_to_the_ordinary_command(
    recorded_at_the_ordinary_command: list[set[str]],
) -> None:
    for name in djstripe_on_disk():
        MigrationRecorder(connection).record_unapplied("djstripe", name)

    call_command("migrate", verbosity=0, interactive=False)

    assert recorded_at_the_ordinary_command == [set()]


@pytest.fixture
def fresh(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Fresh]:
    """An empty database, which commands reach by an alias."""
    with django_db_blocker.unblock(), scratch_database() as url, connected(url) as alias:
        yield Fresh(url, alias)


def test_migrate_only_asks_when_told_to_plan(fresh: Fresh) -> None:
    call_command("migrate", plan=True, database=fresh.alias)

    assert tables(fresh.url, "djstripe_") == set()


def test_migrate_of_one_app_makes_only_what_that_app_needs(fresh: Fresh) -> None:
    call_command("migrate", "contenttypes", database=fresh.alias, verbosity=0)

    assert tables(fresh.url, "") == {"django_content_type", "django_migrations"}


@is_long
@pytest.mark.django_db
def test_the_tables_made_in_one_step_equal_those_of_djstripes_own_history() -> None:
    with scratch_database() as ours, scratch_database() as theirs:
        manage(ours, "migrate", "-v0")
        python(theirs, "-c", OWN_HISTORY)

        assert len(tables(ours, "djstripe_")) == len(tables(theirs, "djstripe_")) > 50
        assert schema(ours, "djstripe_") == schema(theirs, "djstripe_")

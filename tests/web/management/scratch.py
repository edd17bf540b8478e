"""Scratch databases beside the one of the tests, and what their tables look like."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote, urlencode
from uuid import uuid4

import psycopg
from django.db import connection, connections
from psycopg import sql

from tiktoktoe.launcher.servers import postgres_bin

NAME_HASH = re.compile(r"_[0-9a-f]{8}(?=_fk|_uniq|_like|_idx|_check|\b)")


@contextmanager
def scratch_database() -> Iterator[str]:
    """The address of a new, empty database, which is dropped afterwards."""
    name = f"ttt_scratch_{uuid4().hex[:12]}"
    with psycopg.connect(address("postgres"), autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield address(name)
        finally:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            server.execute(drop)


@contextmanager
def connected(url: str) -> Iterator[str]:
    """The alias by which this process reaches a database, for commands that take one."""
    alias = "scratch"
    connections.settings[alias] = {
        **connection.settings_dict,
        "NAME": psycopg.conninfo.conninfo_to_dict(url)["dbname"],
    }
    try:
        yield alias
    finally:
        connections[alias].close()
        del connections[alias], connections.settings[alias]


def address(name: str) -> str:
    """A database of the server that the tests use, as a postgresql:// address."""
    settings = connection.settings_dict
    person = quote(settings["USER"] or "")
    if settings["PASSWORD"]:
        person += ":" + quote(settings["PASSWORD"])
    where = {"host": settings["HOST"] or "", "port": str(settings["PORT"] or "")}
    query = urlencode({key: value for key, value in where.items() if value})
    return f"postgresql://{person}@/{name}?{query}"


def manage(url: str, *arguments: str) -> str:
    """Run a management command on a database; gives what it printed."""
    return python(url, "manage.py", *arguments)


def python(url: str, *arguments: str) -> str:
    """Run Python with the product's settings on a database; gives what it printed."""
    env = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        [sys.executable, *arguments], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout


def tables(url: str, prefix: str) -> set[str]:
    """The tables whose names start so."""
    with psycopg.connect(url) as database:
        rows = database.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {name for (name,) in rows if name.startswith(prefix)}


def dump(url: str) -> list[str]:
    """The lines that would make a database again: tables, functions, triggers, grants."""
    lines = _pg_dump("--schema-only", url).splitlines()
    return [line for line in lines if not line.startswith("\\")]


def schema(url: str, prefix: str) -> list[str]:
    """The statements that would make those tables, in an order and with names of no account.

    Django names indexes and constraints with a hash, and adds columns in the order in which
    migrations did; neither says anything about what a table holds.
    """
    text = _pg_dump("--schema-only", "--no-owner", "--no-privileges", "-t", f"{prefix}*", url)
    lines = [
        line for line in text.splitlines() if line and not line.startswith(("--", "\\", "SET"))
    ]
    statements = NAME_HASH.sub("_#", "\n".join(lines)).rstrip(";").split(";\n")
    return sorted(_with_sorted_columns(statement) for statement in statements)


def _pg_dump(*arguments: str) -> str:
    return subprocess.run(
        [postgres_bin() / "pg_dump", *arguments], capture_output=True, text=True, check=True
    ).stdout


def _with_sorted_columns(statement: str) -> str:
    if not statement.startswith("CREATE TABLE"):
        return statement
    first, *columns, last = statement.splitlines()
    return "\n".join([first, *sorted(column.rstrip(",") for column in columns), last])

"""Statements stay prepared from test to test, until something changes for good."""

import pytest
from django.db import connection

from tests.database import empty_database
from tests.factories.subscriptions import make_customer
from tests.shared_world import undone
from tiktoktoe.accounts.models import User

PREPARED = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s"


def ask() -> list[int]:
    """A question that is prepared the second time."""
    return list(User.objects.filter(email="nobody at all").values_list("id", flat=True))


def prepared() -> int:
    with connection.cursor() as cursor:
        cursor.execute(PREPARED, ['%"accounts_user"."email" = $1'])
        return int(cursor.fetchall()[0][0])


@pytest.mark.django_db
def test_what_is_prepared_outlives_a_rollback() -> None:
    with undone():
        assert ask() == ask() == []
    assert prepared() == 1


@pytest.mark.django_db(transaction=True)
def test_it_outlives_the_rollback_of_a_whole_transaction_and_the_emptying_of_tables() -> None:
    with undone():
        assert ask() == ask() == []
    make_customer()
    empty_database()
    assert prepared() == 1


@pytest.mark.django_db
def test_a_statement_is_right_for_a_table_that_is_made_anew() -> None:
    def made_with(columns: str) -> tuple[int, ...]:
        with undone(), connection.cursor() as cursor:
            cursor.execute(f"CREATE TEMP TABLE made AS SELECT {columns}")
            for _ in range(3):
                cursor.execute("SELECT b FROM made WHERE b = %s", [2])
            return tuple(cursor.fetchall()[0])

    assert made_with("1 AS a, 2 AS b") == made_with("2 AS b") == (2,)


@pytest.mark.django_db
def test_what_is_altered_for_good_is_asked_anew() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE altered AS SELECT 2 AS b")
        for _ in range(3):
            cursor.execute("SELECT * FROM altered WHERE b = %s", [2])
        cursor.execute("ALTER TABLE altered ADD COLUMN c integer")

        cursor.execute("SELECT * FROM altered WHERE b = %s", [2])

        assert cursor.fetchone() == (2, None)

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from finance.services.app_role import APP_ROLE, grant_app_role

pytestmark = pytest.mark.django_db


def test_grant_app_role_may_be_repeated() -> None:
    assert grant_app_role().is_ready
    assert grant_app_role().is_ready


def test_grant_app_role_covers_tables_that_are_made_later() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE made_later (id bigint GENERATED ALWAYS AS IDENTITY)")
        cursor.execute(f"SET ROLE {APP_ROLE}")
        cursor.execute("INSERT INTO made_later DEFAULT VALUES")
        cursor.execute("DELETE FROM made_later")
        cursor.execute("RESET ROLE")


def test_a_server_that_lets_us_make_no_roles_is_told_and_not_an_error() -> None:
    out, err = StringIO(), StringIO()
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE weak NOLOGIN")
        cursor.execute("SET ROLE weak")

    call_command("grant_app_role", stdout=out, stderr=err)

    assert out.getvalue() == ""
    # The reason is PostgreSQL's own, and its words differ between releases.
    assert f"The role {APP_ROLE} cannot be made here (" in err.getvalue()

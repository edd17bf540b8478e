"""The database role that web and workers act as: it may use every table, and not the guards.

It has no login of its own; the connecting owner is a member and takes it on with SET ROLE.
On the books it may read and append, column by column, so that it cannot choose what the
database itself writes down: the sequence, the transaction and the instant of an entry.
"""

import time
from dataclasses import dataclass

from django.db import OperationalError, connection, transaction
from django.db.utils import InternalError, ProgrammingError

APP_ROLE = "tiktoktoe_app"
GRANT_TRIES = 5

ENTRY_COLUMNS = (
    "id, entity_id, effective_on, kind, source_type, source_id, idempotency_key, body_hash, "
    "description, reverses_id"
)
POSTING_COLUMNS = (
    "entry_id, line_no, entity_id, effective_on, account_id, currency, amount_minor, "
    "functional_amount_minor, customer_id, document_id"
)

CREATE_ROLE = f"""
DO $$ BEGIN
    CREATE ROLE {APP_ROLE} NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
"""

# One transaction: nobody ever sees the wide rights without the narrower ones.
GRANTS = f"""
GRANT USAGE ON SCHEMA public TO {APP_ROLE};
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {APP_ROLE};
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {APP_ROLE};
ALTER DEFAULT PRIVILEGES IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {APP_ROLE};
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {APP_ROLE};
REVOKE INSERT, UPDATE, DELETE ON finance_journalentry, finance_posting, finance_postingroute,
    finance_account, finance_entity, django_migrations FROM {APP_ROLE};
REVOKE ALL ON SEQUENCE finance_journalentry_seq_seq FROM {APP_ROLE};
GRANT INSERT ({ENTRY_COLUMNS}) ON finance_journalentry TO {APP_ROLE};
GRANT INSERT ({POSTING_COLUMNS}) ON finance_posting TO {APP_ROLE};
GRANT INSERT ON finance_account TO {APP_ROLE};
GRANT UPDATE (name) ON finance_account TO {APP_ROLE};
GRANT UPDATE (name, closed_through) ON finance_entity TO {APP_ROLE};
"""  # noqa: S608 - made of constants


@dataclass(frozen=True, slots=True)
class RoleReport:
    """Whether the role can be used now; if not, what the server said."""

    is_ready: bool
    reason: str = ""


def grant_app_role() -> RoleReport:
    """Make the role if it is absent, and give it its rights on all tables there are.

    Safe to repeat, and needed after every migration that makes or changes guarded tables.
    A server that lets us make no roles is reported, not an error: the triggers guard the
    books without it.
    """
    try:
        with transaction.atomic():
            _ensure_role()
    except (ProgrammingError, InternalError) as refusal:
        return RoleReport(is_ready=False, reason=str(refusal).splitlines()[0])
    _grant()
    return RoleReport(is_ready=True)


def _ensure_role() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", [APP_ROLE])
        if not cursor.rowcount:
            cursor.execute(CREATE_ROLE)
        cursor.execute("SELECT pg_has_role(current_user, %s, 'MEMBER')", [APP_ROLE])
        if cursor.fetchone() == (False,):
            cursor.execute(f"GRANT {APP_ROLE} TO CURRENT_USER")


def _grant() -> None:
    """Grant, again when another database of the same server changed the role meanwhile."""
    for left in reversed(range(GRANT_TRIES)):
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(GRANTS)
        except (InternalError, OperationalError):  # "tuple concurrently updated"
            if not left:
                raise
            time.sleep(0.2)
        else:
            return

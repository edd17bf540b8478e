"""What is done once before pytest's workers begin: Django's own checks, and their databases.

`python -m tests.before_workers 3` before `pytest -n3`: each worker finds a migrated database of its
own, which `--reuse-db` takes. One process, for each would load all of the product. Stripe's
document is read here, too: the sandboxes of all workers would do it at the same time.
"""

import sys

import django
from django.core.management import CommandError, call_command
from django.db import connection

from tests.sandbox.server import CACHE
from tiktoktoe.sandbox.stripe.spec import load_spec


def check() -> None:
    """The system check, and that no migration is missing; raises CommandError or SystemExit."""
    call_command("check", fail_level="ERROR")
    call_command("makemigrations", check_changes=True, dry_run=True)


def make_databases(workers: int) -> None:
    """Make the databases that pytest-django names by pytest-xdist's workers: gw0, gw1 and on.

    Migrated once, and copied for the others.
    """
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    for number in range(workers):
        connection.creation.clone_test_db(f"gw{number}", verbosity=0, autoclobber=True)


if __name__ == "__main__":
    django.setup()
    try:
        check()
    except CommandError as error:
        sys.exit(str(error))
    make_databases(int(sys.argv[1]))
    CACHE.mkdir(parents=True, exist_ok=True)
    load_spec(CACHE)

"""Make the test database of each worker: migrated once, and copied for the others.

`python -m tests.worker_databases 3` before `pytest -n3`: each worker finds its own there, which
`--reuse-db` takes, and has nothing to migrate.
"""

import sys

import django
from django.db import connection


def make(workers: int) -> None:
    """Make the databases that pytest-django names by pytest-xdist's workers: gw0, gw1 and on."""
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    for number in range(workers):
        connection.creation.clone_test_db(f"gw{number}", verbosity=0, autoclobber=True)


if __name__ == "__main__":
    django.setup()
    make(int(sys.argv[1]))

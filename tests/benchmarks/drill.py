"""Payments end to end against bare round trips, and 2,000 of them under faults.

Needs the scratch servers and both sandboxes of the launcher; the drill has a database of its own.
"""

import os
import subprocess
import sys

from tests.web.management.scratch import manage, scratch_database

PAYMENTS = 2_000
CALM_PAYMENTS = 400


def run(payments: int = PAYMENTS, calm: int = CALM_PAYMENTS) -> None:
    """Let it print what it finds; anything that is not as it must be ends the benchmark."""
    for arguments in (["--payments", str(calm), "--calm"], ["--payments", str(payments)]):
        with scratch_database() as url:
            manage(url, "migrate", "--no-input", "-v0")
            _drill(url, arguments)


def _drill(url: str, arguments: list[str]) -> None:
    env = {
        **os.environ,
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "STRIPE_TIMEOUT_SECONDS": "2",
        "GATEWAY_TIMEOUT_SECONDS": "2",
        "LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "manage.py", "payment_drill", *arguments]
    subprocess.run(command, env=env, check=True)

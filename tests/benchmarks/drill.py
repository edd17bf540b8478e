"""Payments end to end against bare round trips, and 2,000 of them under faults; fewer where
gateways tell the time, and clocks differ.

Needs the scratch servers and both sandboxes of the launcher; PayPal's, for the run under faults,
and a database of each run's own are made here.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.paypal_world import environment_of, running_paypal
from tests.web.management.scratch import manage, scratch_database

PAYMENTS = 2_000
CALM_PAYMENTS = 400
DATED_PAYMENTS = 100


def run(payments: int = PAYMENTS, calm: int = CALM_PAYMENTS) -> None:
    """Let it print what it finds; anything that is not as it must be ends the benchmark."""
    with TemporaryDirectory() as folder, running_paypal(Path(folder)) as paypal:
        dated = ["--payments", str(min(payments, DATED_PAYMENTS)), "--seed", "2", "--dated"]
        calmly = ["--payments", str(calm), "--calm"]
        for arguments in (calmly, dated, ["--payments", str(payments)]):
            with scratch_database() as url:
                manage(url, "migrate", "--no-input", "-v0")
                _drill(url, arguments, environment_of(paypal))


def _drill(url: str, arguments: list[str], environment: dict[str, str]) -> None:
    env = {
        **os.environ,
        **environment,
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "STRIPE_TIMEOUT_SECONDS": "2",
        "GATEWAY_TIMEOUT_SECONDS": "2",
        "LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "manage.py", "payment_drill", *arguments]
    subprocess.run(command, env=env, check=True)

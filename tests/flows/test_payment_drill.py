"""`manage.py payment_drill`: a short run of the chaos drill, on two gateways."""

import os
import re
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from billing.models import PaymentAttempt
from tests.adyen_world import AdyenWorld
from tests.factories.subscriptions import make_customer
from tests.stripe_world import ROOT, StripeWorld
from tests.web.management.scratch import address

pytestmark = pytest.mark.django_db(transaction=True)
TIMEOUTS = {"STRIPE_TIMEOUT_SECONDS": "2", "GATEWAY_TIMEOUT_SECONDS": "2"}


def _drill(
    stripe: StripeWorld, adyen: AdyenWorld, *arguments: str
) -> "subprocess.CompletedProcess[str]":
    env = {
        **os.environ,
        "DATABASE_URL": address(connection.settings_dict["NAME"]),
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        **stripe.environment(),
        **adyen.environment(),
        **TIMEOUTS,
    }
    return subprocess.run(
        [sys.executable, "manage.py", "payment_drill", *arguments],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_each_fault_strikes_once_and_all_money_ends_where_it_belongs(
    stripe: StripeWorld, adyen: AdyenWorld
) -> None:
    done = _drill(stripe, adyen, "--payments", "24", "--seed", "1", "--dealt")

    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert "✗" not in done.stdout
    assert re.search(r"double charges +0 ", done.stdout)
    assert re.search(r"faults that never struck +0 ", done.stdout)
    assert set(PaymentAttempt.objects.values_list("gateway", flat=True)) == {"stripe", "adyen"}


def test_a_database_that_is_in_use_is_left_alone(stripe: StripeWorld, adyen: AdyenWorld) -> None:
    make_customer()

    with pytest.raises(CommandError, match="empty database"):
        call_command("payment_drill")

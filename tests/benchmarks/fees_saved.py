"""The share of fees that routing saves on the demo company, against always a card at gateway one.

A demo company of reduced size is made in a database of its own, with both sandboxes of the
launcher; then every payment that was collected is routed again by the policy in force, and both
sides are priced by the fee rules of the payment's day. What refunds, disputes and declines cost
is not in it. The figures are the same for the same seed, size and day.
"""

import os
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import TYPE_CHECKING

from django.conf import settings

from billing.domain.fee_savings import Savings
from tests.web.management.scratch import manage, python, scratch_database
from tiktoktoe.sandbox.control import SandboxControl

if TYPE_CHECKING:
    from billing.queries.fee_savings import FeeSavings

DAYS = 150
CUSTOMERS = 80
Say = Callable[[str], object]


def run(days: int = DAYS, customers: int = CUSTOMERS) -> None:
    """Make the company and print what was saved."""
    for address in (settings.STRIPE_API_HOST, settings.GATEWAYS["adyen"]["api_host"]):
        SandboxControl(address).reset()
    size = ("--days", str(days), "--customers", str(customers), "--processes", "1")
    with scratch_database() as url:
        manage(url, "migrate", "--no-input", "-v0")
        manage(url, "seed_demo", *size, "--skip-checks")
        sys.stdout.write(python(url, "-m", "tests.benchmarks.fees_saved"))


def tell(found: "FeeSavings", say: Say = print) -> None:
    """Say it: what it would have cost, what it costs, and what made the difference."""
    for currency, savings in sorted(found.as_decided.items()):
        say(
            f"{savings.payments} payments over {_money(savings.volume)} {currency}; "
            f"{savings.could_choose} of them had more than one candidate"
        )
        say(f"always card on gateway one: {_money(savings.always_fee)} of fees")
        say(f"the routing in force: {_money(savings.routed_fee)}, {_shares(savings)}")
        charged = found.as_charged[currency]
        say(f"as it was charged, after refusals: {_money(charged.routed_fee)}, {_shares(charged)}")


def _shares(savings: Savings) -> str:
    whole = savings.always_fee or 1
    return (
        f"{float(savings.share):.1%} saved "
        f"({float(savings.by_gateway / whole):.1%} by gateway, "
        f"{float(savings.by_method / whole):.1%} by method)"
    )


def _money(amount: Fraction) -> str:
    return f"{float(amount):,.2f}"


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from billing.queries.fee_savings import fee_savings

    tell(fee_savings())

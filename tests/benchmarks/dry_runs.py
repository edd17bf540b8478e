"""Subscriptions per second of a dry run, of now and of a day two periods later, beside the run.

All in one process on one database; the dry runs leave what the run then bills.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from billing.models import DryRun
from billing.services.invoices.dry_run import start_dry_run, work_on_dry_run
from billing.services.invoices.renewal import run_billing
from tests.benchmarks.big_billing_run import set_up
from tests.benchmarks.billing_run import FEB_1, Figure, a_plan, per_second

SUBSCRIPTIONS = 3_000
APRIL_1 = datetime(2026, 4, 1, tzinfo=UTC)
Say = Callable[[str], object]


def run(*, say: Say = print, subscriptions: int = SUBSCRIPTIONS) -> list[Figure]:
    """Measure each, print and return the rates of subscriptions."""
    set_up(a_plan(), subscriptions=subscriptions)
    now = per_second(subscriptions, lambda: dry_run(FEB_1, invoices=subscriptions))
    ahead = per_second(subscriptions, lambda: dry_run(APRIL_1, invoices=3 * subscriptions))
    real = per_second(subscriptions, lambda: run_billing(at=FEB_1))
    figures = [
        Figure("Billing run", real),
        Figure("Dry run of now", now, now / real),
        Figure("Dry run of three periods", ahead, ahead / real),
    ]
    for figure in figures:
        ratio = f"  {figure.ratio:.2f} times the billing run" if figure.ratio else ""
        say(f"{figure.name:<30} {figure.per_second:>8,.0f} subscriptions/s{ratio}")
    return figures


def dry_run(by: datetime, *, invoices: int) -> None:
    """Work one out, by one worker, and check that nothing was left out."""
    made = start_dry_run(by=by, user=None, at=FEB_1)
    while work_on_dry_run(at=FEB_1):
        pass
    made = DryRun.objects.get(pk=made.pk)
    assert (made.state, made.invoices.count(), made.failures.count()) == ("done", invoices, 0)

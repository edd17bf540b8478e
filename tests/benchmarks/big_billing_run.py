"""The billing run at 10,000 and 100,000 subscriptions, beside the naive loop and SQL alone.

As `billing_run`, but the rows are made by one statement a table, so that even the largest is
set up in a moment, and each size is measured once: first the naive loop on a small part, then
the run, then the limit, all in one process on one database.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import transaction

from billing.services.invoices.renewal import run_billing
from subscriptions.models import Meter, PlanVersion, Subscription
from tests.benchmarks.billing_run import (
    DAYS,
    FEB_1,
    JAN_1,
    NAIVE,
    Figure,
    a_plan,
    check_run,
    naive_loop,
    per_second,
    run_statements,
    set_based,
)
from tiktoktoe.kernel.ids import short_id

SIZES = (10_000, 100_000)
Say = Callable[[str], object]

SET_UP = """
UPDATE subscriptions_subscription SET next_billing_at = NULL WHERE next_billing_at IS NOT NULL;

CREATE TEMPORARY TABLE fresh ON COMMIT DROP AS
SELECT n, %(batch)s || '-' || n AS name FROM generate_series(1, %(count)s) AS n;

INSERT INTO subscriptions_customer (external_id, name, email, address_line1, address_line2, city,
    region, postal_code, country, tax_number, is_tax_exempt, currency, time_zone, locale,
    created_at)
SELECT name, 'Customer ' || n, n || '@example.com', '', '', '', '', '', 'DE', '', false, 'EUR',
    'UTC', 'en', %(start)s
FROM fresh;

INSERT INTO subscriptions_subscription (reference, customer_id, plan_version_id, quantity, currency,
    state, time_zone, alignment, anchor_on, started_at, current_period_start, current_period_end,
    next_billing_at, cancel_unused_time, bills_trial_usage, created_at)
SELECT 'sub_' || fresh.name, c.id, %(version)s, 1, 'EUR', 'active', 'UTC', 'anniversary',
    %(start)s::date, %(start)s, %(start)s, %(end)s, %(end)s, '', false, %(start)s
FROM fresh JOIN subscriptions_customer c ON c.external_id = fresh.name;

INSERT INTO subscriptions_subscriptionphase (subscription_id, plan_version_id, quantity, starts_at)
SELECT s.id, %(version)s, 1, %(start)s
FROM fresh JOIN subscriptions_subscription s ON s.reference = 'sub_' || fresh.name;

INSERT INTO subscriptions_usageday (customer_id, meter_id, day, event_count, quantity_sum,
    quantity_max, dimensions)
SELECT c.id, %(meter)s, %(start)s::date + day, 10, 500 + fresh.n %% 97, 90, '{}'
FROM fresh JOIN subscriptions_customer c ON c.external_id = fresh.name
CROSS JOIN generate_series(0, %(days)s - 1) AS day;

ANALYZE subscriptions_customer, subscriptions_subscription, subscriptions_usageday;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What was measured of so many subscriptions."""

    subscriptions: int
    naive: float
    ours: float
    limit: float

    def figures(self) -> list[Figure]:
        """The three rates, two of them as times of the first."""
        many = f"{self.subscriptions:,} subscriptions"
        return [
            Figure(f"Naive loop over {NAIVE}", self.naive),
            Figure(f"Billing run, {many}", self.ours, self.ours / self.naive),
            Figure(f"Set-based SQL, the limit, {many}", self.limit, self.limit / self.naive),
        ]


def run(*, say: Say = print, sizes: Sequence[int] = SIZES) -> list[Size]:
    """Measure each size, print and return the rates."""
    version = a_plan()
    set_up(version, subscriptions=200)
    run_billing(at=FEB_1)  # warm up
    measured = []
    for size in sizes:
        set_up(version, subscriptions=min(NAIVE, size))
        naive = per_second(min(NAIVE, size), naive_loop)
        set_up(version, subscriptions=size)
        ours = per_second(size, lambda: check_run(size))  # noqa: B023 - called at once
        set_up(version, subscriptions=size)
        limit = per_second(size, lambda: set_based(version))
        found = Size(subscriptions=size, naive=naive, ours=ours, limit=limit)
        for figure in found.figures():
            say(str(figure))
        say(f"{'Billing run against the limit':<48} {ours / limit:>10.2f}")
        measured.append(found)
    return measured


@transaction.atomic
def set_up(version: PlanVersion, *, subscriptions: int) -> None:
    """So many new subscriptions that are due on February 1st, by one statement a table."""
    run_statements(
        SET_UP,
        {
            "batch": short_id("big"),
            "count": subscriptions,
            "version": version.pk,
            "meter": Meter.objects.get(code="api_calls").pk,
            "start": JAN_1,
            "end": FEB_1,
            "days": DAYS,
        },
    )
    assert Subscription.objects.filter(next_billing_at=FEB_1).count() == subscriptions

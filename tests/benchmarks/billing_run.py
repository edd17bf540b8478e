"""Invoices per second of the billing run, against a naive loop over the ORM and against SQL alone.

`run()` needs Django set up on a migrated database, which it fills: give it one of its own.
All ways bill a fee in advance and graduated usage of the same kind of subscription, with tax,
totals, a number, the derivation of every line, and the period moved on. The naive loop is what
is written first: a transaction for each subscription, a query for each thing it needs. The
SQL way is the limit: one statement a table, with prices and steps known beforehand.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from statistics import median
from time import perf_counter

from django.conf import settings
from django.db import connection, transaction
from psycopg import ClientCursor

from billing.domain.derivation import rated_derivation
from billing.domain.rating import rate
from billing.domain.tax import TaxableLine
from billing.domain.totals import totals
from billing.models import Invoice, InvoiceLine, NumberSeries, TaxRate
from billing.queries.tax_table import TaxTable
from billing.services.invoices.renewal import run_billing
from billing.services.invoices.terms import PriceBook
from billing.services.invoices.writing import bill_to
from subscriptions.domain.metering import Aggregation
from subscriptions.models import (
    Customer,
    Meter,
    PlanVersion,
    Subscription,
    SubscriptionPhase,
    UsageDay,
)
from subscriptions.queries import UsageSpan, usage_totals
from subscriptions.services.price_specs import TierTerms
from tests.factories.subscriptions import (
    make_meter,
    make_plan,
    per_call,
    published_version,
    recurring,
)
from tiktoktoe.kernel.ids import short_id, uuid7
from tiktoktoe.kernel.money import total
from tiktoktoe.kernel.periods import Period

SUBSCRIPTIONS = 3_000
NAIVE = 150
ROUNDS = 3
DAYS = 28
JAN_1 = datetime(2026, 1, 1, tzinfo=UTC)
FEB_1 = datetime(2026, 2, 1, tzinfo=UTC)
MAR_1 = datetime(2026, 3, 1, tzinfo=UTC)
TIERS = [
    TierTerms(up_to=Decimal(10_000), unit_amount=Decimal("0.004")),
    TierTerms(up_to=None, unit_amount=Decimal("0.002")),
]
Say = Callable[[str], object]
_numbers = count()


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured rate, and how many times the naive loop's it is."""

    name: str
    per_second: float
    ratio: float | None = None

    def __str__(self) -> str:
        ratio = f"  {self.ratio:.2f} times the naive loop" if self.ratio is not None else ""
        return f"{self.name:<48} {self.per_second:>10,.0f} invoices/s{ratio}"


def run(*, say: Say = print, subscriptions: int = SUBSCRIPTIONS) -> list[Figure]:
    """Measure, print and return the rates."""
    version = a_plan()
    set_up(version, subscriptions=200)
    run_billing(at=FEB_1)  # warm up
    rounds = []
    for _ in range(ROUNDS):
        set_up(version, subscriptions=NAIVE)
        naive = per_second(NAIVE, naive_loop)
        set_up(version, subscriptions=subscriptions)
        ours = per_second(subscriptions, lambda: check_run(subscriptions))
        set_up(version, subscriptions=subscriptions)
        limit = per_second(subscriptions, lambda: set_based(version))
        rounds.append((naive, ours, limit))
    figures = [
        Figure("Naive loop over the ORM", median(r[0] for r in rounds)),
        Figure(
            f"Billing run, chunks of {settings.BILLING_CHUNK_SIZE}",
            median(r[1] for r in rounds),
            median(r[1] / r[0] for r in rounds),
        ),
        Figure(
            "Set-based SQL, the limit",
            median(r[2] for r in rounds),
            median(r[2] / r[0] for r in rounds),
        ),
    ]
    for figure in figures:
        say(str(figure))
    say(f"{'Billing run against the limit':<48} {median(r[1] / r[2] for r in rounds):>10.2f}")
    return figures


def per_second(invoices: int, bill: Callable[[], object]) -> float:
    """How many invoices a second a way makes."""
    started = perf_counter()
    bill()
    return invoices / (perf_counter() - started)


def a_plan() -> PlanVersion:
    """A fee of 99.00 and graduated calls, in EUR; German customers pay 19 % on it."""
    TaxRate.objects.get_or_create(
        code="de-vat",
        country="DE",
        valid_from=date(2021, 1, 1),
        defaults={"name": "VAT", "percentage": Decimal(19)},
    )
    make_meter()
    calls = per_call(charge_model="graduated", tiers=TIERS, included="0")
    plan = make_plan(code=short_id("bench"))
    return published_version(recurring("99.00"), calls, plan=plan, currency="EUR")


@transaction.atomic
def set_up(version: PlanVersion, *, subscriptions: int) -> None:
    """So many new subscriptions that are due on February 1st, with usage on each January day."""
    Subscription.objects.filter(next_billing_at__isnull=False).update(next_billing_at=None)
    batch = next(_numbers)
    customers = Customer.objects.bulk_create(
        Customer(
            external_id=short_id(f"bench{batch}"),
            name=f"Customer {number}",
            email=f"{number}@example.com",
            country="DE",
            currency="EUR",
        )
        for number in range(subscriptions)
    )
    made = Subscription.objects.bulk_create(
        Subscription(
            reference=short_id("sub"),
            customer=customer,
            plan_version=version,
            currency="EUR",
            state="active",
            time_zone="UTC",
            anchor_on=JAN_1.date(),
            started_at=JAN_1,
            current_period_start=JAN_1,
            current_period_end=FEB_1,
            next_billing_at=FEB_1,
        )
        for customer in customers
    )
    SubscriptionPhase.objects.bulk_create(
        SubscriptionPhase(subscription=s, plan_version=version, quantity=1, starts_at=JAN_1)
        for s in made
    )
    meter = Meter.objects.get(code="api_calls")
    UsageDay.objects.bulk_create(
        UsageDay(
            customer_id=customer.pk,
            meter_id=meter.pk,
            day=JAN_1.date() + timedelta(days=day),
            event_count=10,
            quantity_sum=Decimal(500 + number % 97),
            quantity_max=Decimal(90),
        )
        for number, customer in enumerate(customers)
        for day in range(DAYS)
    )


def check_run(expected: int) -> None:
    """The real thing."""
    run = run_billing(at=FEB_1)
    assert (run.state, run.invoice_count) == ("done", expected)


def naive_loop() -> None:
    """A subscription after the other, in a transaction each, a query for everything."""
    due = Subscription.objects.filter(next_billing_at__lte=FEB_1).values_list("pk", flat=True)
    for pk in list(due):
        bill_one(pk)


@transaction.atomic
def bill_one(pk: int) -> None:
    """What a first version of renewal does."""
    subscription = Subscription.objects.select_for_update().get(pk=pk)
    customer = subscription.customer
    prices = PriceBook([subscription.plan_version_id])
    period = Period(subscription.current_period_start, subscription.current_period_end)
    (base,) = prices.recurring(subscription.plan_version_id, "advance")
    (calls,) = prices.usage(subscription.plan_version_id)
    assert calls.meter is not None
    span = UsageSpan(customer.pk, calls.meter.pk, period.start.date(), period.end.date())
    used = usage_totals([span])[0].quantity(Aggregation.SUM)
    kinds = ((calls, used, "usage", period), (base, Decimal(1), "recurring", Period(FEB_1, MAR_1)))
    rated = [(price, rate(units, price.terms), kind, when) for price, units, kind, when in kinds]
    tax_rates = TaxTable([customer.country]).outcome(customer, FEB_1.date())
    sums = totals(
        [TaxableLine(amount=line.rounded, rates=tax_rates) for _, line, _, _ in rated],
        currency="EUR",
    )
    invoice = Invoice.objects.create(
        id=uuid7(),
        customer=customer,
        subscription=subscription,
        kind="period",
        currency="EUR",
        period_start=FEB_1,
        period_end=MAR_1,
        subtotal=sums.subtotal.amount,
        tax=sums.tax.amount,
        total=sums.total.amount,
        tax_breakdown=[row.to_json() for row in sums.by_rate],
        bill_to=bill_to(customer),
        idempotency_key=f"naive:{subscription.pk}",
        created_at=FEB_1,
    )
    for position, ((price, line, kind, when), taxed) in enumerate(
        zip(rated, sums.lines, strict=True), start=1
    ):
        InvoiceLine.objects.create(
            id=uuid7(),
            invoice=invoice,
            position=position,
            kind=kind,
            description=price.price.name,
            price=price.price,
            subscription=subscription,
            period_start=when.start,
            period_end=when.end,
            quantity=line.quantity,
            currency="EUR",
            amount=line.rounded.amount,
            tax_amount=taxed.tax.amount,
            tax_code=taxed.code,
            derivation=rated_derivation(
                line, price.terms, kind=kind, price=price.identity
            ).to_json(),
        )
    series, _ = NumberSeries.objects.select_for_update().get_or_create(
        code="invoice", defaults={"prefix": settings.INVOICE_PREFIX}
    )
    invoice.number = str(series)
    invoice.state = "open"
    invoice.finalized_at = FEB_1
    invoice.due_at = FEB_1 + timedelta(days=settings.INVOICE_DUE_DAYS)
    invoice.save()
    series.next_number += 1
    series.save()
    subscription.current_period_start = FEB_1
    subscription.current_period_end = MAR_1
    subscription.next_billing_at = MAR_1
    subscription.save()
    assert total((line.rounded for _, line, _, _ in rated), "EUR") == sums.subtotal


SET_BASED = """
CREATE TEMPORARY TABLE due ON COMMIT DROP AS
SELECT gen_random_uuid() AS invoice_id, s.id, s.customer_id, used.quantity,
       round(least(used.quantity, 10000) * 0.004 + greatest(used.quantity - 10000, 0) * 0.002, 2)
           AS usage_amount,
       row_number() OVER (ORDER BY s.id) AS position
FROM subscriptions_subscription s
JOIN LATERAL (
    SELECT coalesce(sum(quantity_sum), 0) AS quantity FROM subscriptions_usageday d
    WHERE d.customer_id = s.customer_id AND d.meter_id = %(meter)s
      AND d.day >= '2026-01-01' AND d.day < '2026-02-01'
) AS used ON true
WHERE s.next_billing_at <= %(at)s;
ANALYZE due;

INSERT INTO billing_invoice (id, customer_id, subscription_id, kind, state, currency, period_start,
    period_end, subtotal, tax, total, amount_paid, amount_credited, amount_refunded,
    amount_from_balance, amount_from_wallets, amount_to_balance, tax_breakdown, bill_to,
    idempotency_key, created_at)
SELECT invoice_id, customer_id, due.id, 'period', 'draft', 'EUR', %(at)s, %(end)s,
    usage_amount + 99, round((usage_amount + 99) * 0.19, 2),
    usage_amount + 99 + round((usage_amount + 99) * 0.19, 2), 0, 0, 0, 0, 0, 0,
    jsonb_build_array(jsonb_build_object('code', 'de-vat', 'percentage', '19')),
    jsonb_build_object('name', c.name, 'email', c.email, 'country', c.country,
                       'city', c.city, 'postal_code', c.postal_code, 'locale', c.locale),
    'sql:' || due.id, %(at)s
FROM due JOIN subscriptions_customer c ON c.id = due.customer_id;

INSERT INTO billing_invoiceline (id, invoice_id, position, kind, description, price_id,
    subscription_id, period_start, period_end, quantity, currency, amount, discount, tax_amount,
    tax_code, taxes, includes_tax, derivation)
SELECT gen_random_uuid(), invoice_id, 1, 'usage', 'API calls', %(calls)s, id, %(start)s, %(at)s,
    quantity, 'EUR', usage_amount, 0,
    round((usage_amount + 99) * 0.19, 2) - round(99 * 0.19, 2), 'de-vat',
    '[]'::jsonb, false,
    jsonb_build_object('kind', 'usage', 'inputs', jsonb_build_object('quantity', quantity::text),
        'steps', jsonb_build_array(
            jsonb_build_object('label', 'tier 1', 'formula', least(quantity, 10000) || ' x 0.004'),
            jsonb_build_object('label', 'tier 2',
                               'formula', greatest(quantity - 10000, 0) || ' x 0.002')))
FROM due
UNION ALL
SELECT gen_random_uuid(), invoice_id, 2, 'recurring', 'Base fee', %(base)s, id, %(at)s, %(end)s,
    1, 'EUR', 99, 0, round(99 * 0.19, 2), 'de-vat',
    '[]'::jsonb, false, jsonb_build_object('kind', 'recurring', 'steps', jsonb_build_array(
        jsonb_build_object('label', 'flat fee', 'formula', '1 x 99 = 99')))
FROM due;

UPDATE subscriptions_subscription s SET current_period_start = %(at)s, current_period_end = %(end)s,
    next_billing_at = %(end)s
FROM due WHERE s.id = due.id;

WITH taken AS (
    UPDATE billing_numberseries SET next_number = next_number + (SELECT count(*) FROM due)
    WHERE code = 'invoice' RETURNING prefix, next_number - (SELECT count(*) FROM due) AS first
)
UPDATE billing_invoice i SET state = 'open', finalized_at = %(at)s,
    due_at = %(at)s::timestamptz + interval '14 days',
    number = taken.prefix || lpad((taken.first + due.position - 1)::text, 6, '0')
FROM due, taken WHERE i.id = due.invoice_id;
"""


@transaction.atomic
def set_based(version: PlanVersion) -> None:
    """The same rows by one statement a table; it knows the prices and steps beforehand."""
    prices = {price.code: price.pk for price in version.prices.all()}
    meter = Meter.objects.get(code="api_calls")
    run_statements(
        SET_BASED,
        {
            "meter": meter.pk,
            "at": FEB_1,
            "start": JAN_1,
            "end": MAR_1,
            "calls": prices["calls"],
            "base": prices["base"],
        },
    )


def run_statements(statements: str, values: Mapping[str, object]) -> None:
    """Run several statements at once, with values in them; PostgreSQL binds those of one only."""
    with ClientCursor(connection.connection) as cursor:
        cursor.execute(statements, values, prepare=False)

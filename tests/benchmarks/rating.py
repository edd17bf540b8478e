"""Rating of many events: from the daily roll-ups, against a raw scan and a naive loop.

`run(events=…)` needs Django set up on a migrated database, to which it adds customers and
events: give it one of its own. All ways rate the same month of the same customers by the same
price, with a variant for each of four models, and must come to the same total.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from time import perf_counter

from django.db import connection

from billing.domain.price_terms import ChargeModel, PriceTerms, Tier
from billing.domain.rating import rate
from subscriptions.models import Meter
from subscriptions.queries.measures import Measure, Part, measure_of
from subscriptions.queries.quantities import measure_parts, roll_ups
from subscriptions.services.catalog_meters import MeterSpec, create_meter
from subscriptions.services.usage import ensure_partitions
from tiktoktoe.kernel.ids import uuid7
from tiktoktoe.kernel.periods import Period

EVENTS = 10_000_000
CUSTOMERS = 1_000
NAIVE_EVENTS = 100_000
CHUNK = 1_000_000
MONTH = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
MODELS = ("small", "medium", "large", "xl")
TERMS = PriceTerms(
    model=ChargeModel.GRADUATED,
    currency="EUR",
    tiers=(
        Tier(up_to=Decimal(1000), unit_amount=Decimal("0.002")),
        Tier(up_to=None, unit_amount=Decimal("0.001")),
    ),
)
Say = Callable[[str], object]

# Events as ingest writes them, spread over customers, days and models; ids are no matter here.
FILL = """
INSERT INTO subscriptions_usageevent (source_id, event_id, occurred_at, customer_id, meter_id,
    quantity, counted_at, counted_on, properties, received_at)
SELECT 0, 'bench-' || n, at, n %% %(customers)s + %(first)s, %(meter)s, n %% 7 + 1, at, at::date,
       jsonb_build_object('model', (%(models)s::text[])[n / 31 %% 4 + 1]), at
FROM (SELECT n, %(start)s::timestamptz + (n %% 2678400) * interval '1 second' AS at
      FROM generate_series(%(from)s::bigint, %(to)s::bigint) AS n) AS event
"""
ROLL_UP = """
INSERT INTO subscriptions_usageday (customer_id, meter_id, day, dimensions, event_count,
    quantity_sum, quantity_max)
SELECT customer_id, meter_id, counted_on, subscriptions_dimensions(properties, '{model}'),
       count(*), sum(quantity), max(quantity)
FROM subscriptions_usageevent WHERE meter_id = %s GROUP BY 1, 2, 3, 4
"""
RAW = """
SELECT customer_id, properties ->> 'model', sum(quantity), count(*)
FROM subscriptions_usageevent
WHERE meter_id = %s AND counted_on >= %s AND counted_on < %s GROUP BY 1, 2
"""
NAIVE = """
SELECT customer_id, properties ->> 'model', quantity FROM subscriptions_usageevent
WHERE meter_id = %s ORDER BY customer_id, counted_at LIMIT %s
"""
CLEAR = (
    "DELETE FROM subscriptions_usageevent WHERE meter_id = %s",
    "DELETE FROM subscriptions_usageday WHERE meter_id = %s",
)


@dataclass(frozen=True, slots=True)
class Figure:
    """How many events a second a way rates, and how many times the raw scan that is."""

    name: str
    per_second: float
    ratio: float


def run(say: Say = print, *, events: int = EVENTS) -> list[Figure]:
    """Measure, tell, and give the figures."""
    code = f"bench-{uuid7().hex[:12]}"
    spec = MeterSpec(code=code, name="Bench", unit="token", dimensions=["model"])
    meter = create_meter(spec=spec, at=MONTH.start)
    first = 10**12  # no customer has such a number
    _fill(meter, first, events)
    try:
        figures = _measure(meter, first, events)
    finally:
        with connection.cursor() as cursor:
            for statement in CLEAR:
                cursor.execute(statement, [meter.pk])
    say(f"{events:,} events of {CUSTOMERS:,} customers, four models")
    for figure in figures:
        say(f"{figure.name:32} {figure.per_second:14,.0f} events/s {figure.ratio:10.3f}")
    return figures


def _fill(meter: Meter, first: int, events: int) -> None:
    ensure_partitions([MONTH.start], MONTH.start)
    with connection.cursor() as cursor:
        for start in range(0, events, CHUNK):
            cursor.execute(
                FILL,
                {
                    "customers": CUSTOMERS,
                    "first": first,
                    "meter": meter.pk,
                    "models": list(MODELS),
                    "start": MONTH.start,
                    "from": start,
                    "to": min(start + CHUNK, events) - 1,
                },
            )
        cursor.execute(ROLL_UP, [meter.pk])
        cursor.execute("ANALYZE subscriptions_usageevent, subscriptions_usageday")


def _measure(meter: Meter, first: int, events: int) -> list[Figure]:
    rolled, from_days = _timed(lambda: _by_roll_ups(meter, first))
    scanned, from_events = _timed(lambda: _by_scan(meter))
    assert from_days == from_events, (from_days, from_events)
    naive_count = min(NAIVE_EVENTS, events)
    naive, _ = _timed(lambda: _by_loop(meter, naive_count))
    raw = events / scanned
    rates = [
        ("a raw scan in SQL, then rated", raw),
        ("daily roll-ups (ours)", events / rolled),
        ("naive loop over the events", naive_count / naive),
    ]
    return [Figure(name, speed, speed / raw) for name, speed in rates]


def _by_roll_ups(meter: Meter, first: int) -> Decimal:
    """As a billing run does it: chunks of customers, one query and the rating for each."""
    measures = [_measure_for(meter, first + n) for n in range(CUSTOMERS)]
    parts = [
        Part(measure=measure, groups=(group,))
        for measure, groups in zip(measures, roll_ups(measures), strict=True)
        for group in groups
    ]
    return _rated([found.quantity for found in measure_parts(parts)])


def _measure_for(meter: Meter, customer_id: int) -> Measure:
    return measure_of(
        customer_id=customer_id,
        meter=meter,
        stretch=MONTH,
        whole=MONTH,
        time_zone="UTC",
        is_prorated=False,
    )


def _by_scan(meter: Meter) -> Decimal:
    with connection.cursor() as cursor:
        cursor.execute(RAW, [meter.pk, MONTH.start.date(), MONTH.end.date()])
        return _rated([row[2] for row in cursor.fetchall()])


def _by_loop(meter: Meter, count: int) -> Decimal:
    """Each event is fetched, added up in Python and the price worked out again."""
    held: dict[tuple[int, str], Decimal] = {}
    amounts: dict[tuple[int, str], Decimal] = {}
    with connection.cursor() as cursor:
        cursor.execute(NAIVE, [meter.pk, count])
        for customer_id, model, quantity in cursor.fetchall():
            key = (customer_id, model)
            held[key] = held.get(key, Decimal(0)) + quantity
            amounts[key] = rate(held[key], TERMS).amount
    return sum(amounts.values(), Decimal(0))


def _rated(quantities: Sequence[Decimal]) -> Decimal:
    return sum((rate(quantity, TERMS).rounded.amount for quantity in quantities), Decimal(0))


def _timed(work: Callable[[], Decimal]) -> tuple[float, Decimal]:
    start = perf_counter()
    result = work()
    return perf_counter() - start, result

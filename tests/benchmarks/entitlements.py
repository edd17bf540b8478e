"""How long a system waits for an entitlement, against a page that does nothing.

Both are asked in turns over one connection to the real web server, so that the ratio means
something on a busy machine. The customer has two subscriptions and ten features, three of
them metered, among others of which there are many; the last round asks with thirty times
the customers, to show that the answer comes from an index.
"""

import http.client
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from time import perf_counter

from django.db import connection

from subscriptions.models import (
    Customer,
    Feature,
    FeatureOverride,
    Meter,
    PlanVersion,
    Subscription,
)
from subscriptions.services.catalog import draft_plan_version, publish_plan_version
from subscriptions.services.event_sources import create_event_source
from subscriptions.services.features import GrantTerms, create_feature, grant_features
from tests.benchmarks.ingest import server
from tests.factories.subscriptions import JAN_1, make_plan, recurring, subscription_since
from tiktoktoe.kernel.clock import now

REQUESTS = 200
SIZES = (100, 3_000)
DAYS = 28
USAGE = """
INSERT INTO subscriptions_usageday
    (customer_id, meter_id, day, dimensions, event_count, quantity_sum, quantity_max)
SELECT c, m, current_date - d, '{}', 1, 100, 100
FROM generate_series(1, %s) d, unnest(%s::bigint[]) c, unnest(%s::bigint[]) m
"""
NOTHING = "/"  # sends a stranger to sign in, without the database
Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Figure:
    """The 95th percentile of waiting for an answer, and how many times that of nothing."""

    name: str
    p95: float
    ratio: float

    def __str__(self) -> str:
        return f"{self.name:<48} {self.p95 * 1000:>8.2f} ms p95  {self.ratio:.2f} of nothing"


def run(*, say: Say = print) -> list[Figure]:
    """Measure, print and return the waits."""
    prefix = uuid.uuid4().hex[:8]
    key = create_event_source(name=f"benchmark {prefix}", at=now()).key
    version = _version(prefix)
    figures = []
    with server() as port:
        for size in SIZES:
            customer = _fill(prefix, version, size)
            one = f"/api/v1/entitlements?customer={customer.external_id}&feature={prefix}-7"
            every = f"/api/v1/entitlements?customer={customer.external_id}"
            waits = _ask(port, key, [NOTHING, one, every])
            for path, name in ((NOTHING, "nothing"), (one, "one feature"), (every, "all ten")):
                label = f"{name}, {size:,} customers"
                figures.append(Figure(label, waits[path], waits[path] / waits[NOTHING]))
    for figure in figures:
        say(str(figure))
    return figures


def _version(prefix: str) -> PlanVersion:
    """A plan that grants ten features: seven limits and three metered ones."""
    features = []
    for n in range(10):
        meter = None
        if n >= 7:
            meter = Meter.objects.create(code=f"{prefix}-{n}", name=f"Meter {n}", unit="call")
        features.append(
            create_feature(
                code=f"{prefix}-{n}",
                name=f"Feature {n}",
                kind="metered" if meter else "limit",
                meter=meter,
                at=JAN_1,
            )
        )
    plan = make_plan(code=f"{prefix}-plan")
    draft = draft_plan_version(
        plan=plan, currency="USD", prices=[recurring()], effective_from=JAN_1
    )
    grants = [GrantTerms(feature=f, limit_units=Decimal(10**6)) for f in features]
    grant_features(version=draft, grants=grants)
    return publish_plan_version(version=draft, at=JAN_1)


def _fill(prefix: str, version: PlanVersion, size: int) -> Customer:
    """So many customers with two subscriptions, four weeks of usage and an override each."""
    at = now()
    names = [f"{prefix}-{size}-{n}" for n in range(size)]
    customers = Customer.objects.bulk_create(
        Customer(external_id=name, name=name, email="x@a.example", country="US", currency="USD")
        for name in names
    )
    pattern = subscription_since(at - timedelta(days=DAYS), customer=customers[0], version=version)
    fields = {
        f.attname: getattr(pattern, f.attname)
        for f in Subscription._meta.concrete_fields
        if f.attname not in {"id", "reference", "customer_id"}
    }
    Subscription.objects.bulk_create(
        Subscription(reference=f"{c.pk}-{n}", customer_id=c.pk, **fields)
        for c in customers
        for n in range(2)
    )
    meters = list(Meter.objects.filter(code__startswith=prefix))
    with connection.cursor() as cursor:
        cursor.execute(USAGE, [DAYS, [c.pk for c in customers], [m.pk for m in meters]])
    feature = Feature.objects.get(code=f"{prefix}-0")
    FeatureOverride.objects.bulk_create(
        FeatureOverride(customer=c, feature=feature, starts_at=at, reason="x", source="bench")
        for c in customers
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return customers[size // 2]


def _ask(port: int, key: str, paths: list[str]) -> dict[str, float]:
    """The 95th percentile of each path's waits, asked in turns."""
    asker = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    waits: dict[str, list[float]] = {path: [] for path in paths}
    for number in range(REQUESTS + 20):
        for path in paths:
            started = perf_counter()
            asker.request("GET", path, headers={"Authorization": f"Bearer {key}"})
            answer = asker.getresponse()
            answer.read()
            assert answer.status in {200, 302}, (path, answer.status)
            if number >= 20:
                waits[path].append(perf_counter() - started)
    asker.close()
    return {path: sorted(times)[int(len(times) * 0.95)] for path, times in waits.items()}

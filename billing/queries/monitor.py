"""How payments are going right now: rates, latency, unknowns, breakers, fees, declines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, Min, Q

from billing.domain.gateway_time import is_askew
from billing.gateways.registry import gateway_names
from billing.models import GatewayClock, GatewayHealth, Payment, PaymentAttempt
from billing.models.payments import PaymentAttemptQuerySet
from billing.queries.disputes import DisputeStanding, dispute_standing
from billing.queries.fee_estimates import FeeRow, fee_rows
from billing.queries.webhook_events import InboxHealth, inbox_health
from tiktoktoe.kernel.rates import ratio

_LATENCIES = """
    SELECT gateway,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY latency_ms),
           percentile_disc(0.95) WITHIN GROUP (ORDER BY latency_ms),
           count(*) FILTER (WHERE is_technical_failure)
    FROM billing_gatewaycall WHERE started_at > %s AND started_at <= %s GROUP BY gateway
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRow:
    """One gateway over the time looked at."""

    gateway: str
    state: str
    is_enabled: bool
    attempts: int
    succeeded: int
    first_rate: Fraction | None  # of first tries
    latency_p50: int | None
    latency_p95: int | None
    failures: int
    unknown: int
    oldest_unknown_at: datetime | None
    clock_ahead: timedelta | None  # how far ours is ahead of the gateway's, as last heard
    is_askew: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """Everything on the page."""

    since: datetime
    at: datetime
    gateways: tuple[GatewayRow, ...]
    net_rate: Fraction | None  # payments with a proven end that were paid
    unknown: int
    oldest_unknown_at: datetime | None
    fees: tuple[FeeRow, ...]
    declines: tuple[tuple[str, int], ...]
    inbox: InboxHealth
    disputes: DisputeStanding


def monitor(*, at: datetime, hours: int) -> Monitor:
    """The last hours, in a fixed number of queries; unknowns count however old they are."""
    since = at - timedelta(hours=hours)
    recent = PaymentAttempt.objects.filter(dispatched_at__gt=since, dispatched_at__lte=at)
    rows = _gateway_rows(recent, since, at)
    ages = [row.oldest_unknown_at for row in rows if row.oldest_unknown_at]
    return Monitor(
        since=since,
        at=at,
        gateways=rows,
        net_rate=_net_rate(recent),
        unknown=sum(row.unknown for row in rows),
        oldest_unknown_at=min(ages, default=None),
        fees=fee_rows(recent),
        declines=_declines(recent),
        inbox=inbox_health(at=at),
        disputes=dispute_standing(at=at),
    )


def _gateway_rows(
    recent: PaymentAttemptQuerySet, since: datetime, at: datetime
) -> tuple[GatewayRow, ...]:
    is_first = Q(sequence=1)
    ended = Q(state__in=["succeeded", "declined", "not_sent"])
    counts: dict[str, Mapping[str, Any]] = {
        row["gateway"]: row
        for row in recent.order_by()
        .values("gateway")
        .annotate(
            attempts=Count("pk"),
            succeeded=Count("pk", filter=Q(state="succeeded")),
            first=Count("pk", filter=is_first & ended),
            first_good=Count("pk", filter=is_first & Q(state="succeeded")),
        )
    }
    unknown: dict[str, Mapping[str, Any]] = {
        row["gateway"]: row
        for row in PaymentAttempt.objects.filter(state="unknown")
        .order_by()
        .values("gateway")
        .annotate(count=Count("pk"), oldest=Min("dispatched_at"))
    }
    health = {row.gateway: row for row in GatewayHealth.objects.all()}
    clocks = {row.gateway: row for row in GatewayClock.objects.all()}
    latencies = _latencies(since, at)
    names = dict.fromkeys([*gateway_names(), *sorted({*counts, *unknown})])
    return tuple(
        _gateway_row(
            name,
            counts.get(name, {}),
            unknown.get(name, {}),
            health.get(name),
            latencies.get(name, (None, None, 0)),
            clock=clocks.get(name),
        )
        for name in names
    )


def _gateway_row(
    name: str,
    counts: Mapping[str, Any],
    unknown: Mapping[str, Any],
    health: GatewayHealth | None,
    latency: tuple[int | None, int | None, int],
    *,
    clock: GatewayClock | None,
) -> GatewayRow:
    return GatewayRow(
        gateway=name,
        state=health.state if health else "closed",
        is_enabled=health is None or health.is_enabled,
        attempts=counts.get("attempts", 0),
        succeeded=counts.get("succeeded", 0),
        first_rate=ratio(counts.get("first_good", 0), counts.get("first", 0)),
        latency_p50=latency[0],
        latency_p95=latency[1],
        failures=latency[2],
        unknown=unknown.get("count", 0),
        oldest_unknown_at=unknown.get("oldest"),
        clock_ahead=clock.ahead if clock else None,
        is_askew=clock is not None and is_askew(clock.ahead, limit=settings.CLOCK_SKEW_MAX),
    )


def _latencies(since: datetime, at: datetime) -> dict[str, tuple[int, int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(_LATENCIES, [since, at])
        return {row[0]: (row[1], row[2], row[3]) for row in cursor.fetchall()}


def _net_rate(recent: PaymentAttemptQuerySet) -> Fraction | None:
    tried = Payment.objects.filter(pk__in=recent.values("payment"))
    ended = tried.aggregate(
        paid=Count("pk", filter=Q(state="paid")),
        ended=Count("pk", filter=Q(state__in=["paid", "open", "failed", "requires_action"])),
    )
    return ratio(ended["paid"], ended["ended"])


def _declines(recent: PaymentAttemptQuerySet) -> tuple[tuple[str, int], ...]:
    rows = (
        recent.filter(state__in=["declined", "not_sent"])
        .order_by()
        .values_list("decline_class")
        .annotate(count=Count("pk"))
    )
    found: Sequence[tuple[str, int]] = [(name or "not_sent", count) for name, count in rows]
    return tuple(sorted(found, key=lambda row: (-row[1], row[0])))

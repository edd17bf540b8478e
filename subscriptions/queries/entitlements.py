"""What a customer may use, with what it has used so far: answered from indexes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from django.db import connection

from subscriptions.domain.entitlements import FeatureKind, Grant, Override, Terms, resolve
from subscriptions.domain.lifecycle import BILLED_STATES
from subscriptions.domain.metering import Aggregation
from subscriptions.models import Meter
from subscriptions.queries import UsageSpan, usage_totals
from subscriptions.queries.measures import Measure, Part, measure_of
from subscriptions.queries.quantities import measure_parts, roll_ups
from tiktoktoe.kernel.periods import (
    BillingPeriods,
    Interval,
    IntervalUnit,
    Period,
    local_date,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entitlement:
    """What a customer may use of a feature, and for a metered one how much it has."""

    code: str
    name: str
    kind: FeatureKind
    unit: str
    terms: Terms
    period: Period | None = None
    used: Decimal | None = None

    @property
    def is_allowed(self) -> bool:
        """Whether the customer may use more of it now."""
        return self.terms.is_allowed(self.used)

    @property
    def left(self) -> Decimal | None:
        """What is left of its limit."""
        return self.terms.left(self.used)


# One row for each subscription, and each of its add-ons, that brings the feature, or one without.
ENTITLED = """
SELECT f.code, f.name, f.kind, coalesce(m.unit, f.unit), f.meter_id, m.aggregation,
       m.aggregation IN ('sum', 'count', 'max') AND NOT m.is_carried_over AND m.rounding = 'none',
       c.id, c.time_zone, o.id, o.is_granted, o.limit_units, o.ends_at,
       held.id, held.limit_units, held.is_per_unit, held.quantity,
       held.anchor_on, held.time_zone, held.interval, held.interval_count, held.restriction
FROM subscriptions_customer c CROSS JOIN subscriptions_feature f
LEFT JOIN subscriptions_meter m ON m.id = f.meter_id
LEFT JOIN subscriptions_featureoverride o
       ON o.customer_id = c.id AND o.feature_id = f.id
      AND o.starts_at <= %(at)s AND (o.ends_at IS NULL OR o.ends_at > %(at)s)
LEFT JOIN (
    SELECT s.customer_id, s.id, g.feature_id, g.limit_units, g.is_per_unit, had.quantity,
           s.anchor_on, s.time_zone, p.interval, p.interval_count, (
               SELECT r.reason FROM subscriptions_servicerestriction r
               WHERE r.customer_id = s.customer_id AND r.blocks_service AND r.starts_at <= %(at)s
                 AND (r.ends_at IS NULL OR r.ends_at > %(at)s)
                 AND (r.subscription_id IS NULL OR r.subscription_id = s.id)
               ORDER BY r.starts_at, r.id LIMIT 1
           ) AS restriction
    FROM subscriptions_subscription s
    CROSS JOIN LATERAL (
        SELECT s.plan_version_id, s.quantity
        UNION ALL
        SELECT a.plan_version_id, a.quantity FROM subscriptions_subscriptionaddon a
        WHERE a.subscription_id = s.id
          AND a.starts_at <= %(at)s AND (a.ends_at IS NULL OR a.ends_at > %(at)s)
    ) had
    JOIN subscriptions_featuregrant g ON g.plan_version_id = had.plan_version_id
    JOIN subscriptions_planversion v ON v.id = s.plan_version_id
    JOIN subscriptions_plan p ON p.id = v.plan_id
    WHERE s.state = ANY(%(states)s) AND (s.ended_at IS NULL OR s.ended_at > %(at)s)
) held ON held.customer_id = c.id AND held.feature_id = f.id
WHERE c.id = %(customer)s AND (%(feature)s::text IS NULL OR f.code = %(feature)s)
ORDER BY f.name, f.code, held.id
"""


def entitlements(
    customer_id: int, *, at: datetime, feature: str | None = None
) -> list[Entitlement]:
    """What a customer may use at an instant: of one feature, or of all; two queries.

    A meter that counts single events, or has a level, takes a few more: the same ones that
    billing asks. Usage is counted in the billing period of the first subscription that brings
    the feature, or without one in the customer's calendar month.
    """
    parameters: dict[str, int | str | datetime | list[str] | None] = {
        "customer": customer_id,
        "feature": feature,
        "at": at,
        "states": [state.value for state in sorted(BILLED_STATES)],
    }
    with connection.cursor() as cursor:
        cursor.execute(ENTITLED, parameters)
        rows = [_EntitledRow(*row) for row in cursor.fetchall()]
    groups = [list(group) for _, group in groupby(rows, key=lambda row: row.code)]
    used = _used([group[0] for group in groups if group[0].meter_id is not None], at)
    return [_entitlement(group, used.get(group[0].code), at) for group in groups]


def _used(rows: list["_EntitledRow"], at: datetime) -> dict[str, Decimal]:
    """What has been used of metered features, by their code."""
    plain = [row for row in rows if row.is_plain]
    totals = usage_totals([row.span(at) for row in plain])
    used = {
        row.code: total.quantity(Aggregation(row.aggregation))
        for row, total in zip(plain, totals, strict=True)
    }
    others = [row for row in rows if not row.is_plain]
    if not others:
        return used
    meters = Meter.objects.in_bulk([row.meter_id for row in others])
    measures = [row.measure(meters, at) for row in others]
    parts = [
        Part(measure=measure, groups=groups)
        for measure, groups in zip(measures, roll_ups(measures), strict=True)
    ]
    measured = zip(others, measure_parts(parts), strict=True)
    return used | {row.code: found.quantity for row, found in measured}


class _EntitledRow(NamedTuple):
    """A row of ENTITLED."""

    code: str
    name: str
    kind: str
    unit: str
    meter_id: int | None
    aggregation: str
    is_plain: bool
    customer_id: int
    customer_zone: str
    override_id: int | None
    is_granted: bool
    override_limit: Decimal | None
    override_ends_at: datetime | None
    subscription_id: int | None
    limit: Decimal | None
    is_per_unit: bool
    quantity: int
    anchor_on: date
    time_zone: str
    interval: str
    interval_count: int
    restriction: str | None

    def period(self, at: datetime) -> Period:
        """The period in which usage is counted."""
        if self.subscription_id is None:
            today = local_date(at, self.customer_zone)
            month = Interval(IntervalUnit.MONTH, 1)
            return BillingPeriods(today.replace(day=1), self.customer_zone, month).period(0)
        interval = Interval(IntervalUnit(self.interval), self.interval_count)
        return BillingPeriods(self.anchor_on, self.time_zone, interval).period_at(at)

    @property
    def zone(self) -> str:
        """Where that period's days are counted."""
        return self.customer_zone if self.subscription_id is None else self.time_zone

    def measure(self, meters: Mapping[int, Meter], at: datetime) -> Measure:
        """What is to be measured where the totals of days do not say it."""
        assert self.meter_id is not None
        period = self.period(at)
        return measure_of(
            customer_id=self.customer_id,
            meter=meters[self.meter_id],
            stretch=period,
            whole=period,
            time_zone=self.zone,
            is_prorated=False,
        )

    def span(self, at: datetime) -> UsageSpan:
        """The local days of that period."""
        assert self.meter_id is not None
        period, zone = self.period(at), self.zone
        return UsageSpan(
            self.customer_id,
            self.meter_id,
            local_date(period.start, zone),
            local_date(period.end, zone),
        )


def _entitlement(rows: list[_EntitledRow], used: Decimal | None, at: datetime) -> Entitlement:
    first = rows[0]
    override = None
    if first.override_id is not None:
        override = Override(
            is_granted=first.is_granted,
            limit=first.override_limit,
            until=first.override_ends_at,
        )
    grants = [
        Grant(
            limit=row.limit,
            is_per_unit=row.is_per_unit,
            quantity=row.quantity,
            restriction=row.restriction or "",
        )
        for row in rows
        if row.subscription_id is not None
    ]
    return Entitlement(
        code=first.code,
        name=first.name,
        kind=FeatureKind(first.kind),
        unit=first.unit,
        terms=resolve(grants, override),
        period=first.period(at) if used is not None else None,
        used=used,
    )

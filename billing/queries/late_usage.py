"""Usage that came for a subscription after its end, of time before it, and that nobody bills.

Such an event counts from the end on (`counted_at`), where no period of that subscription is. If
another subscription of the customer on the same meter goes on there, it bills the event as it
bills everything; else it is here, until staff bill it.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection

from subscriptions.models import Price, Subscription

# `last` are the plans and add-ons of each one's last period. What is billed goes until the end of
# the last phase: under some policies the day of the end is, under others it is not.
# The roll-ups are asked first: events are read only where there are some after an end.
UNBILLED = """
SELECT s.id, price.id, event.source_id, event.event_id, event.quantity, event.occurred_at,
       subscriptions_dimensions(event.properties, meter.dimensions)
FROM subscriptions_subscription s
CROSS JOIN LATERAL (
    SELECT greatest(phase.ends_at, s.current_period_start) AS at,
           (greatest(phase.ends_at, s.current_period_start) AT TIME ZONE s.time_zone)::date AS day
    FROM subscriptions_subscriptionphase phase
    WHERE phase.subscription_id = s.id ORDER BY phase.starts_at DESC LIMIT 1
) AS over
JOIN LATERAL (
    SELECT phase.plan_version_id, phase.starts_at, phase.ends_at
    FROM subscriptions_subscriptionphase phase
    WHERE phase.subscription_id = s.id
      AND (phase.ends_at > s.current_period_start OR phase.ends_at = over.at)
    UNION ALL
    SELECT beside.plan_version_id, beside.starts_at, beside.ends_at
    FROM subscriptions_subscriptionaddon beside
    WHERE beside.subscription_id = s.id
      AND (beside.ends_at IS NULL OR beside.ends_at > s.current_period_start)
) AS last ON true
JOIN subscriptions_price price ON price.plan_version_id = last.plan_version_id
 AND price.meter_id IS NOT NULL AND price.variant_of_id IS NULL
JOIN subscriptions_meter meter ON meter.id = price.meter_id
JOIN subscriptions_usageevent event ON event.customer_id = s.customer_id
 AND event.meter_id = price.meter_id AND event.counted_on >= over.day
 AND event.counted_at >= over.at AND event.occurred_at < least(s.ended_at, over.at)
WHERE s.ended_at IS NOT NULL AND s.ended_at > coalesce(s.trial_ends_at, '-infinity')
  AND (%(subscription)s::bigint IS NULL OR s.id = %(subscription)s)
  AND (EXISTS (
      SELECT FROM subscriptions_usageday d WHERE d.customer_id = s.customer_id
         AND d.meter_id = price.meter_id AND d.day >= over.day
  ) OR EXISTS (
      SELECT FROM subscriptions_usagedelta d WHERE d.customer_id = s.customer_id
         AND d.meter_id = price.meter_id AND d.day >= over.day
  ))
  AND NOT EXISTS (
      SELECT FROM subscriptions_subscription other
      JOIN (
          SELECT subscription_id, plan_version_id, starts_at, ends_at
          FROM subscriptions_subscriptionphase
          UNION ALL
          SELECT subscription_id, plan_version_id, starts_at, ends_at
          FROM subscriptions_subscriptionaddon
      ) AS served ON served.subscription_id = other.id
       AND served.starts_at <= event.counted_at
       AND (served.ends_at IS NULL OR served.ends_at > over.at)
      JOIN subscriptions_price sold ON sold.plan_version_id = served.plan_version_id
       AND sold.meter_id = price.meter_id
      WHERE other.customer_id = s.customer_id AND other.id <> s.id
  )
  AND NOT EXISTS (
      SELECT FROM billing_lateusage billed WHERE billed.source_id = event.source_id
         AND billed.event_id = event.event_id AND billed.counts
  )
ORDER BY s.id, (greatest(event.occurred_at, s.current_period_start) >= last.starts_at
                AND greatest(event.occurred_at, s.current_period_start)
                    < coalesce(last.ends_at, 'infinity')) DESC,
         price.position, price.id, event.occurred_at, event.event_id
LIMIT %(limit)s
"""
# What lines of their own have billed before: it came late too, and counts with the rest.
BILLED = """
SELECT line.subscription_id, event.meter_id, late.source_id, late.event_id, late.quantity,
       event.occurred_at
FROM billing_lateusage late
JOIN billing_invoiceline line ON line.id = late.line_id
JOIN subscriptions_usageeventkey key
  ON key.source_id = late.source_id AND key.event_id = late.event_id
JOIN subscriptions_usageevent event ON event.source_id = key.source_id
 AND event.event_id = key.event_id AND event.occurred_at = key.occurred_at
WHERE late.counts AND line.subscription_id = ANY(%(subscriptions)s::bigint[])
ORDER BY line.subscription_id, late.source_id, late.event_id
"""
OF_LINE = """
SELECT late.event_id, event.occurred_at, event.received_at, event.quantity,
       count(*) OVER ()
FROM billing_lateusage late
JOIN subscriptions_usageeventkey key
  ON key.source_id = late.source_id AND key.event_id = late.event_id
JOIN subscriptions_usageevent event ON event.source_id = key.source_id
 AND event.event_id = key.event_id AND event.occurred_at = key.occurred_at
WHERE late.line_id = %(line)s
ORDER BY event.occurred_at, late.event_id LIMIT %(limit)s
"""
EVENTS_MAX = 10_000
EVENTS_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LateEvent:
    """An event that nobody bills."""

    source_id: int
    event_id: str
    quantity: Decimal
    occurred_at: datetime
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbilled:
    """What came late for one usage price of an ended subscription."""

    subscription: Subscription
    price: Price
    events: tuple[LateEvent, ...]


def unbilled_usage(subscription: Subscription | None = None) -> list[Unbilled]:
    """What nobody bills, of one ended subscription or of all; at most 10,000 events at once."""
    with connection.cursor() as cursor:
        given = subscription.pk if subscription else None
        cursor.execute(UNBILLED, {"subscription": given, "limit": EVENTS_MAX})
        rows = cursor.fetchall()
    found: dict[tuple[int, int], list[LateEvent]] = {}
    seen = set[tuple[int, str]]()
    for key, price, source, event, quantity, occurred, dimensions in rows:
        if (source, event) in seen:  # two prices on one meter: the first one bills it
            continue
        seen.add((source, event))
        late = LateEvent(
            source_id=source,
            event_id=event,
            quantity=quantity,
            occurred_at=occurred,
            dimensions=json.loads(dimensions),
        )
        found.setdefault((key, price), []).append(late)
    return _loaded(found)


def _loaded(found: dict[tuple[int, int], list[LateEvent]]) -> list[Unbilled]:
    subscriptions = Subscription.objects.select_related("customer", "plan_version__plan").in_bulk(
        [key for key, _ in found]
    )
    prices = Price.objects.select_related("meter").in_bulk([price for _, price in found])
    return [
        Unbilled(subscription=subscriptions[key], price=prices[price], events=tuple(events))
        for (key, price), events in found.items()
    ]


def billed_late(subscriptions: Collection[int]) -> Mapping[tuple[int, int], list[LateEvent]]:
    """What came late and is billed already, by subscription and meter."""
    found: dict[tuple[int, int], list[LateEvent]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(BILLED, {"subscriptions": list(subscriptions)})
        for key, meter, source, event, quantity, occurred in cursor.fetchall():
            found[key, meter].append(
                LateEvent(source_id=source, event_id=event, quantity=quantity, occurred_at=occurred)
            )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class CameLate:
    """An event that a line of its own billed."""

    event_id: str
    occurred_at: datetime
    received_at: datetime
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CameLateOf:
    """The events that came late of a line, the first of them, and how many there are."""

    events: tuple[CameLate, ...] = ()
    count: int = 0

    @property
    def is_cut(self) -> bool:
        """Whether there are more than are shown."""
        return self.count > len(self.events)


def late_events_of(line_id: UUID) -> CameLateOf:
    """The events that came late and that a line bills, by the time that they are of."""
    with connection.cursor() as cursor:
        cursor.execute(OF_LINE, {"line": line_id, "limit": EVENTS_SHOWN})
        rows = cursor.fetchall()
    events = tuple(
        CameLate(event_id=event, occurred_at=occurred, received_at=received, quantity=quantity)
        for event, occurred, received, quantity, _ in rows
    )
    return CameLateOf(events=events, count=rows[0][-1] if rows else 0)


def newest_first(rows: Sequence[Unbilled]) -> list[Unbilled]:
    """Those whose subscription ended last on top."""
    return sorted(rows, key=lambda row: (row.subscription.ended_at, row.price.pk), reverse=True)

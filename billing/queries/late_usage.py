"""Usage that came for a subscription after its end, of time before it, and that nobody bills.

Such an event counts from the end on (`counted_at`), where no period of that subscription is. If
another subscription of the customer on the same meter goes on there, it bills the event as it
bills everything; else it is here, until staff bill it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import connection

from subscriptions.models import Price, Subscription

# The roll-ups are asked first: events are read only where there are some after an end.
UNBILLED = """
SELECT s.id, price.id, event.source_id, event.event_id, event.quantity, event.occurred_at
FROM subscriptions_subscription s
JOIN LATERAL (
    (SELECT phase.plan_version_id FROM subscriptions_subscriptionphase phase
     WHERE phase.subscription_id = s.id ORDER BY phase.starts_at DESC LIMIT 1)
    UNION
    SELECT beside.plan_version_id FROM subscriptions_subscriptionaddon beside
    WHERE beside.subscription_id = s.id
      AND (beside.ends_at IS NULL OR beside.ends_at > s.current_period_start)
) AS last ON true
JOIN subscriptions_price price ON price.plan_version_id = last.plan_version_id
 AND price.meter_id IS NOT NULL AND price.variant_of_id IS NULL
CROSS JOIN LATERAL (SELECT (s.ended_at AT TIME ZONE s.time_zone)::date AS day) AS over
JOIN subscriptions_usageevent event ON event.customer_id = s.customer_id
 AND event.meter_id = price.meter_id AND event.counted_on >= over.day
 AND event.counted_at >= s.ended_at AND event.occurred_at < s.ended_at
 AND event.received_at > s.ended_at
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
       AND (served.ends_at IS NULL OR served.ends_at > s.ended_at)
      JOIN subscriptions_price sold ON sold.plan_version_id = served.plan_version_id
       AND sold.meter_id = price.meter_id
      WHERE other.customer_id = s.customer_id AND other.id <> s.id
  )
  AND NOT EXISTS (
      SELECT FROM billing_lateusage billed WHERE billed.source_id = event.source_id
         AND billed.event_id = event.event_id AND billed.counts
  )
ORDER BY s.id, price.position, price.id, event.occurred_at, event.event_id
LIMIT %(limit)s
"""
EVENTS_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LateEvent:
    """An event that nobody bills."""

    source_id: int
    event_id: str
    quantity: Decimal
    occurred_at: datetime


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
    for key, price, source, event, quantity, occurred in rows:
        if (source, event) in seen:  # two prices on one meter: the first one bills it
            continue
        seen.add((source, event))
        late = LateEvent(source_id=source, event_id=event, quantity=quantity, occurred_at=occurred)
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


def newest_first(rows: Sequence[Unbilled]) -> list[Unbilled]:
    """Those whose subscription ended last on top."""
    return sorted(rows, key=lambda row: (row.subscription.ended_at, row.price.pk), reverse=True)

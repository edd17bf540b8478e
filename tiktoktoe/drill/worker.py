"""What a worker process does in a round; it may be killed at any byte of it."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from billing.services.payments.collection import collect_due
from billing.services.payments.lapsing_holds import let_go_of_lapsing
from billing.services.payments.operations import reconcile_operations
from billing.services.payments.outcomes import count_outcomes
from billing.services.payments.reconciling import reconcile_attempts
from billing.services.payments.refunds import reconcile_refunds
from billing.services.payments.webhook_inbox import keep_hint, take_in, work_off, work_off_waiting
from tiktoktoe.drill.stories import Stories, carry_on
from tiktoktoe.kernel.clock import freeze

THREADS = 4
LOOK_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event of a gateway on its way to us: what is in it, by that gateway's own form."""

    gateway: str
    content: dict[str, Any]


def work_by_clock(at: datetime, stories: Stories) -> int:
    """As `work`, on a machine whose clock shows the time that it works at."""
    freeze(at)
    return work(at, stories)


def hear_by_clock(deliveries: Sequence[Delivery], at: datetime) -> None:
    """As `hear`, on a machine whose clock shows the time that it hears at."""
    freeze(at)
    hear(deliveries, at)


def work(at: datetime, stories: Stories) -> int:
    """What the schedule does, and people: collect, give back, take what is held, look into it.

    Gives how many stories go on.
    """
    reconcile_attempts(at=at, limit=LOOK_LIMIT)
    reconcile_refunds(at=at, limit=LOOK_LIMIT)
    reconcile_operations(at=at, limit=LOOK_LIMIT)
    let_go_of_lapsing(at=at)
    collect_due(at=at, workers=THREADS)
    going_on = carry_on(stories, at)
    work_off_waiting(at=at)
    count_outcomes(at=at)
    return going_on


def hear(deliveries: Sequence[Delivery], at: datetime) -> None:
    """Take in a storm of events, several at once."""
    calls = [_hearing(delivery, at) for delivery in deliveries]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda call: call(), calls))


def _hearing(delivery: Delivery, at: datetime) -> Callable[[], None]:
    handle = _HEARD_BY[delivery.gateway]

    def hears() -> None:
        try:
            handle(delivery.content, at)
        finally:
            connection.close()

    return hears


def _hear_adyen(content: dict[str, Any], at: datetime) -> None:
    """Through the inbox, signature and all."""
    body = json.dumps(content).encode()
    for event in take_in(gateway="adyen", headers={}, body=body, at=at):
        work_off(event=event, at=at)


def _hear_paypal(content: dict[str, Any], at: datetime) -> None:
    """Through the inbox, which asks PayPal whether it is its own."""
    headers = {name.lower(): value for name, value in content["headers"].items()}
    body = content["body"].encode()
    for event in take_in(gateway="paypal", headers=headers, body=body, at=at):
        work_off(event=event, at=at)


def _hear_stripe(content: dict[str, Any], at: datetime) -> None:
    """As our receiver does once dj-stripe has checked and stored the event."""
    named = content["data"]["object"]
    event = keep_hint(
        gateway="stripe",
        event_id=content["id"],
        name=content["type"],
        reference=named["id"],
        our_reference=(named.get("metadata") or {}).get("our_reference") or "",
        happened_at=datetime.fromtimestamp(content["created"], UTC),
        at=at,
    )
    if event is not None:
        work_off(event=event, at=at)


_HEARD_BY = {"adyen": _hear_adyen, "paypal": _hear_paypal, "stripe": _hear_stripe}

"""What a worker process does in a round; it may be killed at any byte of it."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from billing.services.payments.collection import collect_due
from billing.services.payments.intake import look_at_reported
from billing.services.payments.outcomes import count_outcomes
from billing.services.payments.reconciling import reconcile_attempts
from billing.services.payments.webhook_inbox import take_in, work_off, work_off_waiting

THREADS = 4
LOOK_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event of a gateway on its way to us: what is in it, by that gateway's own form."""

    gateway: str
    content: dict[str, Any]


def work(at: datetime) -> None:
    """What the schedule does: look into what is not known, collect what is due."""
    reconcile_attempts(at=at, limit=LOOK_LIMIT)
    collect_due(at=at, workers=THREADS)
    work_off_waiting(at=at)
    count_outcomes(at=at)


def hear(deliveries: Sequence[Delivery], at: datetime) -> None:
    """Take in a storm of events, several at once."""
    calls = [_hearing(delivery, at) for delivery in deliveries]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda call: call(), calls))


def _hearing(delivery: Delivery, at: datetime) -> Callable[[], None]:
    handle = _hear_adyen if delivery.gateway == "adyen" else _hear_stripe

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


def _hear_stripe(content: dict[str, Any], at: datetime) -> None:
    """As our receiver does once dj-stripe has checked and stored the event."""
    named = content["data"]["object"]
    look_at_reported(
        kind=named["object"],
        reference=named["id"],
        our_reference=(named.get("metadata") or {}).get("our_reference") or "",
        at=at,
    )

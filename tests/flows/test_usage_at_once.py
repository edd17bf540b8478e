"""Many senders, folds and closings at the same time: each event counts exactly once."""

import random
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Barrier, Event
from time import sleep
from typing import Any, TypeVar

import pytest
from django.db import OperationalError, connection, transaction

from subscriptions.domain.events import EventBody
from subscriptions.models import (
    Customer,
    EventSource,
    Meter,
    UsageDelta,
    UsageEvent,
    UsageEventKey,
)
from subscriptions.queries import UsageSpan, usage_totals
from subscriptions.services import usage, usage_writing
from subscriptions.services.rollups import fold_deltas
from subscriptions.services.usage import Closing, Incoming, close_usage, record_events
from tests.factories.subscriptions import make_customer, make_meter
from tests.factories.usage import make_source

pytestmark = pytest.mark.django_db(transaction=True)
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
YEAR = (date(2026, 1, 1), date(2027, 1, 1))
Result = TypeVar("Result")


def at_once(acts: Sequence[Callable[[], Result]]) -> list[Result]:
    """Begin all together, each on its own connection."""
    start = Barrier(len(acts))

    def run(act: Callable[[], Result]) -> Result:
        try:
            start.wait(timeout=20)
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result(timeout=60) for future in [pool.submit(run, act) for act in acts]]


def batch(customer: Customer, numbers: Sequence[int], at: datetime = NOON) -> list[Incoming]:
    return [
        Incoming(
            index,
            EventBody(
                event_id=f"event-{number}",
                customer=customer.external_id,
                meter="api_calls",
                occurred_at=at,
                quantity=Decimal(number),
            ),
        )
        for index, number in enumerate(numbers)
    ]


def sender(source: EventSource, events: list[Incoming]) -> Callable[[], tuple[int, int]]:
    def send() -> tuple[int, int]:
        result = record_events(source=source, events=events, at=NOON)
        assert not result.refused
        return result.accepted, result.duplicates

    return send


def total(customer: Customer, meter: Meter) -> tuple[int, Decimal]:
    (found,) = usage_totals([UsageSpan(customer.pk, meter.pk, *YEAR)])
    return found.event_count, found.quantity_sum


def test_the_same_batch_sent_by_eight_at_once_counts_once() -> None:
    customer, meter, source = make_customer(), make_meter(), make_source()
    events = batch(customer, range(500))

    answers = at_once([sender(source, events)] * 8)

    assert sum(accepted for accepted, _ in answers) == 500
    assert sum(duplicates for _, duplicates in answers) == 3500
    assert total(customer, meter) == (500, Decimal(sum(range(500))))
    assert UsageEvent.objects.count() == UsageEventKey.objects.count() == 500


def test_overlapping_batches_in_any_order_never_fail_or_count_twice() -> None:
    customer, meter, source = make_customer(), make_meter(), make_source()
    shuffler = random.Random(7)
    acts = []
    for _ in range(6):
        numbers = shuffler.sample(range(2500), 1800)
        acts.append(sender(source, batch(customer, numbers)))
    distinct = set()
    shuffler.seed(7)
    for _ in range(6):
        distinct.update(shuffler.sample(range(2500), 1800))

    answers = at_once(acts)

    assert sum(accepted for accepted, _ in answers) == len(distinct)
    assert total(customer, meter) == (len(distinct), Decimal(sum(distinct)))


def test_folding_while_batches_arrive_loses_nothing() -> None:
    customer, meter, source = make_customer(), make_meter(), make_source()

    def send_many(start: int) -> Callable[[], object]:
        def send() -> object:
            for first in range(start, start + 200, 10):
                events = batch(customer, range(first, first + 10))
                record_events(source=source, events=events, at=NOON)
            return None

        return send

    def fold() -> object:
        return sum(fold_deltas(limit=3) for _ in range(40))

    at_once([send_many(0), send_many(200), send_many(400), fold, fold])

    assert total(customer, meter) == (600, Decimal(sum(range(600))))
    fold_deltas()
    assert total(customer, meter) == (600, Decimal(sum(range(600))))
    assert not UsageDelta.objects.exists()


def test_an_event_that_races_with_closing_is_billed_in_one_period_or_the_next() -> None:
    """What a bill reads after closing never changes, and the rest is in the open period."""
    customer, meter, source = make_customer(), make_meter(), make_source()
    february = (date(2026, 2, 1), date(2026, 3, 1))
    march = datetime(2026, 3, 1, tzinfo=UTC)
    late = march - timedelta(hours=1)
    billed: list[int] = []

    def send_many(start: int) -> Callable[[], object]:
        def send() -> object:
            for number in range(start, start + 60):
                record_events(source=source, events=batch(customer, [number], late), at=NOON)
            return None

        return send

    def close_and_bill() -> object:
        while UsageEvent.objects.count() < 30:
            pass
        close_usage(closings=[Closing(customer.pk, meter.pk, march)])
        (found,) = usage_totals([UsageSpan(customer.pk, meter.pk, *february)])
        billed.append(found.event_count)
        return None

    at_once([send_many(0), send_many(100), send_many(200), close_and_bill])

    (closed,) = usage_totals([UsageSpan(customer.pk, meter.pk, *february)])
    assert billed == [closed.event_count]
    assert 30 <= closed.event_count < 180
    assert total(customer, meter)[0] == 180


def test_closing_waits_for_a_batch_that_has_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    customer, meter, source = make_customer(), make_meter(), make_source()
    february = (date(2026, 2, 1), date(2026, 3, 1))
    march = datetime(2026, 3, 1, tzinfo=UTC)
    has_begun = Event()
    write_events = usage_writing.write_events

    def write_slowly(*arguments: Any) -> None:
        has_begun.set()
        sleep(0.5)
        write_events(*arguments)

    monkeypatch.setattr(usage, "write_events", write_slowly)

    def close_and_bill() -> int:
        assert has_begun.wait(timeout=20)
        close_usage(closings=[Closing(customer.pk, meter.pk, march)])
        (found,) = usage_totals([UsageSpan(customer.pk, meter.pk, *february)])
        return found.event_count

    def send() -> int:
        late = batch(customer, [1], march - timedelta(hours=1))
        return record_events(source=source, events=late, at=NOON).accepted

    assert at_once([send, close_and_bill]) == [1, 1]


def test_a_batch_that_loses_a_deadlock_is_taken_in_all_the_same() -> None:
    customer, meter, source = make_customer(), make_meter(), make_source()
    claim = "INSERT INTO subscriptions_usageeventkey VALUES (%s, %s, %s, sha256(''))"
    last_is_claimed = Event()

    def claim_last_then_first() -> int:
        with suppress(OperationalError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL deadlock_timeout = '10s'")  # so the batch is the victim
            cursor.execute(claim, [source.pk, "event-9", NOON])
            last_is_claimed.set()
            sleep(0.4)
            cursor.execute(claim, [source.pk, "event-1", NOON])
            transaction.set_rollback(True)
        return 0

    def send() -> int:
        assert last_is_claimed.wait(timeout=20)
        return record_events(source=source, events=batch(customer, [1, 9]), at=NOON).accepted

    assert at_once([claim_last_then_first, send]) == [0, 2]
    assert total(customer, meter) == (2, Decimal(10))


def test_a_month_that_no_event_fell_in_yet_is_made_by_many_at_once() -> None:
    customer, source = make_customer(), make_source()
    make_meter()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS subscriptions_usageevent_203104")
    moment = datetime(2031, 4, 30, 23, 59, 59, tzinfo=UTC)

    def send(number: int) -> Callable[[], int]:
        events = batch(customer, [number], moment)
        return lambda: record_events(source=source, events=events, at=moment).accepted

    assert at_once([send(number) for number in range(6)]) == [1] * 6

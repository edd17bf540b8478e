"""Counting settled attempts into what is known of gateways: pulled, each once, in order."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction

from billing.domain.challenges import PREFIX, observed_challenge
from billing.domain.success import Cell, observed
from billing.models import OutcomeStatistic, PaymentAttempt
from billing.queries.routing import cell_of

BATCH = 2_000
_LOCK = 7_305_412  # one counter at a time: the order of outcomes matters


def count_outcomes(*, at: datetime) -> int:
    """Count every attempt that was settled by now and is not counted yet; gives how many."""
    counted = 0
    while batch := _count_batch(at):
        counted += batch
    return counted


@transaction.atomic(durable=True)
def _count_batch(at: datetime) -> int:
    """Four statements, however many attempts."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    settled = PaymentAttempt.objects.filter(resolved_at__lte=at, is_counted=False)
    waiting = settled.exclude(segment="").order_by("resolved_at", "id")
    rows = list(waiting.values_list("id", "gateway", "segment", "state", "decline_class")[:BATCH])
    if not rows:
        return 0
    segments = {segment for _, __, segment, *_rest in rows}
    known = OutcomeStatistic.objects.filter(segment__in=segments)
    _save(_added(known, rows))
    PaymentAttempt.objects.filter(pk__in=[row[0] for row in rows]).update(is_counted=True)
    return len(rows)


def _added(
    known: Iterable[OutcomeStatistic], rows: Sequence[tuple[object, str, str, str, str]]
) -> list[OutcomeStatistic]:
    statistics = {(row.gateway, row.segment): row for row in known}
    seen: dict[str, int] = {}
    for (_, segment), row in statistics.items():
        seen[segment] = max(seen.get(segment, 0), row.seen)
    for _, gateway, segment, state, decline_class in rows:
        is_challenge = segment.startswith(PREFIX)
        observation = (observed_challenge if is_challenge else observed)(state, decline_class)
        if observation is None:
            continue
        seen[segment] = seen.get(segment, 0) + 1
        row = statistics.setdefault(
            (gateway, segment), OutcomeStatistic(gateway=gateway, segment=segment)
        )
        _take(row, cell_of(row).with_observation(observation, seen[segment]))
        row.attempts += 1
        row.declines += state == "declined" and observation.failure != 1
    return list(statistics.values())


def _take(row: OutcomeStatistic, cell: Cell) -> None:
    row.successes, row.failures, row.seen = cell.successes, cell.failures, cell.seen


def _save(rows: Sequence[OutcomeStatistic]) -> None:
    OutcomeStatistic.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["gateway", "segment"],
        update_fields=["successes", "failures", "seen", "attempts", "declines"],
    )

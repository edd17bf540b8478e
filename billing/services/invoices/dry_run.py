"""Dry runs: started, worked on chunk by chunk by any number of workers, canceled, forgotten."""

import logging
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import groupby

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from billing.errors import BeingWorkedOn, DryRunInvalid, DryRunNotRunning
from billing.models import DryRun, DryRunChunk, DryRunFailure, DryRunInvoice
from billing.queries.line_changes import LineChange
from billing.services.invoices.due import due_after_changes
from billing.services.invoices.rehearsing import Rehearsal, rehearse
from billing.services.invoices.run_changes import Rehearsed
from tiktoktoe.accounts.models import User

logger = logging.getLogger(__name__)
AHEAD_MAX = timedelta(days=400)
KEPT_FOR = timedelta(days=90)
LEASE = timedelta(minutes=10)
WAIT = timedelta(seconds=5)
TRIES_MAX = 20


@transaction.atomic
def start_dry_run(*, by: datetime, user: User | None, at: datetime) -> DryRun:
    """Write down whom to look at, in chunks; workers do it from then on.

    Raises:
        DryRunInvalid: If the day is over or too far ahead, or another dry run is going on.
    """
    if not at <= by <= at + AHEAD_MAX:
        raise DryRunInvalid(
            "it is over, or too far ahead",
            field="day",
            remedy=f"a day from today to {_last_day(at)}",
        )
    DryRun.objects.filter(started_at__lt=at - KEPT_FOR).exclude(state="running").delete()
    chunks = list(_chunks(by))
    try:
        with transaction.atomic():
            run = DryRun.objects.create(
                at=by,
                state=DryRun.State.RUNNING if chunks else DryRun.State.DONE,
                due_count=sum(len(chunk) for chunk in chunks),
                actor=user,
                started_at=at,
                finished_at=None if chunks else at,
            )
    except IntegrityError:
        raise DryRunInvalid(
            "another dry run is going on", field="day", remedy="wait for it, or cancel it"
        ) from None
    DryRunChunk.objects.bulk_create(DryRunChunk(run=run, subscription_ids=ids) for ids in chunks)
    return run


def _last_day(at: datetime) -> date:
    """The last day whose end is not too far ahead, as whoever asks counts days."""
    return timezone.localdate(at + AHEAD_MAX) - timedelta(days=1)


def _chunks(by: datetime) -> Iterator[list[int]]:
    """What is due, cut between customers: none is torn apart."""
    rows = due_after_changes(by).order_by("customer_id", "pk").values_list("customer_id", "pk")
    chunk: list[int] = []
    for _, group in groupby(rows.iterator(), key=lambda row: row[0]):
        chunk += [pk for _, pk in group]
        if len(chunk) >= settings.BILLING_CHUNK_SIZE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def work_on_dry_run(*, at: datetime) -> bool:
    """Work out one chunk that nobody else has; whether there was one."""
    chunk = _claim(at)
    if chunk is None:
        return False
    try:
        found = rehearse(chunk.subscription_ids, by=chunk.run.at)
    except BeingWorkedOn:
        if chunk.tries < TRIES_MAX:
            DryRunChunk.objects.filter(pk=chunk.pk).update(claimed_until=at + WAIT)
            return True
        found = Rehearsal(
            failures=tuple((pk, "it was being worked on") for pk in chunk.subscription_ids)
        )
    _keep(chunk, found, at)
    return True


def is_left_alone(at: datetime) -> bool:
    """Whether a dry run goes on with nobody working on it: its worker has died."""
    open_chunks = DryRunChunk.objects.filter(run__state="running", done_at=None)
    return open_chunks.exists() and not open_chunks.filter(claimed_until__gt=at).exists()


@transaction.atomic
def _claim(at: datetime) -> DryRunChunk | None:
    """A chunk that nobody works on, put out of the reach of others for a while."""
    chunk = (
        _claimable(at)
        .select_for_update(of=("self",), skip_locked=True)
        .select_related("run")
        .order_by("pk")
        .first()
    )
    if chunk is not None:
        chunk.claimed_until, chunk.tries = at + LEASE, chunk.tries + 1
        chunk.save(update_fields=["claimed_until", "tries"])
    return chunk


def _claimable(at: datetime) -> "QuerySet[DryRunChunk]":
    free = Q(claimed_until=None) | Q(claimed_until__lte=at)
    return DryRunChunk.objects.filter(free, run__state="running", done_at=None)


@transaction.atomic
def _keep(chunk: DryRunChunk, found: Rehearsal, at: datetime) -> None:
    """Keep what a chunk came to, unless another worker has, or it was canceled meanwhile."""
    run = DryRun.objects.select_for_update().get(pk=chunk.run_id)
    mine = DryRunChunk.objects.filter(pk=chunk.pk, done_at=None)
    if run.state != DryRun.State.RUNNING or not mine.update(done_at=at, claimed_until=None):
        return
    DryRunInvoice.objects.bulk_create(
        _row(chunk, position, one) for position, one in enumerate(found.invoices)
    )
    DryRunFailure.objects.bulk_create(
        DryRunFailure(run=run, chunk=chunk, subscription_id=pk, error=error)
        for pk, error in found.failures
    )
    is_over = not DryRunChunk.objects.filter(run=run, done_at=None).exists()
    DryRun.objects.filter(pk=run.pk).update(
        done_count=F("done_count") + len(chunk.subscription_ids),
        state=DryRun.State.DONE if is_over else DryRun.State.RUNNING,
        finished_at=at if is_over else None,
    )
    if is_over:
        logger.info("dry run done", extra={"dry_run": run.pk})


def _row(chunk: DryRunChunk, position: int, one: Rehearsed) -> DryRunInvoice:
    draft = one.draft
    return DryRunInvoice(
        run=chunk.run,
        chunk=chunk,
        position=position,
        customer=draft.customer,
        references=[subscription.reference for subscription in draft.subscriptions],
        boundary=draft.boundary,
        line_count=len(draft.lines),
        currency=draft.currency,
        subtotal=draft.totals.subtotal.amount,
        tax=draft.totals.tax.amount,
        total=draft.totals.total.amount,
        is_before_tax=draft.awaits_tax,
        before=one.before.amount if one.before is not None else None,
        difference=one.difference.amount if one.difference is not None else None,
        changes=[_told(change) for change in one.changes],
    )


def _told(change: LineChange) -> dict[str, str]:
    return {
        "description": change.description,
        "before": str(change.before.amount),
        "after": str(change.after.amount),
        "why": change.why,
    }


@transaction.atomic
def cancel_dry_run(*, run: DryRun, at: datetime) -> DryRun:
    """Look no further; what was worked out stays.

    Raises:
        DryRunNotRunning: If it is over already.
    """
    locked = DryRun.objects.select_for_update().get(pk=run.pk)
    if locked.state != DryRun.State.RUNNING:
        raise DryRunNotRunning(f"it is {locked.state} already")
    locked.state, locked.finished_at = DryRun.State.CANCELED, at
    locked.save(update_fields=["state", "finished_at"])
    return locked

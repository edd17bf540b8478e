"""The billing run: what is due is billed in chunks, each one transaction, safe to run twice.

Workers claim chunks of whole customers with SKIP LOCKED, so that any number of them can work
side by side and a killed one leaves nothing half-done. A chunk that fails is halved until the
one subscription that cannot be billed stands alone; it is set aside with its error.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F

from billing.errors import BillingNotDue
from billing.models import BillingFailure, BillingRun, Invoice
from billing.services.changes.scheduled_changes import apply_scheduled_changes, with_coming
from billing.services.credit.giving_back import give_back_at_end
from billing.services.invoices.boundaries import ends_at, next_boundary
from billing.services.invoices.consolidating import claim_whole
from billing.services.invoices.draft_parts import Boundary
from billing.services.invoices.draft_review import ReviewDays, Written, hold_for_review
from billing.services.invoices.drafting import draft_invoices
from billing.services.invoices.due import due, first_due, is_due, lock_due
from billing.services.invoices.refreshing import keep_boundaries
from billing.services.invoices.resuming import count_from_resumptions
from billing.services.invoices.writing import finalize_drafts, write_drafts
from subscriptions.models import CustomerClock, Subscription, UsageClosing
from subscriptions.services.add_ons import note_scheduled_add_ons
from subscriptions.services.lifecycle import convert_trial, end_subscription
from subscriptions.services.pauses import pause_subscription, resume_subscription
from subscriptions.services.transitions import SCHEDULE
from subscriptions.services.usage import Closing, close_usage

logger = logging.getLogger(__name__)
CLAIM_AHEAD = 4

CLOSINGS_DUE = """
SELECT DISTINCT s.customer_id, price.meter_id, s.next_billing_at, s.currency
FROM subscriptions_subscription s
JOIN subscriptions_customer customer ON customer.id = s.customer_id
JOIN (
    SELECT subscription_id, plan_version_id, starts_at, ends_at
    FROM subscriptions_subscriptionphase
    UNION ALL
    SELECT subscription_id, plan_version_id, starts_at, ends_at
    FROM subscriptions_subscriptionaddon
) AS served
  ON served.subscription_id = s.id AND served.starts_at < s.next_billing_at
 AND (served.ends_at IS NULL OR served.ends_at > s.current_period_start)
JOIN subscriptions_price price
  ON price.plan_version_id = served.plan_version_id AND price.meter_id IS NOT NULL
WHERE s.next_billing_at <= %s
"""
CLOSINGS_OF_CLOCK = f"{CLOSINGS_DUE} AND customer.clock_id IS NOT DISTINCT FROM %s"

STILL_OPEN = f"""
SELECT wanted.customer_id, wanted.currency FROM ({CLOSINGS_DUE} AND s.id = ANY(%s)) AS wanted
LEFT JOIN subscriptions_usageclosing c USING (customer_id, meter_id)
WHERE c.closed_through IS NULL OR c.closed_through < wanted.next_billing_at
"""  # noqa: S608 - put together from constants

ADVANCE = """
UPDATE subscriptions_subscription s SET
    current_period_start = given.period_start,
    current_period_end = given.period_end,
    next_billing_at = given.next_billing_at
FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
     AS given(id, period_start, period_end, next_billing_at)
WHERE s.id = given.id
"""


@dataclass(frozen=True, slots=True)
class ChunkResult:
    """What a chunk came to."""

    billed: int
    invoices: int
    failures: int
    is_over: bool = False  # nothing was due any more

    def plus(self, other: "ChunkResult") -> "ChunkResult":
        """Both together."""
        return ChunkResult(
            self.billed + other.billed,
            self.invoices + other.invoices,
            self.failures + other.failures,
        )


NOTHING = ChunkResult(0, 0, 0)


def run_billing(*, at: datetime, clock: CustomerClock | None = None) -> BillingRun:
    """Bill everything due by an instant, here and now, and give the run's record.

    Periods missed while nothing ran are billed one after the other, in order. Of customers
    with a test clock only those of `clock` are billed, and of it no others.
    """
    run = open_run(at=at, clock=clock)
    while (done := work_on(run=run, at=at)).billed and not done.is_over:
        pass
    return finish_run(run=run, at=at)


def run_in_hand(*, at: datetime) -> BillingRun | None:
    """The run to work on now: one that is not done, or a new one if something is due."""
    unfinished = (
        BillingRun.objects.filter(state=BillingRun.State.RUNNING, clock=None).order_by("pk").first()
    )
    if unfinished is not None:
        return unfinished
    return open_run(at=at) if is_due(at) else None


@transaction.atomic
def open_run(*, at: datetime, clock: CustomerClock | None = None) -> BillingRun:
    """Begin a run, with the count of what is due."""
    known = len(first_due(at, clock=clock, limit=_ahead()))
    count = known if known < _ahead() else due(at, clock=clock).count()
    return BillingRun.objects.create(at=at, clock=clock, due_count=count, started_at=at)


@transaction.atomic
def finish_run(*, run: BillingRun, at: datetime) -> BillingRun:
    """End a run when nothing is due any more; while something is, it goes on."""
    run.refresh_from_db()
    if run.state == BillingRun.State.RUNNING and not is_due(run.at, clock=run.clock):
        run.state = BillingRun.State.DONE
        run.finished_at = at
        run.save(update_fields=["state", "finished_at"])
        logger.info("billing run done", extra={"run": run.pk, "invoices": run.invoice_count})
    return run


def work_on(*, run: BillingRun, at: datetime) -> ChunkResult:
    """Bill chunks of a run until none can be claimed; what several workers do side by side."""
    close_due_usage(at=run.at, clock=run.clock)
    done = NOTHING
    while True:
        ids = first_due(run.at, clock=run.clock, limit=_ahead())
        result = _first_chunk(ids, run, at)
        if not result.billed and not result.failures:
            return replace(done, is_over=not ids)
        done = done.plus(result)


def _ahead() -> int:
    """Of how many a worker learns at once, to find a chunk that no other one has."""
    return int(settings.BILLING_CHUNK_SIZE) * CLAIM_AHEAD


def close_due_usage(*, at: datetime, clock: CustomerClock | None = None) -> None:
    """Close the usage of everything due, before any of it is counted.

    What is held for people stays open: late usage comes on its draft until that is issued.
    """
    with connection.cursor() as cursor:
        cursor.execute(CLOSINGS_OF_CLOCK, [at, clock.pk if clock else None])
        rows = cursor.fetchall()
    review = ReviewDays(row[0] for row in rows)
    known = dict[tuple[int, int], datetime]()
    closings = UsageClosing.objects.filter(customer_id__in={row[0] for row in rows})
    for customer, meter, through in closings.values_list(
        "customer_id", "meter_id", "closed_through"
    ):
        known[customer, meter] = through
    close_usage(
        closings=[
            Closing(customer, meter, through)
            for customer, meter, through, currency in rows
            if not review.of(customer, currency)
            and ((customer, meter) not in known or known[customer, meter] < through)
        ]
    )


def _first_chunk(ids: Sequence[int], run: BillingRun, at: datetime) -> ChunkResult:
    """Bill the first part of what is due that no other worker holds."""
    size = settings.BILLING_CHUNK_SIZE
    for start in range(0, len(ids), size):
        result = _bill_or_halve(ids[start : start + size], run, at)
        if result.billed or result.failures:
            return result
    return NOTHING


def _bill_or_halve(ids: Sequence[int], run: BillingRun, at: datetime) -> ChunkResult:
    """Bill subscriptions; if that fails, each half of them, down to the one that cannot be.

    Raises:
        OperationalError, InterfaceError: If the database is gone; then nobody is at fault.
    """
    try:
        return bill_chunk(ids, run=run, at=at)
    except (OperationalError, InterfaceError):
        raise
    except Exception as problem:  # noqa: BLE001 - whatever it is, it must stop one customer only
        if len(ids) > 1:
            middle = len(ids) // 2
            first = _bill_or_halve(ids[:middle], run, at)
            return first.plus(_bill_or_halve(ids[middle:], run, at))
        return _set_aside(ids[0], problem, run, at)


@transaction.atomic
def bill_chunk(ids: Sequence[int], *, run: BillingRun, at: datetime) -> ChunkResult:
    """Bill the boundary that each of these subscriptions is due at, and move it on, at once.

    Those that another worker holds, or whose usage is not closed yet, are left for later.
    """
    boundaries, review = claim(ids, run.at, at)
    written = draft_and_move_on(boundaries, at)
    finalize_drafts(hold_for_review(written, boundaries, review=review, at=at), at=at)
    if written:
        count = F("invoice_count") + len(written)
        BillingRun.objects.filter(pk=run.pk).update(invoice_count=count)
    return ChunkResult(billed=len(boundaries), invoices=len(written), failures=0)


def draft_invoice(*, subscription: Subscription, at: datetime) -> Invoice | None:
    """Bill what a subscription is due for as a draft, to be looked at before it is issued.

    The subscription moves on to its next period, so that no run bills this one again. None
    if nothing is owed.

    Raises:
        BillingNotDue: If its period is not over, or a run is billing it right now.
    """
    clock = subscription.customer.clock
    due_by = clock.at if clock else at
    with transaction.atomic():
        boundaries, _ = claim([subscription.pk], due_by, due_by, is_held=True)
        if not boundaries:
            raise BillingNotDue(f"{subscription} has nothing to bill right now")
        written = draft_and_move_on(boundaries, due_by)
        keep_boundaries(written, boundaries)
    return Invoice.objects.filter(pk__in=[pk for pk, _ in written]).first()


def claim(
    ids: Sequence[int], due_by: datetime, at: datetime, *, is_held: bool = False
) -> tuple[list[Boundary], ReviewDays]:
    """Lock what is due of these, and put it on the plan that was scheduled for this boundary.

    With it, whose drafts are held: their usage stays open; `is_held`: that of all of them.
    """
    claimed = claim_whole(ids, due_by)
    locked = lock_due(claimed.ids, at=due_by)
    count_from_resumptions(locked)
    review = ReviewDays(subscription.customer_id for subscription in locked)
    found = _boundaries(locked)
    boundaries = claimed.complete(found if is_held else _with_closed_usage(found, review))
    ready = [boundary.subscription for boundary in boundaries]
    if apply_scheduled_changes(ready, at=at):
        return with_coming(boundaries), review
    return boundaries, review


def draft_and_move_on(boundaries: Sequence[Boundary], at: datetime) -> Written:
    """Write the drafts of claimed boundaries and move on, in the caller's transaction."""
    for boundary in boundaries:
        if boundary.is_last and boundary.at < boundary.subscription.current_period_end:
            give_back_at_end(boundary, at=at)
    drafts = draft_invoices(boundaries)
    written = list(zip(write_drafts(drafts, at=at), drafts, strict=True))
    _move_on(boundaries, at)
    return written


def _boundaries(subscriptions: Sequence[Subscription]) -> list[Boundary]:
    return [b for s in subscriptions if (b := next_boundary(s)) is not None]


def _with_closed_usage(boundaries: Sequence[Boundary], review: ReviewDays) -> list[Boundary]:
    """Those whose usage up to the boundary can no longer change, and those that are held."""
    with connection.cursor() as cursor:
        cursor.execute(
            STILL_OPEN,
            [
                max((b.at for b in boundaries), default=None),
                [b.subscription.pk for b in boundaries],
            ],
        )
        still_open = {row for row in cursor.fetchall() if not review.of(*row)}
    whose = [(b, (b.subscription.customer_id, b.subscription.currency)) for b in boundaries]
    return [boundary for boundary, who in whose if who not in still_open]


def _move_on(boundaries: Sequence[Boundary], at: datetime) -> None:
    """Put each subscription into its coming period, or end it."""
    moved = [b for b in boundaries if b.coming is not None]
    with connection.cursor() as cursor:
        cursor.execute(
            ADVANCE,
            [
                [b.subscription.pk for b in moved],
                [b.coming.start for b in moved if b.coming],
                [b.coming.end for b in moved if b.coming],
                [b.coming.end for b in moved if b.coming],
            ],
        )
    for boundary in moved:
        if boundary.is_trial:
            continue
        if boundary.subscription.state == Subscription.State.TRIALING:
            convert_trial(subscription=boundary.subscription, at=at)
        elif boundary.subscription.state == Subscription.State.PAUSED:
            assert boundary.coming is not None
            resume_subscription(
                subscription=boundary.subscription,
                period=boundary.coming,
                anchor_on=boundary.subscription.anchor_on,
                effective_at=boundary.at,
                at=at,
            )
    going_on = [b for b in boundaries if not ends_at(b.subscription, b.at)]
    note_scheduled_add_ons({b.subscription.pk: b.at for b in going_on}, at=at)
    over = [b.subscription for b in boundaries if b.coming is None]
    Subscription.objects.filter(pk__in=[s.pk for s in over]).update(next_billing_at=None)
    for boundary in boundaries:
        if boundary.coming is None:
            _stop(boundary, at)


def _stop(boundary: Boundary, at: datetime) -> None:
    """End or pause what does not go on after a boundary."""
    subscription = boundary.subscription
    if subscription.ended_at is not None:
        return
    if ends_at(subscription, boundary.at):
        assert subscription.cancel_at is not None
        end_subscription(subscription=subscription, effective_at=subscription.cancel_at, at=at)
        return
    pause_subscription(
        subscription=subscription,
        paused_from=boundary.at,
        effective_at=boundary.at,
        resume_at=subscription.resume_at,
        actor=SCHEDULE,
        at=at,
    )


@transaction.atomic
def _set_aside(
    subscription_id: int, problem: Exception, run: BillingRun, at: datetime
) -> ChunkResult:
    """Leave out a subscription that cannot be billed until somebody has looked at it."""
    logger.error("billing failed", exc_info=problem, extra={"subscription": subscription_id})
    _, is_new = BillingFailure.objects.get_or_create(
        subscription_id=subscription_id,
        released_at=None,
        defaults={
            "run": run,
            "error": f"{type(problem).__name__}: {problem}"[:2000],
            "failed_at": at,
        },
    )
    if not is_new:  # another worker met it at the same time
        return NOTHING
    BillingRun.objects.filter(pk=run.pk).update(failure_count=F("failure_count") + 1)
    return ChunkResult(billed=0, invoices=0, failures=1)


@transaction.atomic
def release_failure(*, failure: BillingFailure, at: datetime) -> None:
    """Let a subscription that was set aside be billed again, by the next run."""
    BillingFailure.objects.filter(pk=failure.pk, released_at__isnull=True).update(released_at=at)

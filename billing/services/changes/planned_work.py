"""What was planned starts when its day has begun, by the very code of a start "now".

It starts as of the first instant of the day, however late a worker comes to it, after what the
customer has besides is billed up to then. Once that day is over its documents are of today.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from functools import cache

from django.db import transaction
from django.db.models import QuerySet

from billing.models import PlannedStart, PlannedStartEvent
from billing.services.changes.dated_work import BATCH_SIZE, TRIES_MAX, WAIT
from billing.services.changes.first_add_ons import AddOnWanted
from billing.services.changes.planned_starts import record_event
from billing.services.changes.subscribing import Started, start_subscription
from subscriptions.models import CustomerClock
from subscriptions.services.customer_clocks import key_of
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.catching_up import catching_up
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.kernel.periods import Alignment
from tiktoktoe.standing import StandingQuery, standing

logger = logging.getLogger(__name__)


def start_planned(
    *, at: datetime, clock: CustomerClock | None = None, limit: int = BATCH_SIZE
) -> int:
    """Start what was planned for days that have begun; any number of workers may. Gives how many.

    Of a customer's one after the other. Of customers with a test clock only those of `clock`.
    """
    started = 0
    while started < limit:
        coming = _first_ready(limit).rows(at=at, clock=key_of(clock))[: limit - started]
        done = sum(carry_out(pk, at=at) for pk in coming)
        if not done:
            break
        started += done
    return started


@cache
def _first_ready(limit: int) -> StandingQuery[..., PlannedStart, int]:
    def first_ready(at: datetime, clock: int | None) -> "QuerySet[PlannedStart, int]":
        ready = PlannedStart.objects.ready(at).filter(customer__clock=clock)
        return ready.order_by("due_at", "pk").values_list("pk", flat=True)[:limit]

    return standing(first_ready)


def carry_out(pk: int, *, at: datetime) -> bool:
    """Start one, or write down why not; False if another worker has it."""
    try:
        return _start(pk, at)
    except (InvalidInput, Conflict) as refusal:
        _refuse(pk, str(refusal), at)
    except Exception as problem:  # one that cannot be started must not keep the others from it
        logger.exception("planned start not made", extra={"planned_start": pk})
        _put_off(pk, f"{type(problem).__name__}: {problem}", at)
    return True


def begin(start: PlannedStart, add_ons: Sequence[AddOnWanted]) -> Started:
    """Start it as of its day, in the caller's transaction.

    Raises what `start_subscription` does.
    """
    return start_subscription(
        customer=start.customer,
        plan_version=start.plan_version,
        quantity=start.quantity,
        trial_days=start.trial_days,
        alignment=Alignment(start.alignment),
        anchor_day=start.anchor_day,
        coupon_code=start.coupon_code,
        add_ons=add_ons,
        reference=start.reference,
        actor=Actor(source=PlannedStart.SOURCE, user=start.actor),
        at=start.due_at,
    )


@transaction.atomic
def _start(pk: int, at: datetime) -> bool:
    waiting = PlannedStart.objects.ready(at).filter(pk=pk)
    locked = waiting.select_for_update(of=("self",), skip_locked=True)
    start = locked.select_related("customer", "plan_version__plan", "actor").first()
    if start is None:
        return False
    rows = start.add_ons.select_related("plan_version__plan")
    add_ons = [AddOnWanted(row.plan_version, row.quantity) for row in rows]
    with catching_up(due_at=start.due_at, zone=start.customer.time_zone, now=at):
        started = begin(start, add_ons)
    start.subscription, start.state = started.subscription, PlannedStart.State.STARTED
    start.done_at, start.why = at, ""
    start.save(update_fields=["subscription", "state", "done_at", "why"])
    actor = Actor(source=PlannedStart.SOURCE, user=start.actor)
    record_event(start, PlannedStartEvent.Kind.STARTED, actor=actor, at=at)
    return True


@transaction.atomic
def _refuse(pk: int, why: str, at: datetime) -> None:
    logger.warning("planned start refused", extra={"planned_start": pk, "why": why})
    waiting = PlannedStart.objects.waiting().filter(pk=pk)
    refused = waiting.update(state=PlannedStart.State.REFUSED, why=why[:300], done_at=at)
    if refused:
        start, actor = PlannedStart.objects.get(pk=pk), Actor(source=PlannedStart.SOURCE)
        record_event(start, PlannedStartEvent.Kind.REFUSED, actor=actor, at=at, reason=why)


@transaction.atomic
def _put_off(pk: int, why: str, at: datetime) -> None:
    """Try it again later, for as long as that makes sense; then it is refused for that reason."""
    start = PlannedStart.objects.get(pk=pk)
    if start.tries + 1 >= TRIES_MAX:
        _refuse(pk, why, at)
        return
    PlannedStart.objects.waiting().filter(pk=pk).update(
        tries=start.tries + 1, why=why[:300], try_at=at + WAIT
    )

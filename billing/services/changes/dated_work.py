"""What was asked for a day is done when that day has begun, by the very code of a change "now".

It is done as of the first instant of the day, however late a worker comes to it, and after
everything before it is billed; the billing run goes no further meanwhile. Once that day is over
its documents are of today. On a day with which a period begins it is a change with the period's
end: nothing is billed that would be given back.
"""

import logging
from datetime import datetime, timedelta
from functools import cache

from django.db import OperationalError, transaction
from django.db.models import Q, QuerySet

from billing.errors import PaymentInFlight
from billing.models import DatedChange
from billing.services.changes.add_ons import change_add_on
from billing.services.changes.pausing import pause
from billing.services.changes.plan_changes import change_plan
from subscriptions.domain.lifecycle import BILLED_STATES
from subscriptions.domain.proration_policy import Timing, UnusedTime
from subscriptions.errors import SubscriptionChanged
from subscriptions.models import CustomerClock, Subscription, SubscriptionTransition
from subscriptions.services.customer_clocks import key_of
from subscriptions.services.lifecycle import change_token
from subscriptions.services.policies import ChangeOverride
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.catching_up import catching_up
from tiktoktoe.kernel.errors import Conflict, GatewayError, InvalidInput
from tiktoktoe.standing import StandingQuery, standing

logger = logging.getLogger(__name__)
PORTAL = "portal"
MOMENT = timedelta(microseconds=1)
LEASE = timedelta(minutes=10)
WAIT = timedelta(minutes=15)
TRIES_MAX = 8
BATCH_SIZE = 50


def make_dated_changes(
    *, at: datetime, clock: CustomerClock | None = None, limit: int = BATCH_SIZE
) -> int:
    """Do what was asked for days that have begun; any number of workers may. Gives how many.

    Of customers with a test clock only those of `clock`.
    """
    claimed = _claim(at, clock, limit)
    for change in claimed:
        carry_out(change, at=at)
    return len(claimed)


@transaction.atomic
def _claim(at: datetime, clock: CustomerClock | None, limit: int) -> list[DatedChange]:
    """Those that are ready, out of others' reach for a while."""
    claimed = _first_ready(limit).rows(at=at, clock=key_of(clock))
    if claimed:
        DatedChange.objects.filter(pk__in=[c.pk for c in claimed]).update(try_at=at + LEASE)
    return claimed


@cache
def _first_ready(limit: int) -> StandingQuery[..., DatedChange, DatedChange]:
    def first_ready(at: datetime, clock: int | None) -> "QuerySet[DatedChange]":
        ready = DatedChange.objects.ready(at).filter(subscription__customer__clock=clock)
        locked = ready.order_by("due_at", "pk").select_for_update(of=("self",), skip_locked=True)
        return locked.select_related("plan_version__plan", "actor")[:limit]

    return standing(first_ready)


def carry_out(change: DatedChange, *, at: datetime) -> None:
    """Do one, or write down why it is not done; what a worker that died has done is not again."""
    subscription = Subscription.objects.select_related("plan_version__plan").get(
        pk=change.subscription_id
    )
    if subscription.ended_at is not None:
        _settle(change, DatedChange.State.WITHDRAWN, at, why="the subscription has ended")
        return
    try:
        if not _done_before(change):
            with catching_up(due_at=change.due_at, zone=subscription.time_zone, now=at):
                _act(change, subscription)
    except (PaymentInFlight, SubscriptionChanged, OperationalError, GatewayError) as problem:
        _put_off(change, str(problem), at)
    except (InvalidInput, Conflict) as refusal:
        _settle(change, DatedChange.State.REFUSED, at, why=str(refusal))
    except Exception as problem:  # one that cannot be done must not keep the others from it
        logger.exception("change of a day not made", extra={"dated_change": change.pk})
        _put_off(change, f"{type(problem).__name__}: {problem}", at)
    else:
        _settle(change, DatedChange.State.APPLIED, at)


def acts_at(change: DatedChange, subscription: Subscription) -> datetime:
    """The instant of which it is done: the day's first, or the period's last where that begins."""
    return change.due_at - MOMENT if begins_period(change, subscription) else change.due_at


def begins_period(change: DatedChange, subscription: Subscription) -> bool:
    """Whether its day is the one with which the next period begins."""
    is_billed = subscription.state in BILLED_STATES
    return is_billed and bool(change.due_at == subscription.current_period_end)


def override_of(change: DatedChange, subscription: Subscription) -> ChangeOverride:
    """What it departs from the policy in: its time, and what was asked for besides.

    What a customer asks for departs in nothing: what costs less waits for the period's end.
    """
    timing = None if change.source == PORTAL else Timing.IMMEDIATE
    if begins_period(change, subscription):
        timing = Timing.PERIOD_END
    return ChangeOverride(
        timing=timing,
        prorates=change.prorates,
        unused_time=UnusedTime(change.unused_time) if change.unused_time else None,
    )


def _act(change: DatedChange, subscription: Subscription) -> None:
    actor = Actor(source=DatedChange.SOURCE, user=change.actor)
    instant, seen = acts_at(change, subscription), change_token(subscription)
    if change.kind == DatedChange.Kind.PAUSE:
        pause(
            subscription=subscription,
            actor=actor,
            at=instant,
            at_period_end=begins_period(change, subscription),
            resume_on=change.resume_on,
            unused=UnusedTime(change.unused_time) if change.unused_time else None,
            reason=change.reason,
            expected=seen,
        )
        return
    assert change.quantity is not None
    if change.kind == DatedChange.Kind.ADD_ON:
        assert change.plan_version is not None
        change_add_on(
            subscription=subscription,
            plan_version=change.plan_version,
            quantity=change.quantity,
            actor=actor,
            at=instant,
            override=override_of(change, subscription),
            reason=change.reason,
            expected=seen,
        )
        return
    change_plan(
        subscription=subscription,
        plan_version=change.plan_version or subscription.plan_version,
        quantity=change.quantity,
        actor=actor,
        at=instant,
        override=override_of(change, subscription),
        reason=change.reason,
        expected=seen,
    )


def _done_before(change: DatedChange) -> bool:
    """Whether its row is there: of this source, and of its instant, written then or late."""
    instants = [change.due_at, change.due_at - MOMENT]
    late = Q(details__as_of__in=[instant.isoformat() for instant in instants])
    rows = SubscriptionTransition.objects.filter(
        late | Q(recorded_at__in=instants),
        subscription=change.subscription_id,
        source=DatedChange.SOURCE,
    )
    return rows.exists()


@transaction.atomic
def _settle(change: DatedChange, state: DatedChange.State, at: datetime, *, why: str = "") -> None:
    if state != DatedChange.State.APPLIED:
        logger.warning("change of a day not made", extra={"dated_change": change.pk, "why": why})
    DatedChange.objects.scheduled().filter(pk=change.pk).update(
        state=state, why=why[:300], done_at=at
    )


@transaction.atomic
def _put_off(change: DatedChange, why: str, at: datetime) -> None:
    """Try it again later, for as long as that makes sense; then it is refused for that reason."""
    if change.tries + 1 >= TRIES_MAX:
        _settle(change, DatedChange.State.REFUSED, at, why=why)
        return
    DatedChange.objects.scheduled().filter(pk=change.pk).update(
        tries=change.tries + 1, why=why[:300], try_at=at + WAIT
    )

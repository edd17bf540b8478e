"""A subscription is asked for a day to come, taken back, and started when that day has begun.

It is started as of the first instant of the day by the code of one of that day, however late
a worker comes to it, after what the customer has besides is billed up to then.
"""

import logging
from datetime import date, datetime

from django.db import transaction

from billing.models import PlannedStart
from billing.services.changes.dated_work import BATCH_SIZE, TRIES_MAX, WAIT
from billing.services.changes.subscribing import start_subscription
from subscriptions.errors import SubscriptionInvalid
from subscriptions.models import Customer, CustomerClock, PlanVersion, Subscription
from subscriptions.services.signup import ensure_startable
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.errors import Conflict, InvalidInput
from tiktoktoe.kernel.ids import short_id
from tiktoktoe.kernel.periods import local_midnight

logger = logging.getLogger(__name__)


@transaction.atomic
def plan_start(
    *,
    customer: Customer,
    plan_version: PlanVersion,
    starts_on: date,
    at: datetime,
    actor: Actor,
    quantity: int = 1,
    trial_days: int | None = None,
    coupon_code: str = "",
    reference: str = "",
) -> PlannedStart:
    """Let a subscription start with the customer's local day `starts_on`; nothing is billed yet.

    What depends on the day is looked at when it has come: other subscriptions, the coupon, tax.
    The same `reference` gives what is planned by it already.

    Raises:
        SubscriptionInvalid: If the day is not to come, the quantity or the trial makes no
            sense, or the reference is another's.
        PlanVersionNotOnSale: If it is an add-on, a draft, or not effective by that day.
    """
    buyer = Customer.objects.select_for_update(of=("self",)).get(pk=customer.pk)
    known = PlannedStart.objects.filter(reference=reference).first() if reference else None
    if known is not None and known.customer_id == buyer.pk:
        return known
    if known is not None or _is_started(reference):
        raise SubscriptionInvalid(
            "something is started by this reference already", field="reference"
        )
    due_at = local_midnight(starts_on, buyer.time_zone)
    if due_at <= at:
        raise SubscriptionInvalid(
            f"{starts_on} is not to come", field="starts_on", remedy="a later day, or none"
        )
    ensure_startable(plan_version, quantity=quantity, trial_days=trial_days, at=due_at)
    start = PlannedStart.objects.create(
        reference=reference or short_id("sub"),
        customer=buyer,
        plan_version=plan_version,
        quantity=quantity,
        trial_days=trial_days,
        coupon_code=coupon_code,
        on=starts_on,
        due_at=due_at,
        try_at=due_at,
        requested_at=at,
        source=actor.source,
        actor=actor.user,
    )
    logger.info("start planned", extra={"subscription": start.reference})
    return start


def _is_started(reference: str) -> bool:
    return bool(reference) and Subscription.objects.filter(reference=reference).exists()


@transaction.atomic
def withdraw_start(*, start: PlannedStart, at: datetime) -> PlannedStart:
    """Take back what has not started; whoever is starting it right now is waited for."""
    PlannedStart.objects.waiting().filter(pk=start.pk).update(
        state=PlannedStart.State.WITHDRAWN, done_at=at
    )
    start.refresh_from_db()
    return start


def start_planned(
    *, at: datetime, clock: CustomerClock | None = None, limit: int = BATCH_SIZE
) -> int:
    """Start what was planned for days that have begun; any number of workers may. Gives how many.

    Of customers with a test clock only those of `clock`.
    """
    ready = PlannedStart.objects.ready(at).on_clock(clock).order_by("due_at", "pk")
    return sum(_live_up(pk, at) for pk in list(ready.values_list("pk", flat=True)[:limit]))


def _live_up(pk: int, at: datetime) -> bool:
    """Start one, or write down why not; False if another worker has it."""
    try:
        return _start(pk, at)
    except (InvalidInput, Conflict) as refusal:
        _refuse(pk, str(refusal), at)
    except Exception as problem:  # one that cannot be started must not keep the others from it
        logger.exception("planned start not made", extra={"planned_start": pk})
        _put_off(pk, f"{type(problem).__name__}: {problem}", at)
    return True


@transaction.atomic
def _start(pk: int, at: datetime) -> bool:
    waiting = PlannedStart.objects.ready(at).filter(pk=pk)
    locked = waiting.select_for_update(of=("self",), skip_locked=True)
    start = locked.select_related("customer", "plan_version__plan", "actor").first()
    if start is None:
        return False
    started = start_subscription(
        customer=start.customer,
        plan_version=start.plan_version,
        quantity=start.quantity,
        trial_days=start.trial_days,
        coupon_code=start.coupon_code,
        reference=start.reference,
        actor=Actor(source=PlannedStart.SOURCE, user=start.actor),
        at=start.due_at,
    )
    start.subscription, start.state = started.subscription, PlannedStart.State.STARTED
    start.done_at, start.why = at, ""
    start.save(update_fields=["subscription", "state", "done_at", "why"])
    return True


@transaction.atomic
def _refuse(pk: int, why: str, at: datetime) -> None:
    logger.warning("planned start refused", extra={"planned_start": pk, "why": why})
    PlannedStart.objects.waiting().filter(pk=pk).update(
        state=PlannedStart.State.REFUSED, why=why[:300], done_at=at
    )


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

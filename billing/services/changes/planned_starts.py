"""A subscription is asked for a day to come, and taken back; nothing is billed before the day."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction

from billing.models import PlannedAddOn, PlannedStart, PlannedStartEvent
from billing.services.changes.first_add_ons import AddOnWanted
from billing.services.changes.wanted import AHEAD_MAX
from billing.services.credit.coupons import ensure_redeemable
from subscriptions.domain.schedule import anchored_on
from subscriptions.errors import AddOnInvalid, SubscriptionInvalid
from subscriptions.models import Customer, PlanVersion, Subscription
from subscriptions.services.changes import ensure_on_sale
from subscriptions.services.signup import ensure_startable
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.ids import short_id
from tiktoktoe.kernel.periods import Alignment, local_midnight

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartWanted:
    """What is to start with a day: the terms of `start_subscription`."""

    on: date
    plan_version: PlanVersion
    quantity: int = 1
    trial_days: int | None = None
    alignment: Alignment = Alignment.ANNIVERSARY
    anchor_day: int | None = None
    coupon_code: str = ""
    add_ons: Sequence[AddOnWanted] = ()


@transaction.atomic
def plan_start(
    *,
    customer: Customer,
    wanted: StartWanted,
    at: datetime,
    actor: Actor,
    reference: str = "",
    reason: str = "",
) -> PlannedStart:
    """Let a subscription start with a customer's local day to come; nothing is billed yet.

    What depends on the day is looked at when it has come: other subscriptions, the coupon, tax.
    The same `reference` gives what is planned by it already.

    Raises what `planned_start` does, and:
        SubscriptionInvalid: If the reference is another's.
    """
    buyer = Customer.objects.select_for_update(of=("self",)).get(pk=customer.pk)
    known = PlannedStart.objects.filter(reference=reference).first() if reference else None
    if known is not None and known.customer_id == buyer.pk:
        return known
    if known is not None or _is_started(reference):
        raise SubscriptionInvalid(
            "something is started by this reference already", field="reference"
        )
    start = planned_start(customer=buyer, wanted=wanted, actor=actor, at=at)
    start.reference = reference or short_id("sub")
    start.save()
    for add_on in wanted.add_ons:
        PlannedAddOn.objects.create(
            start=start, plan_version=add_on.version, quantity=add_on.quantity
        )
    record_event(start, PlannedStartEvent.Kind.PLANNED, actor=actor, at=at, reason=reason)
    logger.info("start planned", extra={"subscription": start.reference})
    return start


def planned_start(
    *, customer: Customer, wanted: StartWanted, actor: Actor, at: datetime
) -> PlannedStart:
    """What would be planned, not saved; refused where it could not start on its day.

    Raises:
        SubscriptionInvalid: If the day is not to come or too far off, or the quantity, the
            anchor or the trial makes no sense.
        PlanVersionNotOnSale: If it is an add-on, a draft, or not effective by that day; or an
            add-on is, or is sold in another currency.
        AddOnInvalid: If an add-on is none, is there twice, or is too few.
        CouponInvalid: If there is no such coupon, or it cannot be redeemed any more that day.
    """
    due_at = local_midnight(wanted.on, customer.time_zone)
    if not at < due_at <= at + AHEAD_MAX:
        raise SubscriptionInvalid(
            f"{wanted.on} is not to come, or too far off",
            field="starts_on",
            remedy="a later day, or none; at most 800 days ahead",
        )
    ensure_startable(
        wanted.plan_version, quantity=wanted.quantity, trial_days=wanted.trial_days, at=due_at
    )
    if wanted.anchor_day is not None:
        anchored_on(wanted.anchor_day, wanted.on, wanted.plan_version.plan.billing_interval)
    _ensure_add_ons(wanted, due_at)
    if wanted.coupon_code:
        ensure_redeemable(wanted.coupon_code, at=due_at)
    return PlannedStart(
        customer=customer,
        plan_version=wanted.plan_version,
        quantity=wanted.quantity,
        trial_days=wanted.trial_days,
        alignment=wanted.alignment,
        anchor_day=wanted.anchor_day,
        coupon_code=wanted.coupon_code,
        on=wanted.on,
        due_at=due_at,
        try_at=due_at,
        requested_at=at,
        source=actor.source,
        actor=actor.user,
    )


def _is_started(reference: str) -> bool:
    return bool(reference) and Subscription.objects.filter(reference=reference).exists()


def _ensure_add_ons(wanted: StartWanted, due_at: datetime) -> None:
    """Refuse what can be had with no subscription; the rest is looked at on the day."""
    to_be = Subscription(currency=wanted.plan_version.currency)
    plans = [add_on.version.plan for add_on in wanted.add_ons]
    if len({plan.pk for plan in plans}) < len(plans):
        raise AddOnInvalid("one is there twice", field="add_ons", remedy="say how many once")
    for add_on in wanted.add_ons:
        if not add_on.version.plan.is_add_on:
            raise AddOnInvalid(f"{add_on.version.plan} is no add-on", field="add_ons")
        if add_on.quantity < 1:
            raise AddOnInvalid(f"{add_on.quantity} is too few", field="add_ons")
        ensure_on_sale(add_on.version, to_be, due_at)


@transaction.atomic
def withdraw_start(
    *, start: PlannedStart, actor: Actor, at: datetime, reason: str = ""
) -> PlannedStart:
    """Take back what has not started; whoever is starting it right now is waited for."""
    taken_back = (
        PlannedStart.objects.waiting()
        .filter(pk=start.pk)
        .update(state=PlannedStart.State.WITHDRAWN, done_at=at)
    )
    start.refresh_from_db()
    if taken_back:
        record_event(start, PlannedStartEvent.Kind.WITHDRAWN, actor=actor, at=at, reason=reason)
    return start


def record_event(
    start: PlannedStart, kind: str, *, actor: Actor, at: datetime, reason: str = ""
) -> None:
    """Write down what happened to a planned start, in the caller's transaction."""
    PlannedStartEvent.objects.create(
        start=start,
        kind=kind,
        at=at,
        effective_at=start.due_at,
        reason=reason[:300],
        source=actor.source,
        actor=actor.user,
    )

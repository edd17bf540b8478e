"""A customer subscribes to a plan."""

import logging
from datetime import datetime, timedelta

from django.db import transaction

from subscriptions.errors import PlanVersionNotOnSale, SubscriptionInvalid
from subscriptions.models import (
    Customer,
    Meter,
    PlanVersion,
    Subscription,
    SubscriptionPhase,
)
from subscriptions.services.transitions import Actor, record_transition
from subscriptions.terms import interval_of
from tiktoktoe.kernel.ids import short_id
from tiktoktoe.kernel.periods import billing_periods, local_date, local_midnight

logger = logging.getLogger(__name__)


@transaction.atomic
def subscribe(
    *,
    customer: Customer,
    plan_version: PlanVersion,
    at: datetime,
    actor: Actor,
    quantity: int = 1,
    trial_days: int | None = None,
) -> Subscription:
    """Start a subscription on the customer's local day of `at`.

    Periods run between local midnights, counted from that day; with a trial they are
    counted from the day after it, and nothing is billed before.

    Raises:
        PlanVersionNotOnSale: If the version is a draft, not effective yet, or priced in
            another currency than the customer's.
        SubscriptionInvalid: If another live subscription of the customer bills one of its
            meters, or the quantity or trial makes no sense.
    """
    buyer = Customer.objects.select_for_update(of=("self",)).get(pk=customer.pk)
    _check_numbers(quantity, trial_days)
    _check_sellable(plan_version, buyer, at)
    _check_meters(plan_version, buyer)
    plan = plan_version.plan
    days = plan.trial_days if trial_days is None else trial_days
    today = local_date(at, buyer.time_zone)
    start = local_midnight(today, buyer.time_zone)
    anchor_on = today + timedelta(days=days)
    first = billing_periods(anchor_on, buyer.time_zone, plan.billing_interval).period(0)
    state = Subscription.State.TRIALING if days else Subscription.State.ACTIVE
    subscription = Subscription.objects.create(
        reference=short_id("sub"),
        customer=buyer,
        plan_version=plan_version,
        quantity=quantity,
        currency=plan_version.currency,
        state=state,
        time_zone=buyer.time_zone,
        anchor_on=anchor_on,
        started_at=at,
        trial_ends_at=first.start if days else None,
        current_period_start=start,
        current_period_end=first.start if days else first.end,
        next_billing_at=first.start if days else first.end,
        created_at=at,
    )
    SubscriptionPhase.objects.create(
        subscription=subscription, plan_version=plan_version, quantity=quantity, starts_at=start
    )
    record_transition(
        subscription=subscription,
        from_state="",
        event="trial_started" if days else "subscribed",
        effective_at=at,
        actor=actor,
        at=at,
    )
    logger.info("subscribed", extra={"subscription": subscription.reference, "plan": plan.code})
    return subscription


def _check_numbers(quantity: int, trial_days: int | None) -> None:
    if quantity < 1:
        raise SubscriptionInvalid(f"{quantity} is too few", field="quantity", remedy="at least 1")
    if trial_days is not None and trial_days < 0:
        raise SubscriptionInvalid(f"{trial_days} is negative", field="trial_days")


def _check_sellable(version: PlanVersion, customer: Customer, at: datetime) -> None:
    if version.published_at is None or version.effective_from > at:
        raise PlanVersionNotOnSale(f"{version} is not on sale yet")
    if version.currency != customer.currency:
        raise PlanVersionNotOnSale(
            f"{version} is priced in {version.currency}, {customer} pays in {customer.currency}"
        )


def _check_meters(version: PlanVersion, customer: Customer) -> None:
    """A usage event names customer and meter, so only one live subscription may bill it."""
    others = Subscription.objects.live().filter(customer=customer)
    billed = Meter.objects.filter(prices__plan_version__subscriptions__in=others)
    taken = Meter.objects.filter(prices__plan_version=version, pk__in=billed.values("pk")).first()
    if taken is not None:
        raise SubscriptionInvalid(
            f"another live subscription of {customer} bills {taken} already",
            field="plan_version",
            remedy="change that subscription's plan instead",
        )

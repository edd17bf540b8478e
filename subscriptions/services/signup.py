"""A customer subscribes to a plan."""

import logging
from datetime import datetime

from django.db import transaction

from subscriptions.domain.schedule import Opening, opening
from subscriptions.errors import PlanVersionNotOnSale, SubscriptionInvalid
from subscriptions.models import (
    Customer,
    Meter,
    PlanVersion,
    Subscription,
    SubscriptionPhase,
)
from subscriptions.services.transitions import Actor, record_transition
from tiktoktoe.kernel.ids import short_id

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
    first = opening(
        started_at=at,
        time_zone=buyer.time_zone,
        interval=plan.billing_interval,
        trial_days=days,
    )
    subscription = _write(buyer, plan_version, quantity, first, at)
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


def _write(
    customer: Customer, version: PlanVersion, quantity: int, first: Opening, at: datetime
) -> Subscription:
    """The subscription and its first phase."""
    subscription = Subscription.objects.create(
        reference=short_id("sub"),
        customer=customer,
        plan_version=version,
        quantity=quantity,
        currency=version.currency,
        state=_state_of(first),
        time_zone=customer.time_zone,
        anchor_on=first.anchor_on,
        started_at=at,
        trial_ends_at=first.trial_ends_at,
        current_period_start=first.period.start,
        current_period_end=first.period.end,
        next_billing_at=first.period.end,
        created_at=at,
    )
    SubscriptionPhase.objects.create(
        subscription=subscription,
        plan_version=version,
        quantity=quantity,
        starts_at=first.period.start,
    )
    return subscription


def _state_of(first: Opening) -> str:
    """A trial where there is one, else active at once."""
    has_trial = first.trial_ends_at is not None
    return Subscription.State.TRIALING if has_trial else Subscription.State.ACTIVE


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

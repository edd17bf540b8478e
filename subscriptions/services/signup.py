"""A customer subscribes to a plan."""

import logging
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from subscriptions.domain.proration_policy import ProrationPolicy, TrialUsage
from subscriptions.domain.schedule import Opening, opening
from subscriptions.errors import PlanVersionNotOnSale, SubscriptionInvalid
from subscriptions.models import (
    Customer,
    PlanVersion,
    Subscription,
    SubscriptionPhase,
    UsageClosing,
)
from subscriptions.services.changes import ensure_no_add_on
from subscriptions.services.lifecycle import hold_until_paid
from subscriptions.services.meters import Planned, clashing_meter, usage_begins
from subscriptions.services.policies import policy_of
from subscriptions.services.transitions import Actor, record_transition
from tiktoktoe.kernel.ids import short_id
from tiktoktoe.kernel.periods import Alignment, local_date
from tiktoktoe.standing import standing

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
    alignment: Alignment = Alignment.ANNIVERSARY,
    anchor_day: int | None = None,
    starts_at: datetime | None = None,
    needs_payment: bool = False,
    reference: str = "",
    planned: Planned | None = None,
) -> Subscription:
    """Start a subscription on the customer's local day of `starts_at`, by default of `at`.

    Periods run between local midnights, counted from that day; with a trial they are
    counted from the day after it (or as the policy says), and nothing is billed before. A
    plan's own trial is given once to a customer for a product; staff may give another one.

    Args:
        customer: Who pays.
        plan_version: For what.
        at: Now.
        actor: By whom.
        quantity: How many.
        trial_days: Instead of the plan's own.
        alignment: Whether periods run with the calendar.
        anchor_day: On which day of the month (1 to 31) or week (1 to 7) periods start.
        starts_at: An earlier start, in a first period that is not over.
        needs_payment: Whether it only begins when its first invoice is paid; a trial begins.
        reference: Its own, if it has one already; else one is made up.
        planned: Gives the prices that the customer's other subscriptions are scheduled to go to.

    Raises:
        PlanVersionNotOnSale: If the version is a draft, or not effective yet.
        SubscriptionInvalid: If another live subscription of the customer bills one of its
            meters, or is scheduled to, or the quantity, trial, anchor or start makes no sense.
    """
    buyer = _buyer.get(pk=customer.pk)
    ensure_startable(plan_version, quantity=quantity, trial_days=trial_days, at=at)
    _check_meters(plan_version, buyer, planned, at)
    days = _trial_days(plan_version, buyer) if trial_days is None else trial_days
    begins_at = at if starts_at is None else starts_at
    wanted = _Wanted(
        customer=buyer,
        version=plan_version,
        quantity=quantity,
        begins_at=begins_at,
        trial_days=days,
        alignment=alignment,
        policy=policy_of(plan_version.plan, begins_at),
    )
    first = _first_period(wanted, anchor_day)
    if starts_at is not None:
        _check_start(plan_version, buyer, first, starts_at=starts_at, at=at)
    subscription = _write(wanted, first, reference=reference or short_id("sub"), at=at)
    if needs_payment and not days:
        hold_until_paid(subscription)
    _record(subscription, wanted, actor=actor, at=at)
    return subscription


def ensure_startable(
    version: PlanVersion, *, quantity: int, trial_days: int | None, at: datetime
) -> None:
    """Refuse what nobody could subscribe to at an instant.

    Raises:
        PlanVersionNotOnSale: If it is an add-on, a draft, or not effective by then.
        SubscriptionInvalid: If the quantity or the trial makes no sense.
    """
    _check_numbers(quantity, trial_days)
    _check_sellable(version, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What somebody subscribes to, from when, by which rules."""

    customer: Customer
    version: PlanVersion
    quantity: int
    begins_at: datetime
    trial_days: int
    alignment: Alignment
    policy: ProrationPolicy

    @property
    def bills_trial_usage(self) -> bool:
        """Whether it has a trial in which only the fee is free."""
        return bool(self.trial_days) and self.policy.trial_usage == TrialUsage.BILLED


def _first_period(wanted: _Wanted, anchor_day: int | None) -> Opening:
    return opening(
        started_at=wanted.begins_at,
        time_zone=wanted.customer.time_zone,
        interval=wanted.version.plan.billing_interval,
        trial_days=wanted.trial_days,
        alignment=wanted.alignment,
        anchor_day=anchor_day,
        trial_anchor=wanted.policy.trial_anchor,
        trial_usage=wanted.policy.trial_usage,
    )


def _record(subscription: Subscription, wanted: _Wanted, *, actor: Actor, at: datetime) -> None:
    record_transition(
        subscription=subscription,
        from_state="",
        event="trial_started" if wanted.trial_days else "subscribed",
        effective_at=wanted.begins_at,
        actor=actor,
        at=at,
    )
    plan = wanted.version.plan.code
    logger.info("subscribed", extra={"subscription": subscription.reference, "plan": plan})


def _write(wanted: _Wanted, first: Opening, *, reference: str, at: datetime) -> Subscription:
    """The subscription and its first phase."""
    customer, version = wanted.customer, wanted.version
    subscription = Subscription.objects.create(
        reference=reference,
        customer=customer,
        plan_version=version,
        quantity=wanted.quantity,
        currency=version.currency,
        state=_state_of(first),
        time_zone=customer.time_zone,
        alignment=wanted.alignment,
        anchor_on=first.anchor_on,
        started_at=wanted.begins_at,
        trial_ends_at=first.trial_ends_at,
        bills_trial_usage=wanted.bills_trial_usage,
        current_period_start=first.period.start,
        current_period_end=first.period.end,
        next_billing_at=first.period.end,
        usage_from=usage_begins(
            version,
            customer_id=customer.pk,
            start=first.period.start,
            time_zone=customer.time_zone,
        ),
        created_at=at,
    )
    SubscriptionPhase.objects.create(
        subscription=subscription,
        plan_version=version,
        quantity=wanted.quantity,
        starts_at=first.period.start,
    )
    return subscription


def _state_of(first: Opening) -> str:
    """A trial where there is one, else active at once."""
    has_trial = first.trial_ends_at is not None
    return Subscription.State.TRIALING if has_trial else Subscription.State.ACTIVE


def _trial_days(version: PlanVersion, customer: Customer) -> int:
    """The plan's own trial, once for a customer and product."""
    product = version.plan.product_id
    earlier = _with_trial.rows(customer=customer.pk, product=product)
    return 0 if earlier else version.plan.trial_days


@standing
def _with_trial(customer: int, product: int) -> "QuerySet[Subscription, int]":
    earlier = Subscription.objects.filter(
        customer=customer, plan_version__plan__product=product, trial_ends_at__isnull=False
    )
    return earlier.order_by().values_list("pk", flat=True)[:1]


@standing
def _buyer(pk: int) -> "QuerySet[Customer]":
    return Customer.objects.select_for_update(of=("self",)).filter(pk=pk).order_by()


def _check_start(
    version: PlanVersion, customer: Customer, first: Opening, *, starts_at: datetime, at: datetime
) -> None:
    """A start may lie back, but only in a period that is still open."""
    if starts_at > at:
        raise SubscriptionInvalid("it cannot start later", field="starts_at", remedy="today")
    if first.period.end <= at:
        raise SubscriptionInvalid(
            f"its first period would have ended on {first.period.end:%Y-%m-%d}",
            field="starts_at",
            remedy="start in the current period",
        )
    closed = UsageClosing.objects.filter(
        customer=customer,
        meter__prices__plan_version=version,
        closed_through__gt=first.period.start,
    ).order_by("-closed_through")
    newest = closed.first()
    if newest is not None:
        raise SubscriptionInvalid(
            f"usage is billed up to {newest.closed_through:%Y-%m-%d} already",
            field="starts_at",
            remedy=f"not before {local_date(newest.closed_through, customer.time_zone)}",
        )


def _check_numbers(quantity: int, trial_days: int | None) -> None:
    if quantity < 1:
        raise SubscriptionInvalid(f"{quantity} is too few", field="quantity", remedy="at least 1")
    if trial_days is not None and trial_days < 0:
        raise SubscriptionInvalid(f"{trial_days} is negative", field="trial_days")


def _check_sellable(version: PlanVersion, at: datetime) -> None:
    ensure_no_add_on(version)
    if version.published_at is None or version.effective_from > at:
        raise PlanVersionNotOnSale(f"{version} is not on sale yet")


@standing
def _live_of(customer: int) -> "QuerySet[Subscription, int]":
    live = Subscription.objects.live().filter(customer=customer)
    return live.order_by().values_list("pk", flat=True)[:1]


def _check_meters(
    version: PlanVersion,
    customer: Customer,
    planned: Planned | None,
    at: datetime,
) -> None:
    """A usage event names customer and meter, so only one live subscription may bill it."""
    if not _live_of.rows(customer=customer.pk):
        return  # nothing is billed, nor will anything be
    clash = clashing_meter(version, customer_id=customer.pk, planned=planned, at=at)
    if clash is not None:
        raise SubscriptionInvalid(
            f"another live subscription of {customer} {clash.bills_it}",
            field="plan_version",
            remedy="change that subscription's plan instead",
        )

"""Subscriptions that move in: each row checked against what is there."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from subscriptions.domain.moving_in import ReadRow, RowError, running_period
from subscriptions.errors import SubscriptionInvalid
from subscriptions.models import Customer, PlanVersion, Subscription
from subscriptions.services.moving_in.files import MovedIn, once
from subscriptions.services.moving_in.world import Planned, World
from subscriptions.services.moving_in.writing import subscription_of, write
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.money import currency_of
from tiktoktoe.kernel.periods import local_date, local_midnight

REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,32}")


def take_subscriptions(
    rows: Sequence[ReadRow], result: MovedIn, planned: Planned, *, actor: Actor, at: datetime
) -> None:
    """Make those that are not there, and compare the others."""
    rows = once(rows, "reference", result)
    world = World(rows, planned, at)
    fresh: list[Subscription] = []
    for row in rows:
        try:
            made = _subscription(row, world, at)
        except SubscriptionInvalid as refusal:
            error = f"{refusal.message}{f' ({refusal.remedy})' if refusal.remedy else ''}"
            result.errors.append(RowError(row.line, refusal.field, error))
            continue
        if made is None:
            result.known += 1
        else:
            fresh.append(made)
            world.take(made)
    result.made = len(fresh)
    write(fresh, actor, at)


def _subscription(row: ReadRow, world: World, at: datetime) -> Subscription | None:
    """The subscription of a line; None if it is there already.

    Raises:
        SubscriptionInvalid: If it cannot be; names the field.
    """
    given = row.values
    if not REFERENCE.fullmatch(given["reference"]):
        raise SubscriptionInvalid("may have 32 letters, digits, - and _ at most", field="reference")
    customer = world.customers.get(given["customer"])
    if customer is None:
        raise SubscriptionInvalid("there is no such customer", field="customer")
    version = _version(given, customer, world, at)
    there = world.known.get(given["reference"])
    if there is not None:
        _ensure_same(there, customer, version, given)
        return None
    if given["quantity"] < 1 or given["quantity"] > 2**31 - 1:
        raise SubscriptionInvalid("at least 1", field="quantity")
    _ensure_meters_free(version, customer, world)
    _ensure_usage_open(given, version, customer, world, at)
    running = running_period(
        started_on=given["started_on"],
        next_billing_on=given["next_billing_on"],
        anchor_day=given["anchor_day"],
        is_trial=given["trial"],
        interval=version.plan.billing_interval,
        time_zone=customer.time_zone,
    )
    today = local_date(at, customer.time_zone)
    if given["started_on"] > today:
        raise SubscriptionInvalid("is to come", field="started_on")
    if given["next_billing_on"] <= today:
        raise SubscriptionInvalid(
            "is over: what was due has to be billed where it ran",
            field="next_billing_on",
            remedy="write the next one",
        )
    _ensure_pause(given, today)
    return subscription_of(given, customer, version, running, at)


def _ensure_pause(given: Mapping[str, Any], today: date) -> None:
    """Refuse a pause that is to come, before the start, or over."""
    paused_on, resumes_on = given["paused_on"], given["resumes_on"]
    if paused_on is None and resumes_on is not None:
        raise SubscriptionInvalid("goes with paused_on", field="resumes_on")
    if paused_on is None:
        return
    if not given["started_on"] <= paused_on <= today:
        raise SubscriptionInvalid("is before the start, or to come", field="paused_on")
    if given["trial"] or given["ends_with_period"]:
        raise SubscriptionInvalid("what is in a trial or ends does not rest", field="paused_on")
    if resumes_on is not None and resumes_on <= today:
        raise SubscriptionInvalid("is over: then it runs", field="resumes_on")


def _version(
    given: Mapping[str, Any], customer: Customer, world: World, at: datetime
) -> PlanVersion:
    currency = _currency(given) or customer.currency
    versions = world.versions.get((given["plan"], currency), [])
    if not versions:
        raise SubscriptionInvalid(f"nothing of it is on sale in {currency}", field="plan")
    if given["version"] is None:
        for version in versions:
            if version.effective_from <= at:
                return version
        raise SubscriptionInvalid("it is not on sale yet", field="plan")
    for version in versions:
        if version.number == given["version"] and version.effective_from <= at:
            return version
    raise SubscriptionInvalid("there is no such version on sale", field="version")


def _currency(given: Mapping[str, Any]) -> str:
    """In which its prices are, as the row says; empty: the customer's own."""
    said = given["currency"]
    if not said:
        return ""
    try:
        return currency_of(said).code
    except InvalidInput as refusal:
        raise SubscriptionInvalid(refusal.message, field="currency") from None


def _ensure_same(
    there: Subscription, customer: Customer, version: PlanVersion, given: Mapping[str, Any]
) -> None:
    """Refuse a reference that is another subscription's; what has changed since is none."""
    began = local_date(there.started_at, there.time_zone)
    if there.customer_id != customer.pk or there.plan_version.plan_id != version.plan_id:
        raise SubscriptionInvalid(f"is another subscription of {there.customer}", field="reference")
    if there.currency != version.currency:
        raise SubscriptionInvalid(f"is there already, in {there.currency}", field="currency")
    if began != given["started_on"]:
        raise SubscriptionInvalid(f"is there already, since {began}", field="started_on")


def _ensure_meters_free(version: PlanVersion, customer: Customer, world: World) -> None:
    taken = world.meters.get(version.pk, set()) & world.billed.get(customer.pk, set())
    if taken:
        raise SubscriptionInvalid(
            f"another live subscription of the customer bills {min(taken)}", field="plan"
        )
    coming = world.meters.get(version.pk, set()) & world.to_come.get(customer.pk, set())
    if coming:
        raise SubscriptionInvalid(
            f"another live subscription of the customer will bill {min(coming)},"
            " by a change that is scheduled",
            field="plan",
            remedy="take that back first",
        )


def _ensure_usage_open(
    given: Mapping[str, Any],
    version: PlanVersion,
    customer: Customer,
    world: World,
    at: datetime,
) -> None:
    """Refuse to count usage that has been billed here before."""
    since = local_midnight(
        given["usage_from"] or local_date(at, customer.time_zone), customer.time_zone
    )
    for meter in world.meters.get(version.pk, ()):
        through = world.closed.get((customer.pk, meter))
        if through is not None and through > since:
            day = local_date(through, customer.time_zone)
            raise SubscriptionInvalid(
                f"usage of {meter} is billed up to {day} already", field="usage_from"
            )

"""The add-ons that a subscription begins with: billed with its first bill, set-up fees too."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.services.changes.add_on_checks import check_interval, check_meters
from subscriptions.errors import AddOnInvalid
from subscriptions.models import PlanVersion, Subscription
from subscriptions.services.add_ons import put_add_on
from subscriptions.services.changes import ensure_on_sale
from subscriptions.services.transitions import Actor


@dataclass(frozen=True, slots=True)
class AddOnWanted:
    """So many of an add-on, at one version's prices."""

    version: PlanVersion
    quantity: int


def put_first_add_ons(
    *, subscription: Subscription, add_ons: Sequence[AddOnWanted], actor: Actor, at: datetime
) -> None:
    """Let a subscription that has just begun have add-ons, in the caller's transaction.

    Raises:
        AddOnInvalid: If one is no add-on, is there twice, or is billed in other intervals.
        PlanVersionNotOnSale: If one is not on sale, or in another currency.
    """
    chosen: set[int] = set()
    for wanted in add_ons:
        _check(subscription, wanted, chosen, at)
        chosen.add(wanted.version.plan_id)
        put_add_on(
            subscription=subscription,
            version=wanted.version,
            quantity=wanted.quantity,
            boundary=subscription.current_period_start,
            is_scheduled=False,
            owes_setup=True,
            actor=actor,
            at=at,
        )


def _check(subscription: Subscription, wanted: AddOnWanted, chosen: set[int], at: datetime) -> None:
    plan = wanted.version.plan
    if not plan.is_add_on:
        raise AddOnInvalid(f"{plan} is no add-on", field="add_ons")
    if wanted.quantity < 1:
        raise AddOnInvalid(f"{wanted.quantity} of {plan} is too few", field="add_ons")
    if plan.pk in chosen:
        raise AddOnInvalid(f"{plan} is there twice", field="add_ons", remedy="say how many once")
    ensure_on_sale(wanted.version, subscription, at)
    check_interval(subscription, wanted.version)
    check_meters(subscription, wanted.version, at)

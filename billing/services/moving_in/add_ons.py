"""Add-ons of subscriptions that have moved in."""

from collections.abc import Mapping
from typing import Any

from billing.services.changes.add_on_checks import check_interval, check_meters
from billing.services.moving_in.arrivals import REASON, Arrival, subscription_named
from subscriptions.errors import AddOnInvalid
from subscriptions.models import PlanVersion
from subscriptions.services.add_ons import current_add_on, put_add_on
from subscriptions.services.changes import ensure_live
from subscriptions.services.lifecycle import lock_subscription
from subscriptions.services.meters import hold_meters
from tiktoktoe.kernel.periods import local_date, local_midnight


def take_add_on(given: Mapping[str, Any], by: Arrival) -> bool:
    """It is there from today on, and billed with the next period: the running one was elsewhere."""
    asked = subscription_named(given["subscription"])
    hold_meters(asked.customer_id)
    locked = lock_subscription(asked)
    ensure_live(locked)
    versions = PlanVersion.objects.published().filter(
        plan__code=given["add_on"],
        plan__is_add_on=True,
        currency=locked.currency,
        effective_from__lte=by.at,
    )
    version = versions.select_related("plan").order_by("-number").first()
    if version is None:
        raise AddOnInvalid(f"nothing of it is on sale in {locked.currency}", field="add_on")
    if given["quantity"] < 1:
        raise AddOnInvalid("at least 1", field="quantity")
    held = current_add_on(locked, version, by.at)
    if held is not None:
        if held.quantity != given["quantity"]:
            raise AddOnInvalid(f"it has {held.quantity} already", field="quantity")
        return False
    check_interval(locked, version)
    check_meters(locked, version, by.at)
    today = local_midnight(local_date(by.at, locked.time_zone), locked.time_zone)
    put_add_on(
        subscription=locked,
        version=version,
        quantity=given["quantity"],
        boundary=max(today, locked.current_period_start),
        is_scheduled=False,
        owes_setup=False,
        actor=by.actor,
        reason=REASON,
        at=by.at,
    )
    return True

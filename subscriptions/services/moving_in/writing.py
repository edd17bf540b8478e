"""Subscriptions that move in are made, with what they have been and how they came."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from subscriptions.domain.moving_in import Running
from subscriptions.models import (
    Customer,
    PlanVersion,
    Subscription,
    SubscriptionPhase,
    SubscriptionTransition,
)
from subscriptions.services.moving_in.files import BATCH
from subscriptions.services.transitions import Actor
from tiktoktoe.kernel.periods import Alignment, local_date, local_midnight


def subscription_of(
    given: Mapping[str, Any],
    customer: Customer,
    version: PlanVersion,
    running: Running,
    at: datetime,
) -> Subscription:
    """The subscription that a row says, not written yet."""
    zone = customer.time_zone
    today = local_date(at, zone)
    usage_from = local_midnight(given["usage_from"] or today, zone)
    started_at = local_midnight(given["started_on"], zone)
    paused_from, resume_at = (
        local_midnight(given[name], zone) if given[name] else None
        for name in ("paused_on", "resumes_on")
    )
    state = Subscription.State.TRIALING if given["trial"] else Subscription.State.ACTIVE
    return Subscription(
        reference=given["reference"],
        customer=customer,
        plan_version=version,
        quantity=given["quantity"],
        currency=version.currency,
        state=Subscription.State.PAUSED if paused_from else state,
        time_zone=zone,
        alignment=Alignment.ANNIVERSARY,
        anchor_on=running.anchor_on,
        started_at=started_at,
        trial_ends_at=running.period.end if given["trial"] else None,
        current_period_start=running.period.start,
        current_period_end=running.period.end,
        next_billing_at=resume_at if paused_from else running.period.end,
        paused_from=paused_from,
        resume_at=resume_at,
        cancel_at=running.period.end if given["ends_with_period"] else None,
        usage_from=usage_from if usage_from > running.period.start else None,
        created_at=at,
    )


def _served_until(made: Subscription) -> datetime | None:
    """When what rests was served last; a phase is never empty."""
    if made.paused_from is None:
        return None
    return max(made.paused_from, made.started_at + timedelta(seconds=1))


def write(fresh: Sequence[Subscription], actor: Actor, at: datetime) -> None:
    """Write them, with their phases and transitions."""
    Subscription.objects.bulk_create(fresh, batch_size=BATCH)
    SubscriptionPhase.objects.bulk_create(
        [
            SubscriptionPhase(
                subscription=made,
                plan_version=made.plan_version,
                quantity=made.quantity,
                starts_at=made.started_at,
                ends_at=_served_until(made),
            )
            for made in fresh
        ],
        batch_size=BATCH,
    )
    SubscriptionTransition.objects.bulk_create(
        [
            SubscriptionTransition(
                subscription=made,
                from_state="",
                to_state=made.state,
                event="moved_in",
                effective_at=made.started_at,
                recorded_at=at,
                actor=actor.user,
                source=actor.source,
                details={"next_billing_at": made.current_period_end.isoformat()},
            )
            for made in fresh
        ],
        batch_size=BATCH,
    )

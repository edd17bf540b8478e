"""Every change of a subscription becomes a row: what, effective when, by whom and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from subscriptions.domain.lifecycle import EVENTS
from subscriptions.models import Subscription, SubscriptionTransition
from tiktoktoe.accounts.models import User
from tiktoktoe.kernel.catching_up import written_at


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Who asked for a change, and through which door: admin, finance, portal, api, schedule."""

    source: str
    user: User | None = None


SCHEDULE = Actor(source="schedule")


def record_transition(
    *,
    subscription: Subscription,
    from_state: str,
    event: str,
    effective_at: datetime,
    actor: Actor,
    at: datetime,
    reason: str = "",
    details: Mapping[str, object] | None = None,
) -> SubscriptionTransition:
    """Write down what has just happened to a subscription, in the caller's transaction.

    Of what is done late, `as_of` among its details says the instant that it was due at.
    """
    assert event in EVENTS, f"{event} is not among the events of a subscription: say it there"
    written = written_at(at)
    as_of = {"as_of": at.isoformat()} if written != at else {}
    return SubscriptionTransition.objects.create(
        subscription=subscription,
        from_state=from_state,
        to_state=subscription.state,
        event=event,
        effective_at=effective_at,
        recorded_at=written,
        actor=actor.user,
        source=actor.source,
        reason=reason,
        details={**(details or {}), **as_of},
    )

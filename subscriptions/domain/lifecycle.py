"""The states of a subscription, and the moves between them, as data."""

from collections.abc import Mapping
from enum import StrEnum

from subscriptions.errors import SubscriptionEnded, TransitionNotAllowed


class State(StrEnum):
    """Where a subscription stands."""

    INCOMPLETE = "incomplete"  # signed up, first payment not made
    TRIALING = "trialing"  # in use, nothing charged yet
    ACTIVE = "active"
    PAST_DUE = "past_due"  # in use, an invoice is overdue
    PAUSED = "paused"  # not in use, not charged
    CANCELED = "canceled"  # ended by somebody
    EXPIRED = "expired"  # ended by itself: term over, or never paid


ALLOWED_MOVES: Mapping[State, frozenset[State]] = {
    State.INCOMPLETE: frozenset({State.TRIALING, State.ACTIVE, State.CANCELED, State.EXPIRED}),
    State.TRIALING: frozenset(
        {State.ACTIVE, State.PAST_DUE, State.PAUSED, State.CANCELED, State.EXPIRED}
    ),
    State.ACTIVE: frozenset({State.PAST_DUE, State.PAUSED, State.CANCELED, State.EXPIRED}),
    State.PAST_DUE: frozenset({State.ACTIVE, State.PAUSED, State.CANCELED, State.EXPIRED}),
    State.PAUSED: frozenset({State.ACTIVE, State.PAST_DUE, State.CANCELED, State.EXPIRED}),
    State.CANCELED: frozenset(),
    State.EXPIRED: frozenset(),
}
INITIAL_STATES = frozenset({State.INCOMPLETE, State.TRIALING, State.ACTIVE})
ENDED_STATES = frozenset(state for state, moves in ALLOWED_MOVES.items() if not moves)
LIVE_STATES = frozenset(State) - ENDED_STATES
BILLED_STATES = frozenset({State.TRIALING, State.ACTIVE, State.PAST_DUE})

# What can happen to a subscription: each is a row, and is told of as "subscription." and its name.
EVENTS = frozenset(
    {
        *("subscribed", "moved_in", "activated", "expired", "canceled"),
        *("trial_started", "trial_extended", "trial_shortened", "trial_converted"),
        *("plan_changed", "plan_change_scheduled", "plan_change_withdrawn"),
        *("add_on_changed", "add_on_scheduled", "add_on_withdrawn"),
        *("cancellation_scheduled", "cancellation_withdrawn"),
        *("paused", "pause_scheduled", "pause_withdrawn"),
        *("resumed", "resumption_scheduled", "resumption_withdrawn"),
        *("payment_failed", "payment_recovered"),
    }
)


def is_allowed(from_state: str, to_state: str) -> bool:
    """Whether a subscription may move from one state to another."""
    return State(to_state) in ALLOWED_MOVES[State(from_state)]


def ensure_allowed(from_state: str, to_state: str) -> None:
    """Refuse a move that is not in the table.

    Raises:
        SubscriptionEnded: If it is canceled or expired: coming back is a new subscription.
        TransitionNotAllowed: If the state does not allow this move.
    """
    if State(from_state) in ENDED_STATES:
        raise SubscriptionEnded(f"the subscription is {from_state}; subscribe anew")
    if not is_allowed(from_state, to_state):
        raise TransitionNotAllowed(f"a subscription that is {from_state} cannot become {to_state}")

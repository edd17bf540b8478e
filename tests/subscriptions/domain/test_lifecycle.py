"""A subscription moves only as the table says, and never leaves an end state."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.domain.lifecycle import (
    ALLOWED_MOVES,
    BILLED_STATES,
    ENDED_STATES,
    INITIAL_STATES,
    LIVE_STATES,
    State,
    ensure_allowed,
    is_allowed,
)
from subscriptions.errors import SubscriptionEnded, TransitionNotAllowed


def test_the_table_has_every_state() -> None:
    assert set(ALLOWED_MOVES) == set(State)
    assert {State.CANCELED, State.EXPIRED} == ENDED_STATES
    assert set(State) == LIVE_STATES | ENDED_STATES
    assert BILLED_STATES < LIVE_STATES


def test_no_move_leads_back_to_incomplete_or_into_itself() -> None:
    for state, moves in ALLOWED_MOVES.items():
        assert State.INCOMPLETE not in moves
        assert state not in moves


def test_every_state_can_be_reached() -> None:
    reached = set(INITIAL_STATES)
    for _ in State:
        reached |= {to_state for state in reached for to_state in ALLOWED_MOVES[state]}

    assert reached == set(State)


def test_a_trial_becomes_active() -> None:
    ensure_allowed("trialing", "active")


def test_an_active_one_does_not_go_back_to_trial() -> None:
    with pytest.raises(TransitionNotAllowed, match="active cannot become trialing"):
        ensure_allowed("active", "trialing")


@pytest.mark.parametrize("ended", ["canceled", "expired"])
def test_an_ended_one_says_to_subscribe_anew(ended: str) -> None:
    with pytest.raises(SubscriptionEnded, match="subscribe anew"):
        ensure_allowed(ended, "active")


def test_an_unknown_state_is_no_state() -> None:
    with pytest.raises(ValueError, match="sleeping"):
        ensure_allowed("active", "sleeping")


@given(st.sampled_from(list(State)), st.sampled_from(list(State)))
def test_every_live_state_can_end_and_no_ended_one_can_move(
    from_state: State, to_state: State
) -> None:
    if from_state in ENDED_STATES:
        assert not is_allowed(from_state, to_state)
    elif to_state in ENDED_STATES:
        assert is_allowed(from_state, to_state)

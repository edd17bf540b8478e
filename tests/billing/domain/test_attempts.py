"""Unknown stays unknown until proven, and no state that may have moved money is left by age."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.attempts import (
    ATTEMPT_MOVES,
    COUNTED_REFUND_STATES,
    LIVE_ATTEMPT_STATES,
    PAYMENT_MOVES,
    REFUND_MOVES,
    Answer,
    AttemptState,
    LookUpRule,
    PaymentState,
    RefundState,
    attempt_states_before,
    ensure_attempt_move,
    ensure_payment_move,
    ensure_refund_move,
    may_replay,
    next_check_at,
    payment_state_of,
    refund_states_before,
    settled_refund_state,
    settled_state,
)
from billing.errors import StateMoveNotAllowed

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
LOOK_UP = LookUpRule(consistency_delay=timedelta(seconds=60))
INCONCLUSIVE = (
    Answer.REFUSED_BEFORE_EXECUTION,
    Answer.NEVER_LEFT,
    Answer.NO_SUCH_REQUEST,
    Answer.INCONCLUSIVE,
)


def _settled(
    answer: Answer,
    *,
    is_replay: bool = False,
    age_seconds: int = 0,
    missed_seconds: int | None = None,
    look_up: LookUpRule | None = LOOK_UP,
) -> AttemptState:
    return settled_state(
        answer,
        is_replay=is_replay,
        sent_at=AT - timedelta(seconds=age_seconds),
        at=AT,
        look_up=look_up,
        missed_at=None if missed_seconds is None else AT - timedelta(seconds=missed_seconds),
    )


def test_the_tables_have_every_state() -> None:
    assert set(ATTEMPT_MOVES) == set(AttemptState)
    assert set(PAYMENT_MOVES) == set(PaymentState)
    assert set(REFUND_MOVES) == set(RefundState)


def test_no_attempt_that_succeeded_or_is_dead_ever_moves() -> None:
    dead = set(AttemptState) - LIVE_ATTEMPT_STATES

    for state in dead | {AttemptState.SUCCEEDED}:
        assert ATTEMPT_MOVES[state] == frozenset()


def test_a_move_that_is_not_in_the_table_is_refused() -> None:
    ensure_attempt_move("dispatched", "succeeded")
    ensure_payment_move("open", "processing")
    ensure_refund_move("pending", "succeeded")

    with pytest.raises(StateMoveNotAllowed, match="attempt that is declined cannot become"):
        ensure_attempt_move("declined", "succeeded")
    with pytest.raises(StateMoveNotAllowed, match="payment that is paid cannot become open"):
        ensure_payment_move("paid", "open")
    with pytest.raises(StateMoveNotAllowed, match="refund that is failed cannot become"):
        ensure_refund_move("failed", "succeeded")


def test_compare_and_set_starts_from_the_states_that_may_move_there() -> None:
    assert attempt_states_before("succeeded") == {
        AttemptState.DISPATCHED,
        AttemptState.UNKNOWN,
        AttemptState.REQUIRES_ACTION,
        AttemptState.PENDING,
        AttemptState.AUTHORIZED,
    }
    assert attempt_states_before("not_sent") == {AttemptState.DISPATCHED, AttemptState.UNKNOWN}
    assert RefundState.SUCCEEDED in refund_states_before("failed")


@pytest.mark.parametrize(
    ("attempt", "payment"),
    [
        ("dispatched", PaymentState.PROCESSING),
        ("unknown", PaymentState.PROCESSING),
        ("requires_action", PaymentState.REQUIRES_ACTION),
        ("succeeded", PaymentState.PAID),
        ("declined", PaymentState.OPEN),
        ("not_sent", PaymentState.OPEN),
    ],
)
def test_an_attempt_leaves_its_payment_so(attempt: str, payment: PaymentState) -> None:
    assert payment_state_of(attempt) == payment


@pytest.mark.parametrize("answer", [Answer.REFUSED_BEFORE_EXECUTION, Answer.NEVER_LEFT])
def test_a_refusal_proves_nothing_on_a_replay(answer: Answer) -> None:
    assert _settled(answer, is_replay=False) == AttemptState.NOT_SENT
    assert _settled(answer, is_replay=True) == AttemptState.UNKNOWN


@pytest.mark.parametrize(
    ("age", "missed", "state"),
    [
        (9_999, None, AttemptState.UNKNOWN),  # the first look: our clock may have jumped
        (9_999, 60, AttemptState.UNKNOWN),
        (9_999, 61, AttemptState.NOT_SENT),
        (121, 61, AttemptState.UNKNOWN),  # the first look came too early
        (122, 61, AttemptState.NOT_SENT),
        (9_999, -61, AttemptState.UNKNOWN),  # the clock went back
    ],
)
def test_no_such_request_proves_something_at_the_second_look(
    age: int, missed: int | None, state: AttemptState
) -> None:
    answer = Answer.NO_SUCH_REQUEST

    assert _settled(answer, age_seconds=age, missed_seconds=missed) == state
    without = _settled(answer, age_seconds=age, missed_seconds=missed, look_up=None)
    assert without == AttemptState.UNKNOWN


@pytest.mark.parametrize("is_replay", [False, True])
@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Answer.SUCCEEDED, AttemptState.SUCCEEDED),
        (Answer.DECLINED, AttemptState.DECLINED),
        (Answer.PENDING, AttemptState.PENDING),
        (Answer.REQUIRES_ACTION, AttemptState.REQUIRES_ACTION),
    ],
)
def test_what_the_gateway_says_of_the_request_itself_is_proof(
    answer: Answer, state: AttemptState, is_replay: bool
) -> None:
    assert _settled(answer, is_replay=is_replay) == state


@given(st.sampled_from(INCONCLUSIVE), st.integers(0, 10**8))
def test_age_alone_never_fails_an_attempt(answer: Answer, age_seconds: int) -> None:
    state = _settled(answer, is_replay=True, age_seconds=age_seconds, look_up=None)

    assert state == AttemptState.UNKNOWN


@given(st.lists(st.sampled_from(list(Answer)), min_size=1, max_size=8))
def test_after_any_answers_only_one_that_was_never_executed_frees_the_payment(
    answers: list[Answer],
) -> None:
    """Once a request may have been executed, nothing but the gateway's word for it kills it."""
    state = AttemptState.DISPATCHED
    for number, answer in enumerate(answers):
        settled = _settled(answer, is_replay=number > 0, look_up=None)
        if settled in ATTEMPT_MOVES[state]:
            state = settled
    proven_dead = {Answer.DECLINED, Answer.ABANDONED} & set(answers)
    never_sent = answers[0] in {Answer.REFUSED_BEFORE_EXECUTION, Answer.NEVER_LEFT}

    if state not in LIVE_ATTEMPT_STATES:
        assert proven_dead or never_sent


def test_a_refund_follows_the_same_rule() -> None:
    assert settled_refund_state(Answer.SUCCEEDED, is_replay=True) == RefundState.SUCCEEDED
    assert settled_refund_state(Answer.PENDING, is_replay=False) == RefundState.PENDING
    assert settled_refund_state(Answer.NEVER_LEFT, is_replay=False) == RefundState.FAILED
    assert settled_refund_state(Answer.NEVER_LEFT, is_replay=True) == RefundState.UNKNOWN
    assert settled_refund_state(Answer.INCONCLUSIVE, is_replay=False) == RefundState.UNKNOWN


def test_a_refund_that_may_have_been_paid_counts_against_what_can_be_refunded() -> None:
    assert set(RefundState) - COUNTED_REFUND_STATES == {RefundState.FAILED}


def test_an_unknown_one_is_looked_at_ever_more_rarely_but_for_ever() -> None:
    delays = [next_check_at(checks_done=n, at=AT) - AT for n in range(9)]

    assert delays[:3] == [timedelta(seconds=s) for s in (10, 30, 120)]
    assert delays == sorted(delays)
    assert delays[-1] == delays[-2] == timedelta(days=1)


@pytest.mark.parametrize(
    ("keeps_keys_for", "sent_until"),
    [
        (timedelta(hours=24), timedelta(hours=20)),
        (timedelta(hours=6), timedelta(hours=5)),
        (timedelta(days=7), timedelta(days=5, hours=20)),
        (timedelta(0), timedelta(0)),
    ],
)
def test_a_key_is_replayed_only_while_the_gateway_surely_knows_it(
    keeps_keys_for: timedelta, sent_until: timedelta
) -> None:
    def may(age: timedelta) -> bool:
        return may_replay(dispatched_at=AT - age, at=AT, remembers_keys_for=keeps_keys_for)

    assert may(sent_until - timedelta(seconds=1))
    assert not may(sent_until)

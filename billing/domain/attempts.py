"""The states of payments, attempts and refunds, and what an answer of a gateway proves.

One rule keeps a customer from being charged twice: an attempt that may have moved money is
live, and stays so until its outcome is proven. Its age proves nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from billing.errors import StateMoveNotAllowed


class PaymentState(StrEnum):
    """What has become of an amount that is owed once."""

    OPEN = "open"  # no attempt is live
    PROCESSING = "processing"  # an attempt may be moving money
    REQUIRES_ACTION = "requires_action"  # the customer has to do something
    PAID = "paid"
    RETURNED = "returned"  # paid, and taken back by the customer's bank
    FAILED = "failed"  # given up
    CANCELED = "canceled"  # no longer owed


class AttemptState(StrEnum):
    """What has become of one try on one gateway."""

    DISPATCHED = "dispatched"  # written down, and perhaps sent
    REQUIRES_ACTION = "requires_action"
    PENDING = "pending"  # the gateway waits for the bank
    AUTHORIZED = "authorized"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    NOT_SENT = "not_sent"  # proven not executed
    ABANDONED = "abandoned"  # the hosted page expired, or the action was never taken
    UNKNOWN = "unknown"  # it may have been executed


class RefundState(StrEnum):
    """What has become of money to be given back."""

    DISPATCHED = "dispatched"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"


A, P, R = AttemptState, PaymentState, RefundState

_UNSETTLED = frozenset({A.REQUIRES_ACTION, A.PENDING, A.AUTHORIZED})
_DEAD = frozenset({A.DECLINED, A.NOT_SENT, A.ABANDONED})

ATTEMPT_MOVES: Mapping[AttemptState, frozenset[AttemptState]] = {
    A.DISPATCHED: _UNSETTLED | _DEAD | {A.SUCCEEDED, A.UNKNOWN},
    A.UNKNOWN: _UNSETTLED | _DEAD | {A.SUCCEEDED},
    # Only of a bank's question whose customer has left, and whose gateway tells nothing of it,
    # is it not known any more: no answer leads there (`states_moved_by_answer`).
    A.REQUIRES_ACTION: _DEAD - {A.NOT_SENT} | {A.PENDING, A.AUTHORIZED, A.SUCCEEDED, A.UNKNOWN},
    A.PENDING: _DEAD - {A.NOT_SENT} | {A.REQUIRES_ACTION, A.AUTHORIZED, A.SUCCEEDED, A.UNKNOWN},
    A.AUTHORIZED: frozenset({A.SUCCEEDED, A.DECLINED, A.ABANDONED}),
    A.SUCCEEDED: frozenset(),
    A.DECLINED: frozenset(),
    A.NOT_SENT: frozenset(),
    A.ABANDONED: frozenset(),
}
PAYMENT_MOVES: Mapping[PaymentState, frozenset[PaymentState]] = {
    P.OPEN: frozenset({P.PROCESSING, P.REQUIRES_ACTION, P.PAID, P.FAILED, P.CANCELED}),
    P.PROCESSING: frozenset({P.OPEN, P.REQUIRES_ACTION, P.PAID, P.FAILED}),
    P.REQUIRES_ACTION: frozenset({P.OPEN, P.PROCESSING, P.PAID, P.FAILED, P.CANCELED}),
    P.PAID: frozenset({P.RETURNED}),
    P.RETURNED: frozenset(),
    P.FAILED: frozenset(),
    P.CANCELED: frozenset(),
}
REFUND_MOVES: Mapping[RefundState, frozenset[RefundState]] = {
    R.DISPATCHED: frozenset({R.PENDING, R.SUCCEEDED, R.FAILED, R.UNKNOWN}),
    R.UNKNOWN: frozenset({R.PENDING, R.SUCCEEDED, R.FAILED}),
    R.PENDING: frozenset({R.SUCCEEDED, R.FAILED}),
    R.SUCCEEDED: frozenset({R.FAILED}),  # a bank may send a refund back days later
    R.FAILED: frozenset(),
}

LIVE_ATTEMPT_STATES = frozenset(A) - _DEAD
UNPROVEN_ATTEMPT_STATES = frozenset({A.DISPATCHED, A.UNKNOWN})
LIVE_PAYMENT_STATES = frozenset({P.OPEN, P.PROCESSING, P.REQUIRES_ACTION})
LIVE_REFUND_STATES = frozenset({R.DISPATCHED, R.PENDING, R.UNKNOWN})
COUNTED_REFUND_STATES = LIVE_REFUND_STATES | {R.SUCCEEDED}

_PAYMENT_STATE_OF: Mapping[AttemptState, PaymentState] = {
    A.DISPATCHED: P.PROCESSING,
    A.UNKNOWN: P.PROCESSING,
    A.PENDING: P.PROCESSING,
    A.AUTHORIZED: P.PROCESSING,
    A.REQUIRES_ACTION: P.REQUIRES_ACTION,
    A.SUCCEEDED: P.PAID,
    A.DECLINED: P.OPEN,
    A.NOT_SENT: P.OPEN,
    A.ABANDONED: P.OPEN,
}

_S = TypeVar("_S", PaymentState, AttemptState, RefundState)


def ensure_payment_move(from_state: str, to_state: str) -> None:
    """Refuse a move of a payment that is not in the table.

    Raises:
        StateMoveNotAllowed: If it is not.
    """
    _ensure("payment", PAYMENT_MOVES, PaymentState(from_state), PaymentState(to_state))


def ensure_attempt_move(from_state: str, to_state: str) -> None:
    """Refuse a move of an attempt that is not in the table.

    Raises:
        StateMoveNotAllowed: If it is not.
    """
    _ensure("attempt", ATTEMPT_MOVES, AttemptState(from_state), AttemptState(to_state))


def ensure_refund_move(from_state: str, to_state: str) -> None:
    """Refuse a move of a refund that is not in the table.

    Raises:
        StateMoveNotAllowed: If it is not.
    """
    _ensure("refund", REFUND_MOVES, RefundState(from_state), RefundState(to_state))


def attempt_states_before(to_state: str) -> frozenset[AttemptState]:
    """The states from which an attempt may move to this one: for compare-and-set."""
    target = AttemptState(to_state)
    return frozenset(state for state, moves in ATTEMPT_MOVES.items() if target in moves)


def states_moved_by_answer(to_state: str) -> frozenset[AttemptState]:
    """The states that an answer which proves this one moves: one that proves nothing, few."""
    is_nothing_proven = to_state == AttemptState.UNKNOWN
    return frozenset({A.DISPATCHED}) if is_nothing_proven else attempt_states_before(to_state)


def refund_states_before(to_state: str) -> frozenset[RefundState]:
    """The states from which a refund may move to this one: for compare-and-set."""
    target = RefundState(to_state)
    return frozenset(state for state, moves in REFUND_MOVES.items() if target in moves)


def payment_state_of(attempt_state: str) -> PaymentState:
    """Where an attempt leaves its payment; a dead attempt leaves it open for another."""
    return _PAYMENT_STATE_OF[AttemptState(attempt_state)]


class Answer(StrEnum):
    """How a request to a gateway ended, seen from here."""

    SUCCEEDED = "succeeded"
    AUTHORIZED = "authorized"
    REQUIRES_ACTION = "requires_action"
    PENDING = "pending"
    DECLINED = "declined"
    ABANDONED = "abandoned"
    REFUSED_BEFORE_EXECUTION = "refused_before_execution"  # 429, or a 4xx of validation
    NEVER_LEFT = "never_left"  # no connection was made: not a byte was sent
    NO_SUCH_REQUEST = "no_such_request"  # a look-up by our reference found nothing
    INCONCLUSIVE = "inconclusive"  # timeout, reset, 5xx, or an answer that cannot be read


_STATE_OF_ANSWER: Mapping[Answer, AttemptState] = {
    Answer.SUCCEEDED: A.SUCCEEDED,
    Answer.AUTHORIZED: A.AUTHORIZED,
    Answer.REQUIRES_ACTION: A.REQUIRES_ACTION,
    Answer.PENDING: A.PENDING,
    Answer.DECLINED: A.DECLINED,
    Answer.ABANDONED: A.ABANDONED,
}
_NOT_EXECUTED_THIS_TIME = frozenset({Answer.REFUSED_BEFORE_EXECUTION, Answer.NEVER_LEFT})


@dataclass(frozen=True, slots=True)
class LookUpRule:
    """When "there is no such request" proves that it was never executed."""

    consistency_delay: timedelta = timedelta(seconds=60)


def settled_state(
    answer: Answer,
    *,
    is_replay: bool,
    sent_at: datetime,
    at: datetime,
    look_up: LookUpRule | None = None,
    missed_at: datetime | None = None,
) -> AttemptState:
    """The state that an answer proves an attempt to be in.

    A refusal proves that nothing was executed only if this request was the first with its
    idempotency key: refused on a replay, it says nothing about the original, which may have
    been executed. Likewise, that the gateway knows no such request proves something only
    the second time; see `proves_absence`.

    Args:
        answer: How the request ended.
        is_replay: Whether a request with the same key may have been sent before.
        sent_at: When a request with the key was sent last, or may have been.
        at: Now.
        look_up: The gateway's look-up rule; without one, look-ups prove nothing.
        missed_at: When a look-up first found nothing of what was sent last.
    """
    if answer in _STATE_OF_ANSWER:
        return _STATE_OF_ANSWER[answer]
    if answer in _NOT_EXECUTED_THIS_TIME:
        return A.UNKNOWN if is_replay else A.NOT_SENT
    if answer == Answer.NO_SUCH_REQUEST and look_up is not None:
        is_absent = proves_absence(sent_at=sent_at, missed_at=missed_at, at=at, rule=look_up)
        return A.NOT_SENT if is_absent else A.UNKNOWN
    return A.UNKNOWN


def settled_refund_state(
    answer: Answer,
    *,
    is_replay: bool,
    sent_at: datetime | None = None,
    at: datetime | None = None,
    look_up: LookUpRule | None = None,
    missed_at: datetime | None = None,
) -> RefundState:
    """The state that an answer proves a refund to be in, by the same rule."""
    if answer == Answer.SUCCEEDED:
        return R.SUCCEEDED
    if answer in {Answer.PENDING, Answer.REQUIRES_ACTION}:
        return R.PENDING
    if answer == Answer.DECLINED:
        return R.FAILED
    if answer in _NOT_EXECUTED_THIS_TIME and not is_replay:
        return R.FAILED
    if answer == Answer.NO_SUCH_REQUEST and look_up and sent_at and at:
        is_absent = proves_absence(sent_at=sent_at, missed_at=missed_at, at=at, rule=look_up)
        return R.FAILED if is_absent else R.UNKNOWN
    return R.UNKNOWN


def is_missed(*, sent_at: datetime, at: datetime, rule: LookUpRule) -> bool:
    """Whether a look-up that finds nothing of what was sent is worth noting."""
    return at - sent_at > rule.consistency_delay


def proves_absence(
    *, sent_at: datetime, missed_at: datetime | None, at: datetime, rule: LookUpRule
) -> bool:
    """Whether that nothing is found proves that nothing was done, or will be yet.

    What we have stopped waiting for may be executed after all, so that a look-up must come long
    after the last sending. Our clock may have jumped since, though, and make what is still on
    its way look old: so two look-ups must find nothing, each as long after what was before. A
    jump makes one of the two waits a lie, not both.
    """
    if missed_at is None or not is_missed(sent_at=sent_at, at=missed_at, rule=rule):
        return False
    return is_missed(sent_at=missed_at, at=at, rule=rule)


CHECK_DELAYS = tuple(
    timedelta(seconds=seconds) for seconds in (10, 30, 120, 600, 3_600, 21_600, 86_400)
)
REPLAY_MARGIN = 6  # a sixth of the time that a key is kept for is not counted on


def next_check_at(*, checks_done: int, at: datetime) -> datetime:
    """When to look again at an attempt whose outcome is not known; daily in the end, for ever."""
    return at + CHECK_DELAYS[min(checks_done, len(CHECK_DELAYS) - 1)]


def may_replay(*, dispatched_at: datetime, at: datetime, remembers_keys_for: timedelta) -> bool:
    """Whether the gateway surely still knows the key; afterwards only look-ups are safe.

    Of the time that it promises to keep keys for, a sixth is left out: clocks differ, and a
    request may be long on its way. A gateway that keeps keys for 24 hours is sent to for 20.
    """
    return at - dispatched_at < remembers_keys_for - remembers_keys_for / REPLAY_MARGIN


def _ensure(what: str, moves: Mapping[_S, frozenset[_S]], from_state: _S, to_state: _S) -> None:
    if to_state not in moves[from_state]:
        raise StateMoveNotAllowed(f"a {what} that is {from_state} cannot become {to_state}")

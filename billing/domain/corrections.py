"""Moves that only a correction makes: what was settled follows a gateway's word after all.

Two people had proven an outcome, or the gateway itself had told it, and later the gateway tells
the opposite. The tables of billing.domain.attempts do not lead back: these do, one move each, and
the database lets them be made only in the transaction in which a second person agrees.
"""

from collections.abc import Mapping
from enum import StrEnum

from billing.domain.attempts import (
    ATTEMPT_MOVES,
    PAYMENT_MOVES,
    REFUND_MOVES,
    AttemptState,
    PaymentState,
    RefundState,
)
from billing.errors import StateMoveNotAllowed

A, P, R = AttemptState, PaymentState, RefundState


class CorrectionWord(StrEnum):
    """What a correction takes for true."""

    EXECUTED = "executed"
    NOT_EXECUTED = "not_executed"
    SEEN_TO = "seen_to"  # by hand, outside of here: nothing is moved by it


class CorrectionState(StrEnum):
    """How far it is: nothing moves before a second person agrees."""

    OPEN = "open"
    DONE = "done"
    REFUSED = "refused"


# A charge that was thought dead has taken its money; a hold that was let go stands, or was taken.
ATTEMPT_CORRECTIONS: Mapping[AttemptState, frozenset[AttemptState]] = {
    A.NOT_SENT: frozenset({A.SUCCEEDED}),
    A.DECLINED: frozenset({A.SUCCEEDED}),
    A.ABANDONED: frozenset({A.SUCCEEDED, A.AUTHORIZED}),
}
# What was given up, or not collected any more, is paid all the same.
PAYMENT_CORRECTIONS: Mapping[PaymentState, frozenset[PaymentState]] = {
    P.FAILED: frozenset({P.PAID}),
    P.CANCELED: frozenset({P.PAID}),
}
# Of refunds, captures and voids: carried out after all.
REFUND_CORRECTIONS: Mapping[RefundState, frozenset[RefundState]] = {
    R.FAILED: frozenset({R.SUCCEEDED}),
}


def ensure_corrected_attempt(from_state: str, to_state: str) -> None:
    """Refuse a move of an attempt that neither table has.

    Raises:
        StateMoveNotAllowed: If it is not.
    """
    before, after = A(from_state), A(to_state)
    if after not in ATTEMPT_MOVES[before] | ATTEMPT_CORRECTIONS.get(before, frozenset()):
        raise StateMoveNotAllowed(f"an attempt that is {before} cannot be corrected to {after}")


def ensure_corrected_payment(from_state: str, to_state: str) -> None:
    """Refuse a move of a payment that neither table has.

    Raises:
        StateMoveNotAllowed: If it is not.
    """
    before, after = P(from_state), P(to_state)
    if after not in PAYMENT_MOVES[before] | PAYMENT_CORRECTIONS.get(before, frozenset()):
        raise StateMoveNotAllowed(f"a payment that is {before} cannot be corrected to {after}")


def ensure_corrected_refund(from_state: str, to_state: str) -> None:
    """Refuse a move of a refund, capture or void that neither table has.

    Raises:
        StateMoveNotAllowed: If it is not.
    """
    before, after = R(from_state), R(to_state)
    if after not in REFUND_MOVES[before] | REFUND_CORRECTIONS.get(before, frozenset()):
        raise StateMoveNotAllowed(f"what is {before} cannot be corrected to {after}")

"""What a mandate allows: whether money may be collected by it, and what has to be told before.

Source of all rules here: SEPA Direct Debit Core Rulebook, EPC016-06, 2025 version 1.1, in force
from 5 October 2025 to 21 November 2027 (europeanpaymentscouncil.eu/node/171): a mandate that was
not used for 36 months must not be used any more, and a debit is told at least 14 calendar days
before its due day, unless another time is agreed. Both as told by abnamro.nl, Timescales SEPA
Direct Debit, and by Buckaroo's and DKB's pages; read on 26 November 2026.
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum

from billing.errors import MandateNotUsable, StateMoveNotAllowed
from tiktoktoe.kernel.periods import add_months

UNUSED_MONTHS = 36
NOTICE_DAYS = 14
REFERENCE_LENGTH = 35


class MandateState(StrEnum):
    """What has become of a permission to debit."""

    ACTIVE = "active"
    REVOKED = "revoked"  # by the customer, by us, or by what their bank has said
    EXPIRED = "expired"  # not used for 36 months
    USED = "used"  # a one-off mandate, after its one collection


class SequenceType(StrEnum):
    """How often a mandate may be used.

    FRST has not been needed since 20 November 2016. Source: EPC, introductory note on the changes
    of rulebook 9.0 ("simplify the use of sequence types"), read on 26 November 2026.
    """

    RECURRENT = "RCUR"
    ONE_OFF = "OOFF"


S = MandateState
MANDATE_MOVES: Mapping[MandateState, frozenset[MandateState]] = {
    S.ACTIVE: frozenset({S.REVOKED, S.EXPIRED, S.USED}),
    S.REVOKED: frozenset(),
    S.EXPIRED: frozenset(),
    S.USED: frozenset({S.REVOKED}),
}


def ensure_mandate_move(from_state: str, to_state: str) -> None:
    """Refuse a move of a mandate that is not in the table.

    Raises:
        StateMoveNotAllowed: If it is not.
    """
    if MandateState(to_state) not in MANDATE_MOVES[MandateState(from_state)]:
        raise StateMoveNotAllowed(f"a mandate that is {from_state} cannot become {to_state}")


def expires_on(*, signed_on: date, last_used_on: date | None) -> date:
    """The first day on which an unused mandate cannot be used any more."""
    return add_months(last_used_on or signed_on, UNUSED_MONTHS)


def state_on(day: date, *, state: str, signed_on: date, last_used_on: date | None) -> MandateState:
    """What a mandate is on a day, whether or not its expiry has been written down yet."""
    known = MandateState(state)
    is_over = day >= expires_on(signed_on=signed_on, last_used_on=last_used_on)
    return MandateState.EXPIRED if known == MandateState.ACTIVE and is_over else known


def ensure_collectable(
    *, reference: str, state: str, signed_on: date, last_used_on: date | None, collect_on: date
) -> None:
    """Refuse to collect by a mandate that does not allow it on the due day.

    Raises:
        MandateNotUsable: Says why, and that a new mandate is the way out.
    """
    then = state_on(collect_on, state=state, signed_on=signed_on, last_used_on=last_used_on)
    if then == MandateState.ACTIVE:
        return
    why = {
        MandateState.REVOKED: "it was withdrawn",
        MandateState.USED: "it was for one payment, which has been collected",
        MandateState.EXPIRED: (
            f"it was last used on {last_used_on or signed_on}, and a mandate that is not used for "
            f"{UNUSED_MONTHS} months expires"
        ),
    }[then]
    raise MandateNotUsable(
        f"nothing can be collected by mandate {reference}: {why}; "
        "the customer has to give a new one"
    )

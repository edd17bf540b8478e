"""The states of orders to a bank, and of the files they travel in."""

from collections.abc import Mapping
from enum import StrEnum

from billing.errors import StateMoveNotAllowed


class OrderState(StrEnum):
    """What has become of an order to collect or to send money."""

    PLANNED = "planned"  # waits for its file
    STOPPED = "stopped"  # never left: no longer wanted, or no longer allowed
    FILED = "filed"  # in a file that is written, and perhaps sent
    ACCEPTED = "accepted"  # the bank has taken it
    REJECTED = "rejected"  # refused before any money moved
    BOOKED = "booked"  # money moved
    RETURNED = "returned"  # and moved back


class FileState(StrEnum):
    """What has become of a file; one that is written is perhaps sent, and is sent again."""

    WRITTEN = "written"
    SENT = "sent"
    ACCEPTED = "accepted"
    PART = "part"
    REJECTED = "rejected"


S, F = OrderState, FileState

ORDER_MOVES: Mapping[OrderState, frozenset[OrderState]] = {
    S.PLANNED: frozenset({S.FILED, S.STOPPED}),
    S.STOPPED: frozenset(),
    # Messages overtake each other: a booking may come before the status.
    S.FILED: frozenset({S.ACCEPTED, S.REJECTED, S.BOOKED}),
    S.ACCEPTED: frozenset({S.REJECTED, S.BOOKED}),
    S.REJECTED: frozenset(),
    S.BOOKED: frozenset({S.RETURNED}),
    S.RETURNED: frozenset(),
}
FILE_MOVES: Mapping[FileState, frozenset[FileState]] = {
    F.WRITTEN: frozenset({F.SENT, F.ACCEPTED, F.PART, F.REJECTED}),
    F.SENT: frozenset({F.ACCEPTED, F.PART, F.REJECTED}),
    F.ACCEPTED: frozenset(),
    F.PART: frozenset(),
    F.REJECTED: frozenset(),
}
_FILE_STATE_OF: Mapping[str, FileState] = {
    "ACCP": F.ACCEPTED,
    "ACTC": F.ACCEPTED,
    "ACSP": F.ACCEPTED,
    "ACSC": F.ACCEPTED,
    "ACWC": F.ACCEPTED,
    "PART": F.PART,
    "RJCT": F.REJECTED,
}
ALREADY_RECEIVED = frozenset({"DUPL", "AM05"})


def ensure_order_move(from_state: str, to_state: str) -> None:
    """Refuse a move of an order that is not in the table.

    Raises:
        StateMoveNotAllowed: If it is not.
    """
    if OrderState(to_state) not in ORDER_MOVES[OrderState(from_state)]:
        raise StateMoveNotAllowed(f"an order that is {from_state} cannot become {to_state}")


def may_move(from_state: str, to_state: OrderState) -> bool:
    """Whether news of a bank moves an order; what comes twice or late does not."""
    return to_state in ORDER_MOVES[OrderState(from_state)]


def file_state_of(group_status: str) -> FileState | None:
    """What a bank's word for a whole file means; None if it says nothing final of it."""
    return _FILE_STATE_OF.get(group_status)


def may_file_move(from_state: str, to_state: FileState) -> bool:
    """Whether news of a bank moves a file."""
    return to_state in FILE_MOVES[FileState(from_state)]


def is_refused_copy(*, group_status: str, reason: str) -> bool:
    """Whether a bank has refused a file because it has it already: then the first one counts.

    A MsgId is used for one file only, so that a copy is the same file, sent again after a
    crash; that its copy is refused says nothing of the orders in it.
    """
    return file_state_of(group_status) == F.REJECTED and reason in ALREADY_RECEIVED

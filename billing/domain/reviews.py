"""The states of a review: a payment that a person looks at before it is sent."""

from collections.abc import Mapping
from enum import StrEnum


class ReviewState(StrEnum):
    """What has become of it."""

    OPEN = "open"
    APPROVED = "approved"
    REFUSED = "refused"
    LAPSED = "lapsed"  # its payment was canceled or paid another way: nothing is to be decided


# Whatever was decided, a gateway that contradicts itself makes a person look again.
REVIEW_MOVES: Mapping[ReviewState, frozenset[ReviewState]] = {
    ReviewState.OPEN: frozenset({ReviewState.APPROVED, ReviewState.REFUSED, ReviewState.LAPSED}),
    ReviewState.APPROVED: frozenset({ReviewState.OPEN}),
    ReviewState.REFUSED: frozenset({ReviewState.OPEN}),
    ReviewState.LAPSED: frozenset(),
}

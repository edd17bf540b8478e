"""A circuit breaker: a gateway that keeps failing is left alone for a while.

Source: the design's 2.12. It opens after five technical failures in a row, or when at least
half of ten or more calls within a minute failed; after a while one probe may pass, and each
probe that fails doubles the while, up to ten minutes. Declines never open it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

FAILURES_IN_A_ROW = 5
WINDOW = timedelta(seconds=60)
CALLS_IN_WINDOW = 10
REST = timedelta(seconds=30)
LONGEST_REST = timedelta(minutes=10)


class BreakerState(StrEnum):
    """Whether calls may pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"  # one probe is on its way


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """A gateway's breaker as it stands."""

    state: BreakerState = BreakerState.CLOSED
    failures_in_a_row: int = 0
    opened_times: int = 0
    opens_until: datetime | None = None

    def blocks(self, at: datetime) -> bool:
        """Whether a payment must go elsewhere; once its rest is over, one may try.

        A probe that never answered keeps others away only until the same time again has passed.
        """
        return self.opens_until is not None and at < self.opens_until

    def probing(self, at: datetime) -> "Breaker":
        """After its rest, while a probe is on its way: the others wait for its answer."""
        assert self.opens_until is not None
        return Breaker(
            state=BreakerState.HALF_OPEN,
            failures_in_a_row=self.failures_in_a_row,
            opened_times=self.opened_times,
            opens_until=at + rest(self.opened_times),
        )

    def after(self, *, is_failure: bool, at: datetime, calls: int, failed_calls: int) -> "Breaker":
        """As it stands after a call.

        Args:
            calls: How many calls there were within the window, this one included.
            failed_calls: How many of them failed technically.
        """
        if not is_failure:
            return Breaker() if self.state != BreakerState.OPEN else self
        in_a_row = self.failures_in_a_row + 1
        is_bad_minute = calls >= CALLS_IN_WINDOW and 2 * failed_calls >= calls
        opens = (
            self.state == BreakerState.HALF_OPEN or in_a_row >= FAILURES_IN_A_ROW or is_bad_minute
        )
        if self.state == BreakerState.OPEN or not opens:
            return Breaker(
                state=self.state,
                failures_in_a_row=in_a_row,
                opened_times=self.opened_times,
                opens_until=self.opens_until,
            )
        times = self.opened_times + 1
        return Breaker(
            state=BreakerState.OPEN,
            failures_in_a_row=in_a_row,
            opened_times=times,
            opens_until=at + rest(times),
        )


def rest(opened_times: int) -> timedelta:
    """How long a gateway is left alone, the n-th time in a row."""
    doubled: int = 2 ** max(0, min(opened_times, 20) - 1)
    return min(REST * doubled, LONGEST_REST)

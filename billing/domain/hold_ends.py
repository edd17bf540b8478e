"""When what is held is let go of, and from when on nobody tries to any more."""

from datetime import datetime, timedelta

# A hold is let go this long before the gateway would let it lapse, so that its end is proven.
LET_GO_BEFORE = timedelta(hours=12)
FIRST_WAIT = timedelta(hours=1)  # after a void that failed; twice as long after each further one
# Until so long after a hold's own date its gateway may still tell of its end: clocks differ.
TOLD_WITHIN = timedelta(days=1)


def is_void_due(*, voids_failed: int, failed_at: datetime | None, at: datetime) -> bool:
    """Whether a void is to be sent: none has failed, or the last one long enough ago."""
    if failed_at is None:
        return True
    return at - failed_at >= FIRST_WAIT * (1 << voids_failed - 1)


def is_over(*, authorized_until: datetime, at: datetime) -> bool:
    """Whether a hold is over by its own date, told or not: nothing more is sent for it."""
    return at >= authorized_until + TOLD_WITHIN

"""What is done late counts as of its own instant, and is written down as of now.

Documents and rows of what should have been done on a day that is over are of today, as those
of a billing run that catches up: numbers go on in the order of days, an invoice is to be paid so
many days from today, and whoever looks for what is new finds it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from tiktoktoe.kernel.periods import local_date

_NOW: ContextVar[datetime | None] = ContextVar("now_of_what_is_late", default=None)


@contextmanager
def catching_up(*, due_at: datetime, zone: str, now: datetime) -> Iterator[None]:
    """Do what was due at an instant: if that local day is over, it is written down as of now."""
    is_late = local_date(now, zone) > local_date(due_at, zone)
    token = _NOW.set(now if is_late else None)
    try:
        yield
    finally:
        _NOW.reset(token)


def written_at(at: datetime) -> datetime:
    """When what is done as of an instant is written down: then, or now if it is done late."""
    return _NOW.get() or at

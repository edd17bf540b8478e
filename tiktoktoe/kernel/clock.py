"""The one clock. Only doors (views, tasks, commands) read it; everyone else is told the time.

The time can be moved in two ways, and a real server does neither:

* `moved_to` holds it still for the code inside its `with`: for tests, for the demo, for a
  simulation. It lives in a context variable, so other threads and requests do not notice,
  and a thread started inside does not inherit it (copy the context, or pass `at`).
* `set_offset` and `freeze` move it for the whole process, every thread, until `reset`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

from tiktoktoe.kernel.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class _Setting:
    """How the process's time is moved; replaced as one, so that threads never see half of it."""

    offset: timedelta = timedelta()
    frozen_at: datetime | None = None


_here: ContextVar[datetime | None] = ContextVar("moved_to", default=None)
_process: list[_Setting] = [_Setting()]
_A_MOMENT = timedelta(seconds=10)


def now() -> datetime:
    """The current instant, aware, in UTC."""
    here = _here.get()
    if here is not None:
        return here
    setting = _process[0]
    if setting.frozen_at is not None:
        return setting.frozen_at
    return datetime.now(UTC) + setting.offset


def machine() -> datetime:
    """What this machine's clock shows, to be held against somebody else's clock.

    Not what `moved_to` says: that is the time of a customer or a simulation, not the machine's.
    """
    setting = _process[0]
    return datetime.now(UTC) + setting.offset if setting.frozen_at is None else setting.frozen_at


@contextmanager
def moved_to(at: datetime) -> Iterator[None]:
    """Hold the clock at an instant in this context; nests, and puts back what was before."""
    token = _here.set(utc(at))
    try:
        yield
    finally:
        _here.reset(token)


def running_from(at: datetime) -> Callable[[], datetime]:
    """What time it is by now, for work that was told the time when it began.

    What is over in a moment is all of one instant. Work that goes on for long must not date
    what it does last by when it began, least of all what left for a gateway; but while the
    clock is held still, by a test clock or a simulation, no time passes.
    """
    is_held, began = _here.get() is not None, monotonic()

    def by_now() -> datetime:
        spent = timedelta(seconds=monotonic() - began)
        return at if is_held or spent < _A_MOMENT else at + spent

    return by_now


def set_offset(offset: timedelta) -> None:
    """Run the process's clock ahead of, or behind, the real one."""
    _process[0] = _Setting(offset=offset)


def freeze(at: datetime) -> None:
    """Stop the process's clock at an instant."""
    _process[0] = _Setting(frozen_at=utc(at))


def reset() -> None:
    """Let the process's clock show the real time again."""
    _process[0] = _Setting()


def utc(at: datetime) -> datetime:
    """The same instant, written in UTC.

    Raises:
        InvalidInput: If it has no time zone, and so is no instant.
    """
    if at.tzinfo is UTC:
        return at
    if at.utcoffset() is None:
        raise InvalidInput(f"{at.isoformat()} has no time zone", remedy="write 2026-01-31T00:00Z")
    return at.astimezone(UTC)

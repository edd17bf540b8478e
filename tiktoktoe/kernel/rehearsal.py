"""Whether what is being done is only tried out: then nothing is sent, and nothing said of it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_IS_REHEARSAL: ContextVar[bool] = ContextVar("is_rehearsal", default=False)


@contextmanager
def rehearsing() -> Iterator[None]:
    """What happens within is undone by the caller."""
    token = _IS_REHEARSAL.set(True)
    try:
        yield
    finally:
        _IS_REHEARSAL.reset(token)


def is_rehearsal() -> bool:
    """Whether nothing of this will have happened."""
    return _IS_REHEARSAL.get()


class WhatHappened(logging.Filter):
    """Leaves out what a rehearsal says it has done; warnings stay."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is of something that is not undone."""
        return record.levelno >= logging.WARNING or not is_rehearsal()

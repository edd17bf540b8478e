"""In how many days an invoice is to be paid: the company's rule, or a simulation's."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings

_days: ContextVar[int | None] = ContextVar("due_days", default=None)


def due_days() -> int:
    """In how many days invoices are due that say nothing else: as the company's setting says."""
    days = _days.get()
    return int(settings.INVOICE_DUE_DAYS) if days is None else days


@contextmanager
def due_in(days: int | None) -> Iterator[None]:
    """Let another rule than the company's count in this context: for a simulation."""
    token = _days.set(days)
    try:
        yield
    finally:
        _days.reset(token)

"""An entry as it is built: on which day, or why it cannot be."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from finance.domain.journal import Entry
from finance.errors import DocumentInconsistent

Found = tuple[UUID, Entry | DocumentInconsistent | None]


@dataclass(frozen=True, slots=True)
class PostingDay:
    """How instants become days of the books."""

    at: datetime
    closed_through: date | None

    def of(self, instant: datetime) -> date:
        """The day that an event of an instant is posted on."""
        day = instant.astimezone(UTC).date()
        if self.closed_through and day <= self.closed_through:
            return self.closed_through + timedelta(days=1)
        return day


def built(
    rule: Callable[..., Entry | None], fact: object, on: date
) -> Entry | DocumentInconsistent | None:
    """What a rule makes of a fact; a refusal is a value, and keeps no other from being posted."""
    try:
        return rule(fact, on=on)
    except DocumentInconsistent as refusal:
        return refusal

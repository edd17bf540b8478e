"""Our clock against a gateway's: gateways forget keys by theirs, and ours may be wrong.

Were ours a day ahead when a charge left, and put right since, its key would seem young for a day
longer than the gateway keeps it; sent again, the charge would be a second one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from billing.domain.attempts import may_replay


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """What a gateway's clock showed with an answer, and ours when that came."""

    told_at: datetime
    read_at: datetime

    @property
    def ahead(self) -> timedelta:
        """How far ours is ahead of the gateway's; negative: behind."""
        return self.read_at - self.told_at


def reading_of(header: str, *, read_at: datetime) -> ClockReading | None:
    """The reading of an HTTP `Date` (RFC 9110, 6.6.1: seconds, UTC); None of what is none."""
    try:
        told_at = parsedate_to_datetime(header)
    except (TypeError, ValueError):
        return None
    zoned = told_at if told_at.tzinfo else told_at.replace(tzinfo=UTC)
    return ClockReading(told_at=zoned.astimezone(UTC), read_at=read_at)


def is_askew(ahead: timedelta, *, limit: timedelta) -> bool:
    """Whether two clocks differ by more than is tolerated."""
    return abs(ahead) > limit


def surely_remembers(
    *, told_before: datetime, told_now: datetime, remembers_keys_for: timedelta
) -> bool:
    """Whether a gateway surely still knows a key, by its own clock alone.

    Args:
        told_before: What its clock had shown last before the key left first. It left no earlier,
            so that it can only be younger than it is taken to be.
        told_now: What its clock shows now.
    """
    return may_replay(dispatched_at=told_before, at=told_now, remembers_keys_for=remembers_keys_for)

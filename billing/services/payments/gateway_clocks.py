"""Keeping how far gateways' clocks are from ours, and what that means for sending again."""

import logging
from collections.abc import Iterable
from datetime import datetime
from time import monotonic

from django.conf import settings
from django.db import transaction
from django.db.models import F, OuterRef, Subquery
from django.db.models.functions import Coalesce

from billing.domain.attempts import may_replay
from billing.domain.gateway_time import ClockReading, is_askew, surely_remembers
from billing.gateways.clocks import TellsTime
from billing.gateways.registry import gateway_named
from billing.models import GatewayClock

logger = logging.getLogger(__name__)

_KEPT_FOR_SECONDS = 30
_MOVES_BY_SECONDS = 5
_kept: dict[str, tuple[float, int]] = {}  # by gateway, what this process has kept last, and when


def note_readings(gateway: str, readings: Iterable[ClockReading]) -> None:
    """Keep the last of some readings: at most every half minute, or when the clocks moved."""
    last = max(readings, key=lambda reading: reading.told_at, default=None)
    if last is None:
        return
    ahead, known = int(last.ahead.total_seconds()), _kept.get(gateway)
    is_known = known is not None and abs(ahead - known[1]) <= _MOVES_BY_SECONDS
    if is_known and known is not None and monotonic() - known[0] < _KEPT_FOR_SECONDS:
        return
    _keep(gateway, last, ahead)


def clock_is_wrong(gateway: str) -> bool:
    """Whether a gateway's clock is known to differ from ours too much, asked anew if it was."""
    if not GatewayClock.objects.askew().filter(gateway=gateway).exists():
        return False
    reading = _read_now(gateway)
    return reading is None or is_askew(reading.ahead, limit=settings.CLOCK_SKEW_MAX)


def may_send_again(
    *, gateway: str, first_sent_at: datetime, told_at: datetime | None, at: datetime
) -> bool:
    """Whether the same key may be sent again: young by our clock, and by the gateway's own.

    Args:
        told_at: What the gateway's clock had shown before the key left first; None where it had
            never been heard: then ours is all there is.
    """
    source = gateway_named(gateway)
    lasts = source.capabilities.remembers_keys_for
    if not may_replay(dispatched_at=first_sent_at, at=at, remembers_keys_for=lasts):
        return False
    if told_at is None or not isinstance(source, TellsTime):
        return True
    reading = _read_now(gateway)
    return reading is not None and surely_remembers(
        told_before=told_at, told_now=reading.told_at, remembers_keys_for=lasts
    )


def told_by(gateway: str | OuterRef) -> Coalesce:
    """For the statement that counts a sending: the gateway's time from before the first one."""
    rows = GatewayClock.objects.filter(gateway=gateway)
    return Coalesce(F("told_at"), Subquery(rows.values("told_at")[:1]))


def forget_clocks() -> None:
    """Forget what this process has kept: its database is another one now."""
    _kept.clear()


def _read_now(gateway: str) -> ClockReading | None:
    """What the gateway's clock shows now; talks to it."""
    source = gateway_named(gateway)
    reading = source.read_clock() if isinstance(source, TellsTime) else None
    if reading is not None:
        note_readings(gateway, [reading])
    return reading


@transaction.atomic
def _keep(gateway: str, reading: ClockReading, ahead: int) -> None:
    GatewayClock.objects.update_or_create(
        gateway=gateway,
        defaults={
            "told_at": reading.told_at,
            "read_at": reading.read_at,
            "ahead_seconds": ahead,
        },
    )
    _kept[gateway] = (monotonic(), ahead)
    if is_askew(reading.ahead, limit=settings.CLOCK_SKEW_MAX):
        logger.error("clocks differ", extra={"gateway": gateway, "ahead_seconds": ahead})

"""Reading gateways' clocks off their answers, whatever else these say."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

import httpx

from billing.domain.gateway_time import ClockReading, reading_of
from tiktoktoe.kernel.clock import machine

_heard = threading.local()


@runtime_checkable
class TellsTime(Protocol):
    """A gateway whose clock can be asked for without moving anything."""

    def read_clock(self) -> ClockReading | None:
        """What its clock shows; None if it does not answer."""
        ...


def hear(response: httpx.Response) -> None:
    """Keep what an answer's `Date` says, for whoever listens in this thread."""
    readings: list[ClockReading] | None = getattr(_heard, "readings", None)
    if readings is not None:
        reading = reading_of(response.headers.get("Date", ""), read_at=machine())
        readings += [reading] if reading else []


@contextmanager
def listening() -> Iterator[list[ClockReading]]:
    """Gather the readings of all answers that come within."""
    before, _heard.readings = getattr(_heard, "readings", None), []
    try:
        yield _heard.readings
    finally:
        _heard.readings = before


def clock_of(client: httpx.Client, host: str) -> ClockReading | None:
    """Ask a host for nothing but the time: whatever it answers is dated."""
    with listening() as readings:
        try:
            client.get(f"{host.rstrip('/')}/")
        except httpx.HTTPError:
            return None
    return readings[-1] if readings else None

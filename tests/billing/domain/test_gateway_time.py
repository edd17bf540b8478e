"""Clocks are compared by what gateways tell, and keys are as old as the gateway thinks."""

from datetime import UTC, datetime, timedelta

import pytest

from billing.domain.gateway_time import (
    ClockReading,
    is_askew,
    reading_of,
    surely_remembers,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIMIT, DAY = timedelta(minutes=5), timedelta(hours=24)


def test_a_date_header_is_a_reading() -> None:
    reading = reading_of("Sun, 01 Mar 2026 12:00:00 GMT", read_at=NOON + timedelta(seconds=3))

    assert reading == ClockReading(told_at=NOON, read_at=NOON + timedelta(seconds=3))
    assert reading.ahead == timedelta(seconds=3)


@pytest.mark.parametrize("header", ["", "soon", "Sun, 99 Mar 2026 12:00:00 GMT", "12:00"])
def test_what_is_no_date_is_no_reading(header: str) -> None:
    assert reading_of(header, read_at=NOON) is None


@pytest.mark.parametrize(
    ("ahead", "is_wrong"),
    [(300, False), (301, True), (-300, False), (-301, True), (0, False)],
)
def test_clocks_may_differ_by_the_limit_either_way(ahead: int, is_wrong: bool) -> None:
    assert is_askew(timedelta(seconds=ahead), limit=LIMIT) is is_wrong


@pytest.mark.parametrize(("hours", "is_known"), [(19, True), (20, False), (44, False)])
def test_a_key_is_as_old_as_the_gateway_thinks(hours: int, is_known: bool) -> None:
    now = NOON + timedelta(hours=hours)

    assert surely_remembers(told_before=NOON, told_now=now, remembers_keys_for=DAY) is is_known

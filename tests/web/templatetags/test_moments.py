"""Instants and periods as people read them."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from tiktoktoe.web.templatetags.moments import local_day, local_time, period_days, viewer_zone

AT = datetime(2026, 11, 23, 23, 40, 5, tzinfo=UTC)


def test_an_instant_is_shown_in_the_zone_of_the_viewer_with_utc_behind_it() -> None:
    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert local_time(AT) == (
            '<time datetime="2026-11-23T23:40:05+00:00" title="23 Nov 2026, 23:40:05 UTC">'
            "24 Nov 2026, 00:40</time>"
        )
        assert viewer_zone() == "Europe/Berlin"


def test_an_instant_may_be_shown_in_a_named_zone() -> None:
    assert ">23 Nov 2026, 18:40<" in local_time(AT, "America/New_York")
    assert ">24 Nov 2026<" in local_day(AT, "Asia/Tokyo")


def test_a_day_has_no_zone() -> None:
    assert local_day(date(2026, 3, 1), "Asia/Tokyo") == (
        '<time datetime="2026-03-01">1 Mar 2026</time>'
    )


def test_what_has_not_happened_is_a_dash() -> None:
    assert local_time(None) == "—"
    assert local_day(None) == "—"


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ((2026, 11, 1), (2026, 12, 1), "1\u201330 Nov 2026"),
        ((2026, 1, 31), (2026, 2, 28), "31 Jan \u2013 27 Feb 2026"),
        ((2026, 12, 15), (2027, 1, 15), "15 Dec 2026 \u2013 14 Jan 2027"),
        ((2026, 5, 1), (2026, 5, 2), "1 May 2026"),
    ],
)
def test_a_half_open_period_is_told_by_its_first_and_last_day(
    start: tuple[int, int, int], end: tuple[int, int, int], text: str
) -> None:
    assert period_days(date(*start), date(*end)) == text


def test_the_days_of_a_period_are_those_of_its_zone() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 11, 1, tzinfo=berlin).astimezone(UTC)
    end = datetime(2026, 12, 1, tzinfo=berlin).astimezone(UTC)

    assert period_days(start, end, "Europe/Berlin") == "1\u201330 Nov 2026"

"""Instants, days and periods as people read them, in the zone that matters."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

ABSENT = "—"
DAY = "%-d %b %Y"
MOMENT = "%-d %b %Y, %H:%M"


@register.filter
def local_time(at: datetime | None, zone: str = "") -> str | SafeString:
    """An instant in a zone, by default the viewer's, with UTC in its title."""
    return _time_tag(at, zone, MOMENT)


@register.filter
def local_day(at: datetime | date | None, zone: str = "") -> str | SafeString:
    """The day an instant falls on in a zone, by default the viewer's; days stay as they are."""
    if isinstance(at, date) and not isinstance(at, datetime):
        return format_html('<time datetime="{}">{}</time>', at.isoformat(), at.strftime(DAY))
    return _time_tag(at, zone, DAY)


@register.simple_tag
def period_days(start: datetime | date, end: datetime | date, zone: str = "") -> str:
    """The days of a half-open period, first to last: `{% period_days start end zone %}`."""
    first = _day(start, zone)
    last = max(first, _day(end, zone) - timedelta(days=1))
    if first == last:
        return first.strftime(DAY)
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{last.strftime(DAY)}"
    opening = first.strftime("%-d %b" if first.year == last.year else DAY)
    return f"{opening} – {last.strftime(DAY)}"


@register.simple_tag
def viewer_zone() -> str:
    """The zone in which this page shows instants."""
    return timezone.get_current_timezone_name().replace("_", " ")


def _time_tag(at: datetime | None, zone: str, pattern: str) -> str | SafeString:
    if at is None:
        return ABSENT
    shown = timezone.localtime(at, _zone(zone))
    universal = at.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        universal.isoformat(timespec="seconds"),
        universal.strftime("%-d %b %Y, %H:%M:%S UTC"),
        shown.strftime(pattern),
    )


def _day(at: datetime | date, zone: str) -> date:
    if isinstance(at, datetime):
        return timezone.localtime(at, _zone(zone)).date()
    return at


def _zone(name: str) -> ZoneInfo | None:
    return ZoneInfo(name) if name else None

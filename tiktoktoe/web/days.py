"""Days as the viewer counts them: in the zone that `ViewerZone` has found.

Filters ask for instants and not for `__date`, which a query that is streamed after the
request would count in another zone than the page did.
"""

from datetime import date, datetime, time, timedelta, tzinfo

from django.utils import timezone

ONE_DAY = timedelta(days=1)


def day_start(day: date) -> datetime:
    """The first instant of a day."""
    return datetime.combine(day, time.min, timezone.get_current_timezone())


def day_end(day: date) -> datetime:
    """The first instant after a day; the last day of the calendar ends never."""
    if day == date.max:
        return datetime.combine(day, time.min, timezone.get_current_timezone())
    return day_start(day + ONE_DAY)


def day_of(instant: datetime | None, zone: tzinfo) -> date | None:
    """The day of an instant in a zone; nothing of none."""
    return instant.astimezone(zone).date() if instant else None

"""Days as the viewer counts them: in the zone that `ViewerZone` has found.

Filters ask for instants and not for `__date`, which a query that is streamed after the
request would count in another zone than the page did.
"""

from datetime import date, datetime, time, timedelta, tzinfo

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone

ONE_DAY = timedelta(days=1)
# Days that people mean. At the ends of Python's calendar a day has none before or after it.
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(9000, 12, 31)
OUT_OF_RANGE = f"Choose a day between {FIRST_DAY.year} and {LAST_DAY.year}."


class DayField(forms.DateField):
    """A day that time can be reckoned from, in any time zone."""

    default_validators = [
        MinValueValidator(FIRST_DAY, OUT_OF_RANGE),
        MaxValueValidator(LAST_DAY, OUT_OF_RANGE),
    ]


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

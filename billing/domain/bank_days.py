"""The days on which banks move money, and when a collection can fall on one.

TARGET, on which SEPA settles, is closed on Saturdays and Sundays, on New Year's Day, Good Friday,
Easter Monday, 1 May, and on 25 and 26 December, wherever the banks are.

The Federal Reserve, on which ACH settles, is closed on weekends and its eleven holidays; one that
falls on a Sunday is kept on Monday, one on a Saturday is not.

Source: ECB, long-term calendar for TARGET closing days, decided on 14 December 2000, in force
since 2002 (ecb.europa.eu/paym/target); frbservices.org, holiday schedule of the Federal Reserve
Banks.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache

from tiktoktoe.kernel.periods import local_date, zone

SATURDAY = 5
_FIXED = frozenset({(1, 1), (5, 1), (12, 25), (12, 26)})
_FED_FIXED = frozenset({(1, 1), (6, 19), (7, 4), (11, 11), (12, 25)})
# (month, weekday): which one of the month; 0 is the last.
_FED_MOVING = {(1, 0): 3, (2, 0): 3, (5, 0): 0, (9, 0): 1, (10, 0): 2, (11, 3): 4}
_DAY = timedelta(days=1)
IsOpen = Callable[[date], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTerms:
    """What a bank wants of files: by when on a day, and how many of its days ahead.

    Attributes:
        cut_off: The bank's local time from which a file is taken for the next bank day.
        time_zone: Where that is.
        lead_days: A debit is presented this many bank days before it is due. Source: SEPA Core
            since 20 November 2016, one inter-bank business day (EPC, introductory note on
            rulebook 9.0, "a shorter standard time cycle"; abnamro.nl, Timescales SEPA Direct
            Debit; both read on 26 November 2026). Older pages still say two, or five.
    """

    cut_off: time
    time_zone: str
    lead_days: int = 1


@cache
def easter_sunday(year: int) -> date:
    """Easter in the Gregorian calendar.

    Source: the anonymous algorithm of 1876, as in Meeus, Astronomical Algorithms, chapter 8.
    """
    golden, century, rest = year % 19, year // 100, year % 100
    skipped = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - century // 4 - skipped + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    month, day = divmod(epact + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)


def is_target_day(day: date) -> bool:
    """Whether TARGET is open."""
    if day.weekday() >= SATURDAY or (day.month, day.day) in _FIXED:
        return False
    easter = easter_sunday(day.year)
    return day not in {easter - 2 * _DAY, easter + _DAY}


def is_fed_day(day: date) -> bool:
    """Whether the Federal Reserve is open."""
    if day.weekday() >= SATURDAY:
        return False
    eve = day - _DAY
    is_monday_after = day.weekday() == 0 and (eve.month, eve.day) in _FED_FIXED
    if (day.month, day.day) in _FED_FIXED or is_monday_after:
        return False
    nth = (day.day - 1) // 7 + 1
    is_last = (day + 7 * _DAY).month != day.month
    moving = _FED_MOVING.get((day.month, day.weekday()))
    return moving is None or not (nth == moving or (moving == 0 and is_last))


def on_or_after(day: date, is_open: IsOpen = is_target_day) -> date:
    """The day, or the first one after it, on which banks are open."""
    while not is_open(day):
        day += _DAY
    return day


def later(day: date, open_days: int, is_open: IsOpen = is_target_day) -> date:
    """So many open days after a day, itself not counted."""
    for _ in range(open_days):
        day = on_or_after(day + _DAY, is_open)
    return day


def earlier(day: date, open_days: int, is_open: IsOpen = is_target_day) -> date:
    """So many open days before a day, itself not counted."""
    for _ in range(open_days):
        day -= _DAY
        while not is_open(day):
            day -= _DAY
    return day


def file_day(at: datetime, terms: FileTerms, is_open: IsOpen = is_target_day) -> date:
    """The bank day for which a file that leaves now is taken."""
    local = at.astimezone(zone(terms.time_zone))
    day = local_date(at, terms.time_zone)
    if is_open(day) and local.time() >= terms.cut_off:
        day += _DAY
    return on_or_after(day, is_open)


def earliest_collection(at: datetime, terms: FileTerms, is_open: IsOpen = is_target_day) -> date:
    """The first day on which a debit can be due whose file leaves now."""
    return later(file_day(at, terms, is_open), terms.lead_days, is_open)


def collection_day(
    *,
    at: datetime,
    notice_days: int,
    terms: FileTerms,
    is_open: IsOpen = is_target_day,
) -> date:
    """When a debit falls due that is announced now: not before the notice has run out.

    Args:
        notice_days: Calendar days between the pre-notification and the due day.
    """
    noticed = on_or_after(local_date(at, terms.time_zone) + notice_days * _DAY, is_open)
    return max(noticed, earliest_collection(at, terms, is_open))


def leaves_by_now(
    *, collect_on: date, at: datetime, terms: FileTerms, is_open: IsOpen = is_target_day
) -> bool:
    """Whether the file of a debit has to leave: on its last day but one for safety's sake.

    A file that stays here can still be stopped: the mandate may be withdrawn, the invoice paid
    another way. One bank day is kept in hand for a bank that does not answer.
    """
    last = earlier(collect_on, terms.lead_days + 1, is_open)
    return local_date(at, terms.time_zone) >= last

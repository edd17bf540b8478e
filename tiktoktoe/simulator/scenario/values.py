"""Single values as people write them: days and instants, amounts, intervals, yes and no."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from tiktoktoe.kernel.errors import InvalidInput
from tiktoktoe.kernel.money import minor_unit
from tiktoktoe.kernel.periods import Interval, IntervalUnit, local_midnight, zone
from tiktoktoe.simulator.errors import Place, ScenarioInvalid
from tiktoktoe.simulator.scenario.nodes import Text

DATE_FORMS = "2026-01-31, 2026-01-31T12:00, 2026-01-31 12:00:00 or 2026-01-31T12:00:00+01:00"
YEARS = range(1900, 2200)
DIGITS_MAX, PLACES_MAX = 15, 20
INTERVAL_MONTHS_MAX, INTERVAL_DAYS_MAX = 1200, 36_500
YES = frozenset({"true", "yes", "on"})
NO = frozenset({"false", "no", "off"})
_DAY = re.compile(r"\d{4}-\d{1,2}-\d{1,2}")
_HOUR_ONLY_ZONE = re.compile(r"([+-]\d{2})$")
_COUNTED = re.compile(r"(\d+)[\s_-]*([a-z_ -]+?)s?")
_UNITS = {
    "day": IntervalUnit.DAY,
    "daily": IntervalUnit.DAY,
    "week": IntervalUnit.WEEK,
    "weekly": IntervalUnit.WEEK,
    "month": IntervalUnit.MONTH,
    "monthly": IntervalUnit.MONTH,
    "quarter": IntervalUnit.QUARTER,
    "quarterly": IntervalUnit.QUARTER,
    "half_year": IntervalUnit.HALF_YEAR,
    "half_yearly": IntervalUnit.HALF_YEAR,
    "semiannual": IntervalUnit.HALF_YEAR,
    "semi_annual": IntervalUnit.HALF_YEAR,
    "semiannually": IntervalUnit.HALF_YEAR,
    "biannual": IntervalUnit.HALF_YEAR,
    "year": IntervalUnit.YEAR,
    "yearly": IntervalUnit.YEAR,
    "annual": IntervalUnit.YEAR,
    "annually": IntervalUnit.YEAR,
}
_NAMED = {
    "biweekly": Interval(IntervalUnit.WEEK, 2),
    "bimonthly": Interval(IntervalUnit.MONTH, 2),
    "biennial": Interval(IntervalUnit.YEAR, 2),
    "triennial": Interval(IntervalUnit.YEAR, 3),
    "thirty_days": Interval(IntervalUnit.DAY, 30),
}


class Zone(str):
    """A time zone's name; empty where nothing is said."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class When:
    """A day, or an instant; without a zone it is meant where the customer is."""

    place: Place
    day: date | None
    instant: datetime | None

    def at(self, time_zone: str) -> datetime:
        """The instant: of a day, its first midnight there."""
        if self.instant is None:
            assert self.day is not None
            return local_midnight(self.day, time_zone)
        if self.instant.tzinfo is None:
            return self.instant.replace(tzinfo=ZoneInfo(time_zone)).astimezone(UTC)
        return self.instant.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount as it is written: in whole units of the currency, or (`…_cents`) in minor ones."""

    place: Place
    number: Decimal
    is_minor: bool

    def exact(self, currency: str) -> Decimal:
        """In the currency's units, with all decimals that are written."""
        return self.number.scaleb(-minor_unit(currency)) if self.is_minor else self.number

    def payable(self, currency: str) -> Decimal:
        """In the currency's units, as somebody can pay it.

        Raises:
            ScenarioInvalid: If it has more decimals than the currency.
        """
        amount = self.exact(currency)
        decimals = minor_unit(currency)
        if amount != amount.quantize(Decimal(1).scaleb(-decimals)):
            raise ScenarioInvalid(
                f"{self.number} has too many decimals to be paid in {currency}",
                self.place,
                allowed=f"at most {decimals}",
            )
        return amount


def read_text(text: Text) -> str:
    """Words as they are written; PostgreSQL keeps no NUL character."""
    if "\x00" in text.value:
        raise ScenarioInvalid("has a NUL character", text.place)
    return text.value


def read_when(text: Text) -> When:
    """A day or an instant."""
    written = text.value.strip()
    try:
        when = _when(text.place, written)
    except ValueError as problem:
        reason = str(problem) if _DAY.match(written) else "is no date"
        raise ScenarioInvalid(f"{written!r}: {reason}", text.place, allowed=DATE_FORMS) from None
    year = (when.day or when.instant or date.min).year
    if year not in YEARS:
        raise ScenarioInvalid(f"{written!r}: no year to bill in", text.place, allowed=DATE_FORMS)
    return when


def _when(place: Place, written: str) -> When:
    if _DAY.fullmatch(written):
        year, month, day = (int(part) for part in written.split("-"))
        return When(place, date(year, month, day), None)
    return When(place, None, datetime.fromisoformat(_HOUR_ONLY_ZONE.sub(r"\1:00", written)))


def read_zone(text: Text) -> Zone:
    """A time zone that there is."""
    try:
        return Zone(zone(text.value.strip()).key)
    except InvalidInput as problem:
        raise ScenarioInvalid(problem.message, text.place, allowed=problem.remedy) from None


def read_day(text: Text) -> date:
    """A day on a calendar."""
    when = read_when(text)
    if when.day is None:
        raise ScenarioInvalid(f"{text.value!r} is no day", text.place, allowed="2026-01-31")
    return when.day


def read_number(text: Text) -> Decimal:
    """A decimal number, never through a binary one."""
    try:
        number = Decimal(text.value.strip().replace("_", ""))
    except InvalidOperation:
        raise ScenarioInvalid(f"{text.value!r} is no number", text.place, allowed="59.00") from None
    if not number.is_finite():
        raise ScenarioInvalid(f"{text.value!r} is not finite", text.place)
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    if number.adjusted() >= DIGITS_MAX or exponent < -PLACES_MAX:
        raise ScenarioInvalid(
            f"{text.value!r} has too many digits",
            text.place,
            allowed=f"{DIGITS_MAX} before the point, {PLACES_MAX} after it",
        )
    return number


def read_percentage(text: Text) -> Decimal:
    """A percentage; a sign behind it is allowed."""
    return read_number(Text(text.place, text.value.strip().removesuffix("%")))


def read_whole(text: Text) -> int:
    """A whole number."""
    number = read_number(text)
    if number != number.to_integral_value():
        raise ScenarioInvalid(f"{text.value!r} is not whole", text.place, allowed="1, 2, 3, …")
    return int(number)


def read_flag(text: Text) -> bool:
    """Yes or no."""
    word = text.value.strip().lower()
    if word in YES:
        return True
    if word in NO:
        return False
    raise ScenarioInvalid(
        f"{text.value!r} is neither yes nor no", text.place, allowed="true, false"
    )


def read_interval(text: Text) -> Interval:
    """How long a billing period is: monthly, 2 years, quarter, 30 days, biennial."""
    word = text.value.strip().lower().replace("-", "_").replace(" ", "_")
    if word in _NAMED:
        return _NAMED[word]
    if word in _UNITS:
        return Interval(_UNITS[word])
    counted = _COUNTED.fullmatch(text.value.strip().lower())
    unit = _UNITS.get(counted[2].strip().replace(" ", "_").replace("-", "_")) if counted else None
    if counted is None or unit is None or int(counted[1]) < 1:
        raise ScenarioInvalid(
            f"{text.value!r} is no interval",
            text.place,
            allowed="day, week, month, quarter, half_year, year, or a number of them: 2 years",
        )
    interval = Interval(unit, int(counted[1][:9]))
    if interval.months > INTERVAL_MONTHS_MAX or interval.days > INTERVAL_DAYS_MAX:
        raise ScenarioInvalid(f"{text.value!r} is too long", text.place, allowed="a hundred years")
    return interval

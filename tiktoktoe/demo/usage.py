"""How much the demo company's customers use: growth, weekdays, seasons, and chance."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import cos, pi
from random import Random

from subscriptions.domain.events import EventBody

BY_WEEKDAY = (1.05, 1.12, 1.15, 1.1, 1.0, 0.45, 0.4)
SEASON_DEPTH = 0.12
QUIET_FROM, QUIET_UNTIL = (12, 22), (1, 3)


@dataclass
class Habit:
    """A customer's appetite: tokens a day at first, how it grows, and what it stores."""

    customer: str
    tokens_a_day: float
    growth_a_month: float
    since: date
    storage_gb: float = 0.0

    def events(self, day: date, dice: Random) -> list[EventBody]:
        """What this customer used on a day."""
        months = (day - self.since).days / 30.4
        level = self.tokens_a_day * (1 + self.growth_a_month) ** months
        tokens = int(level * season(day) * dice.lognormvariate(0, 0.25))
        made = [self._event("tokens", day, Decimal(tokens), 12)] if tokens else []
        if self.storage_gb and day.weekday() == 0:
            stored = Decimal(str(round(self.storage_gb * (1 + 0.04 * months), 2)))
            made.append(self._event("storage", day, stored, 3))
        return made

    def _event(self, meter: str, day: date, quantity: Decimal, hour: int) -> EventBody:
        return EventBody(
            event_id=f"{self.customer}-{meter}-{day.isoformat()}",
            customer=self.customer,
            meter=meter,
            occurred_at=datetime.combine(day, time(hour), UTC),
            quantity=quantity,
        )


def season(day: date) -> float:
    """The weekday's and the season's share: busy in spring and autumn, quiet at the new year."""
    yearly = 1 - SEASON_DEPTH * cos(4 * pi * (day.timetuple().tm_yday - 90) / 365)
    is_holiday = (day.month, day.day) >= QUIET_FROM or (day.month, day.day) <= QUIET_UNTIL
    return BY_WEEKDAY[day.weekday()] * yearly * (0.5 if is_holiday else 1)


def days(first: date, last: date) -> list[date]:
    """The days from the first to the last."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]

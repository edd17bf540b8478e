"""The rules of proration as a value: which engines disagree on, and what we chose.

Engines disagree on the unit, on whom the day of a change belongs to, and on what a credit is
counted from. Each is a field of `ProrationPolicy`; the presets reproduce the engines that
people come from. Source: docs/money.md, with a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ProrationUnit(StrEnum):
    """What time is counted in."""

    DAY = "day"  # local days of the customer; a started one counts
    SECOND = "second"


class DayGoesTo(StrEnum):
    """Whom a day belongs to on which something changes."""

    EARLIER = "earlier"  # the old plan; on cancellation, the day is billed
    LATER = "later"  # the new plan; on cancellation, the day is free


class CreditBase(StrEnum):
    """What unused time is credited from."""

    BILLED_AMOUNT = "billed_amount"  # what the line charged, over that line's own time
    CURRENT_PRICE = "current_price"  # the price, over the whole period


@dataclass(frozen=True, slots=True, kw_only=True)
class ProrationPolicy:
    """How time becomes money; `share_places` rounds the share of a period first, if set."""

    name: str
    unit: ProrationUnit
    change_day: DayGoesTo
    cancel_day: DayGoesTo
    credit_base: CreditBase
    share_places: int | None = None

    def to_json(self) -> dict[str, str | int | None]:
        """As it is stored with what it was applied to."""
        return {
            "name": self.name,
            "unit": str(self.unit),
            "change_day": str(self.change_day),
            "cancel_day": str(self.cancel_day),
            "credit_base": str(self.credit_base),
            "share_places": self.share_places,
        }


OWN = ProrationPolicy(
    name="own",
    unit=ProrationUnit.DAY,
    change_day=DayGoesTo.LATER,
    cancel_day=DayGoesTo.EARLIER,
    credit_base=CreditBase.BILLED_AMOUNT,
)
LAGO = ProrationPolicy(
    name="lago",
    unit=ProrationUnit.DAY,
    change_day=DayGoesTo.LATER,
    cancel_day=DayGoesTo.EARLIER,
    credit_base=CreditBase.CURRENT_PRICE,
)
KILLBILL = ProrationPolicy(
    name="killbill",
    unit=ProrationUnit.DAY,
    change_day=DayGoesTo.LATER,
    cancel_day=DayGoesTo.LATER,
    credit_base=CreditBase.BILLED_AMOUNT,
    share_places=9,
)
STRIPE = ProrationPolicy(
    name="stripe",
    unit=ProrationUnit.SECOND,
    change_day=DayGoesTo.LATER,
    cancel_day=DayGoesTo.LATER,
    credit_base=CreditBase.CURRENT_PRICE,
)
POLICIES: Mapping[str, ProrationPolicy] = {
    policy.name: policy for policy in (OWN, LAGO, KILLBILL, STRIPE)
}

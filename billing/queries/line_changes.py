"""What makes an invoice another one than that of the period before, line by line, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from tiktoktoe.kernel.money import Money, total

LineKey = tuple[int | None, str, str]  # what a line is for: subscription, kind and price


class SeenLine(Protocol):
    """What is looked at of a line, whether it is written or to be; amounts before tax."""

    @property
    def description(self) -> str: ...
    @property
    def amount(self) -> Money: ...
    @property
    def discount(self) -> Money: ...
    @property
    def quantity(self) -> Decimal: ...
    @property
    def price_id(self) -> int | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LineChange:
    """What a line came to before and comes to now, and why it differs."""

    description: str
    before: Money
    after: Money
    why: str

    @property
    def difference(self) -> Money:
        """By how much."""
        change: Money = self.after - self.before
        return change


def changes_between(
    before: Mapping[LineKey, Sequence[SeenLine]],
    after: Mapping[LineKey, Sequence[SeenLine]],
    currency: str,
) -> list[LineChange]:
    """What differs between the lines of two invoices, the most first."""
    changes = []
    for key in dict.fromkeys([*after, *before]):
        was, now_is = before.get(key, ()), after.get(key, ())
        amounts = [total((x.amount for x in rows), currency) for rows in (was, now_is)]
        if amounts[0] == amounts[1] and bool(was) == bool(now_is):
            continue
        changes.append(
            LineChange(
                description=(now_is or was)[0].description,
                before=amounts[0],
                after=amounts[1],
                why=_why(was, now_is),
            )
        )
    return sorted(changes, key=lambda change: -abs(change.difference.amount))


def _why(before: Sequence[SeenLine], after: Sequence[SeenLine]) -> str:
    """In words, the first of what makes an amount another one."""
    if not before:
        return "new"
    if not after:
        return "not any more"
    quantities = [sum((x.quantity for x in rows), Decimal(0)) for rows in (before, after)]
    reasons = []
    if quantities[0] != quantities[1]:
        reasons.append(f"quantity {quantities[0].normalize():f} → {quantities[1].normalize():f}")
    prices = [{x.price_id for x in rows} for rows in (before, after)]
    if prices[0] != prices[1]:
        reasons.append("other prices")
    discounts = [sum((x.discount.amount for x in rows), Decimal(0)) for rows in (before, after)]
    if discounts[0] != discounts[1]:
        reasons.append("other coupons")
    if len(before) != len(after) or not reasons:
        reasons.append("another part of the period")
    return ", ".join(reasons)

"""How much of an invoice a customer may pay at once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from billing.errors import PartInvalid
from tiktoktoe.kernel.money import Money, from_minor, minor_unit, quantize

# What gateways charge at least. Source: docs.stripe.com/currencies, "Minimum and maximum charge
# amounts"; of other currencies the least is their minor unit.
LEAST: Mapping[str, Decimal] = {
    "USD": Decimal("0.50"),
    "EUR": Decimal("0.50"),
    "GBP": Decimal("0.30"),
    "CHF": Decimal("0.50"),
    "CAD": Decimal("0.50"),
    "AUD": Decimal("0.50"),
    "JPY": Decimal(50),
}
_AMOUNT = re.compile(r"[0-9]{1,12}([.,][0-9]{1,4})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a customer pays at once, of what was due when it chose that.

    Who sends the same again, when the first has arrived, must not pay twice: more or less is due
    by then.
    """

    amount: Money
    of: Money


def part_of(due: Money, typed: str, *, shown: str) -> Part | None:
    """The part that somebody typed, or None for all that is due.

    A part, and what it leaves, must be as much as can be charged at all.

    Args:
        shown: What was due, as the page said it.

    Raises:
        PartInvalid: If it is no amount of the currency, too little, too much, or leaves too
            little; or if something else is due by now.
    """
    if not typed.strip():
        return None
    part = _read(due, typed.strip())
    if part == due:
        return None
    least, code = least_part(due), due.currency.code
    if part > due:
        raise _refusal(f"{as_typed(part)} {code} is more than is due", f"at most {as_typed(due)}")
    if part < least:
        raise _refusal(f"{as_typed(part)} {code} is too little", f"at least {as_typed(least)}")
    if due - part < least:
        raise _refusal(
            f"it leaves {as_typed(due - part)} {code}, which is too little to be charged",
            f"pay all, or leave {as_typed(least)} at least",
        )
    if shown != as_typed(due):
        raise _refusal("what is due has changed meanwhile", f"{as_typed(due)} {code} are due now")
    return Part(amount=part, of=due)


def least_part(due: Money) -> Money:
    """The least that can be paid of what is due: all, where that is less still."""
    code = due.currency.code
    least = Money(LEAST[code], code) if code in LEAST else from_minor(1, code)
    return min(least, due)


def as_typed(amount: Money) -> str:
    """An amount as it is typed: with the currency's decimals, without grouping."""
    return str(quantize(amount).amount)


def _read(due: Money, typed: str) -> Money:
    if not _AMOUNT.fullmatch(typed):
        raise _refusal("that is no amount", f"type it like {as_typed(due)}")
    amount = Decimal(typed.replace(",", "."))
    places = minor_unit(due.currency)
    if amount != quantize(Money(amount, due.currency)).amount:
        raise _refusal(
            f"{due.currency.code} has {places} decimals", f"type it like {as_typed(due)}"
        )
    return quantize(Money(amount, due.currency))


def _refusal(message: str, remedy: str) -> PartInvalid:
    return PartInvalid(message, field="amount", remedy=remedy)

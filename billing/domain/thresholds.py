"""Which levels of spending usage has reached."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from tiktoktoe.kernel.money import Money

STEPS_MAX = 1000  # of a repeating threshold at once; more is a threshold that was set too low


@dataclass(frozen=True, slots=True)
class Threshold:
    """An amount of usage in a period; a repeating one goes on above the largest that is not."""

    amount: Decimal
    is_repeating: bool = False


def levels_reached(
    thresholds: Iterable[Threshold], usage: Decimal, *, before: Decimal = Decimal(0)
) -> list[Decimal]:
    """The levels that usage has reached, from the lowest; a level is reached by its very amount.

    With 100, 200 and every 50, the levels are 100, 200, 250, 300 and so on. Those that usage
    `before` had reached already are left out.
    """
    known = list(thresholds)
    fixed = sorted(t.amount for t in known if not t.is_repeating)
    reached = [amount for amount in fixed if before < amount <= usage]
    step = next((t.amount for t in known if t.is_repeating), None)
    if step is None:
        return reached
    base = fixed[-1] if fixed else Decimal(0)
    first = int((before - base) // step) + 1 if before > base else 1
    last = int((usage - base) // step) if usage > base else 0
    last = min(last, first + STEPS_MAX - 1)
    return [*reached, *(base + step * number for number in range(first, last + 1))]


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledEarly:
    """What an invoice charged for usage of a period that is not over, and still stands.

    The amount is as its prices say it: with tax where they include it.
    """

    invoice_id: str
    number: str
    amount: Money
    includes_tax: bool = False


def shares_of(early: Iterable[BilledEarly], limit: Money) -> list[tuple[BilledEarly, Money]]:
    """What each early invoice takes off a later one, the oldest first; never more than a limit."""
    left, shares = limit, []
    for billed in early:
        share = min(billed.amount, left)
        if share.amount > 0:
            shares.append((billed, share))
            left -= share
    return shares

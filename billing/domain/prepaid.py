"""Prepaid credits that are limited to plans or meters: which of an invoice's lines they pay.

They go before those that pay for anything, so that what can be used for little is used first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

KEPT_AT_LEAST = timedelta(days=30)


def expires_after_return(expires_at: datetime | None, at: datetime) -> datetime | None:
    """When prepaid credits expire that an invoice gives back: as they would, but not too soon."""
    return None if expires_at is None else max(expires_at, at + KEPT_AT_LEAST)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """A line of an invoice with its tax, and what a wallet may be limited by."""

    gross: Decimal
    plan: str = ""
    meter: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitedLot:
    """A lot and what is left of it; with plans and meters both, it pays for what is of both."""

    key: UUID
    held: Decimal
    plans: frozenset[str] = frozenset()
    meters: frozenset[str] = frozenset()

    def covers(self, charge: Charge) -> bool:
        """Whether it may pay for a line."""
        is_plan = not self.plans or charge.plan in self.plans
        return is_plan and (not self.meters or charge.meter in self.meters)


def cover(
    lots: Sequence[LimitedLot], charges: Sequence[Charge], due: Decimal
) -> list[tuple[UUID, Decimal]]:
    """What each lot pays, in their order: never more than the lines that it is for come to and
    earlier ones left of them, nor than what is due."""
    left = [charge.gross for charge in charges]
    paid: list[tuple[UUID, Decimal]] = []
    for lot in lots:
        mine = [place for place, charge in enumerate(charges) if lot.covers(charge)]
        amount = min(lot.held, due, sum((left[place] for place in mine), Decimal(0)))
        if amount <= 0:
            continue
        paid.append((lot.key, amount))
        due -= amount
        rest = amount
        for place in mine:
            part = min(max(left[place], Decimal(0)), rest)
            left[place] -= part
            rest -= part
    return paid

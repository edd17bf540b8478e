"""Monthly recurring revenue: what a subscription is worth a month, and how that moved.

Definitions as in docs/money.md. Usage, one-off charges and taxes are not MRR. Every rule
here belongs to `DEFINITION_VERSION`, which is stored with what was counted by it.
"""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Generic, TypeVar

from analytics.errors import MovementsDisagree
from tiktoktoe.kernel.money import Money, quantize_amount, zero
from tiktoktoe.kernel.periods import Interval, IntervalUnit
from tiktoktoe.kernel.rates import Exact, ratio

DEFINITION_VERSION = 1

_MONTHS_OF = {
    IntervalUnit.DAY: Fraction(12, 365),
    IntervalUnit.WEEK: Fraction(12, 52),
    IntervalUnit.MONTH: Fraction(1),
    IntervalUnit.QUARTER: Fraction(3),
    IntervalUnit.HALF_YEAR: Fraction(6),
    IntervalUnit.YEAR: Fraction(12),
}

Key = TypeVar("Key", bound=Hashable)


class MovementKind(StrEnum):
    """How a customer's MRR changed."""

    NEW = "new"  # the first time above zero
    EXPANSION = "expansion"
    CONTRACTION = "contraction"
    CHURN = "churn"  # to zero
    REACTIVATION = "reactivation"  # above zero again
    NONE = "none"


def monthly(price: Money, interval: Interval, quantity: Exact = 1) -> Money:
    """What a recurring price is worth a month, rounded once to a payable amount.

    A day counts 365/12 times a month and a week 52/12 times, not 30 and 4 times.
    """
    return quantize_amount(monthly_exact(price.amount, interval, quantity), price.currency)


def monthly_exact(price: Decimal, interval: Interval, quantity: Exact = 1) -> Fraction:
    """The same, exactly; add these up before rounding when a plan has several prices."""
    months = _MONTHS_OF[interval.unit] * interval.count
    return Fraction(price) * Fraction(quantity) / months


def movement_kind(*, before: Money, after: Money, was_ever_paying: bool) -> MovementKind:
    """What a change of one customer's MRR is called.

    Args:
        before: The customer's whole MRR before, over all subscriptions.
        after: And after.
        was_ever_paying: Whether it was above zero at any time before.
    """
    nothing = zero(before.currency)
    if before == after:
        return MovementKind.NONE
    if before == nothing:
        return MovementKind.REACTIVATION if was_ever_paying else MovementKind.NEW
    if after == nothing:
        return MovementKind.CHURN
    return MovementKind.EXPANSION if after > before else MovementKind.CONTRACTION


@dataclass(frozen=True, slots=True)
class Movement(Generic[Key]):
    """A change of one customer's MRR; `amount` is signed."""

    customer: Key
    kind: MovementKind
    amount: Money


def movements(
    opening: Mapping[Key, Money],
    closing: Mapping[Key, Money],
    *,
    ever_paying: frozenset[Key] | set[Key],
) -> tuple[Movement[Key], ...]:
    """What changed between two maps of customers to their MRR, in one currency.

    Args:
        opening: Each customer's MRR before; one that is missing has none.
        closing: And after.
        ever_paying: The customers whose MRR was above zero at any time before `closing`.
    """
    result = []
    for customer in {**opening, **closing}:
        before, after = opening.get(customer), closing.get(customer)
        known = before if before is not None else after
        assert known is not None
        nothing = zero(known.currency)
        before, after = before or nothing, after or nothing
        kind = movement_kind(before=before, after=after, was_ever_paying=customer in ever_paying)
        if kind != MovementKind.NONE:
            result.append(Movement(customer, kind, after - before))
    return tuple(result)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """From opening to closing MRR; contraction and churn are negative.

    Raises:
        MovementsDisagree: If it does not add up, to the cent.
    """

    opening: Money
    new: Money
    expansion: Money
    contraction: Money
    churn: Money
    reactivation: Money
    closing: Money

    def __post_init__(self) -> None:
        moved = self.new + self.expansion + self.contraction + self.churn + self.reactivation
        if self.opening + moved != self.closing:
            raise MovementsDisagree(f"{self.opening} and {moved} is not {self.closing}")


def bridge(*, opening: Money, closing: Money, by_kind: Mapping[MovementKind, Money]) -> Bridge:
    """The bridge that sums of movements by kind make; a kind that is missing is zero."""
    nothing = zero(opening.currency)
    return Bridge(
        opening=opening,
        new=by_kind.get(MovementKind.NEW, nothing),
        expansion=by_kind.get(MovementKind.EXPANSION, nothing),
        contraction=by_kind.get(MovementKind.CONTRACTION, nothing),
        churn=by_kind.get(MovementKind.CHURN, nothing),
        reactivation=by_kind.get(MovementKind.REACTIVATION, nothing),
        closing=closing,
    )


def annual(mrr: Money) -> Money:
    """ARR: twelve times MRR."""
    return mrr * 12


def average_per_customer(mrr: Money, customer_count: int) -> Money | None:
    """ARPA, rounded; None without customers."""
    share = ratio(mrr.amount, customer_count)
    return quantize_amount(share, mrr.currency) if share is not None else None


def gross_churn_rate(of: Bridge) -> Fraction | None:
    """The share of opening MRR lost to churn and contraction; None of no MRR."""
    return ratio(-(of.churn + of.contraction).amount, of.opening.amount)


def net_churn_rate(of: Bridge) -> Fraction | None:
    """The same less what expansion and reactivation won back; negative if they won more."""
    lost = of.churn + of.contraction + of.expansion + of.reactivation
    return ratio(-lost.amount, of.opening.amount)


def quick_ratio(of: Bridge) -> Fraction | None:
    """MRR won (new, expansion, reactivation) for each unit lost; None if nothing was lost."""
    won = of.new + of.expansion + of.reactivation
    return ratio(won.amount, -(of.contraction + of.churn).amount)


def gross_retention(opening: Mapping[Key, Money], closing: Mapping[Key, Money]) -> Fraction | None:
    """GRR: what is left of the opening customers' MRR, growth not counted; at most 1."""
    kept = sum(
        min(Fraction(mrr.amount), _mrr_of(closing, customer)) for customer, mrr in opening.items()
    )
    return ratio(Fraction(kept), sum(Fraction(mrr.amount) for mrr in opening.values()))


def net_retention(opening: Mapping[Key, Money], closing: Mapping[Key, Money]) -> Fraction | None:
    """NRR: the MRR today of those who had some at the opening, over what they had then."""
    now = sum(_mrr_of(closing, customer) for customer, mrr in opening.items() if mrr)
    return ratio(Fraction(now), sum(Fraction(mrr.amount) for mrr in opening.values()))


def _mrr_of(mrr: Mapping[Key, Money], customer: Key) -> Fraction:
    return Fraction(mrr[customer].amount) if customer in mrr else Fraction(0)

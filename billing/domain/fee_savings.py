"""What routing saves in fees against charging every payment to a card at one gateway.

Both sides are what the fee rules of the day say. A payment that goes to a card elsewhere saves
by its gateway; one that is no card's saves by its method, wherever that is charged.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from billing.domain.fees import FeeRule, expected_fee
from tiktoktoe.kernel.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """A payment, and how it was routed.

    Attributes:
        could_choose: Whether more than one candidate could be charged.
    """

    amount: Money
    gateway: str
    kind: str
    is_cross_border: bool
    on: date
    could_choose: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Savings:
    """Of payments in one currency: what they cost, and would have, and what made the difference."""

    payments: int = 0
    could_choose: int = 0
    volume: Fraction = Fraction(0)
    always_fee: Fraction = Fraction(0)
    routed_fee: Fraction = Fraction(0)
    by_gateway: Fraction = Fraction(0)
    by_method: Fraction = Fraction(0)

    @property
    def saved(self) -> Fraction:
        """What was saved; less than nothing if routing costs more."""
        return self.always_fee - self.routed_fee

    @property
    def share(self) -> Fraction:
        """Of the fees that would have been paid."""
        return self.saved / self.always_fee if self.always_fee else Fraction(0)


def savings_of(
    payments: Iterable[Routed], *, first: str, rules: Sequence[FeeRule]
) -> dict[str, Savings]:
    """What was saved by currency, against always a card at the gateway named first.

    A payment that no rule fits on either side is left out: nothing can be said of it.
    """
    found: dict[str, Savings] = {}
    for payment in payments:
        always = _fee(payment, first, "card", rules)
        routed = _fee(payment, payment.gateway, payment.kind, rules)
        if always is None or routed is None:
            continue
        code = payment.amount.currency.code
        found[code] = _with(found.get(code, Savings()), payment, always, routed)
    return found


def _with(so_far: Savings, payment: Routed, always: Fraction, routed: Fraction) -> Savings:
    saved = always - routed
    is_card = payment.kind == "card"
    return Savings(
        payments=so_far.payments + 1,
        could_choose=so_far.could_choose + payment.could_choose,
        volume=so_far.volume + Fraction(payment.amount.amount),
        always_fee=so_far.always_fee + always,
        routed_fee=so_far.routed_fee + routed,
        by_gateway=so_far.by_gateway + (saved if is_card else 0),
        by_method=so_far.by_method + (0 if is_card else saved),
    )


def _fee(payment: Routed, gateway: str, kind: str, rules: Sequence[FeeRule]) -> Fraction | None:
    expected = expected_fee(
        payment.amount,
        rules=rules,
        gateway=gateway,
        kind=kind,
        is_cross_border=payment.is_cross_border,
        on=payment.on,
    )
    return None if expected is None else Fraction(expected.amount.amount)

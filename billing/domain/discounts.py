"""Coupons on the lines of an invoice: who comes first, how much, and each line's share.

Source: Lago's public test `coupons_breakdown_spec` (golden LAGO-COUPON-53): coupons limited to
meters first, then those limited to plans, then the others, each kind the oldest first; each is
spread over what earlier ones left of the lines, in proportion, exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from billing.domain.derivation import DerivationStep
from tiktoktoe.kernel.money import Money, minor_unit, quantize_amount, round_to_total, total
from tiktoktoe.kernel.rates import exact_text, percent


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscountableLine:
    """A line's payable amount, and what a coupon may be limited by."""

    amount: Money
    plan: str = ""
    meter: str = ""
    price: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponTerms:
    """A redeemed coupon: an amount or a percentage, and what it is limited to.

    `key` says whose it is; `since` is when it was redeemed; `at_most` what is left of its cap.
    """

    key: int
    name: str
    since: datetime
    amount: Money | None = None
    percentage: Decimal | None = None
    at_most: Money | None = None
    meters: frozenset[str] = frozenset()
    plans: frozenset[str] = frozenset()
    prices: frozenset[str] = frozenset()

    @property
    def order(self) -> tuple[int, datetime, int]:
        """Its place in the row: the more it is limited the earlier, then the older.

        One limited to prices comes with those limited to meters: both name charges.
        """
        rank = 0 if self.meters or self.prices else 1 if self.plans else 2
        return rank, self.since, self.key

    def covers(self, line: DiscountableLine) -> bool:
        """Whether it may take something off a line; never off a credit."""
        return (
            line.amount.amount > 0
            and (not self.meters or line.meter in self.meters)
            and (not self.plans or line.plan in self.plans)
            and (not self.prices or line.price in self.prices)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LineDiscount:
    """What is taken off a line: by each coupon, exactly, rounded without loss over the invoice,
    and why."""

    shares: tuple[Fraction, ...]
    exact: Fraction
    rounded: Money
    steps: tuple[DerivationStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Discounted:
    """The discounts of an invoice's lines in their order, and what each coupon took."""

    lines: tuple[LineDiscount, ...]
    taken: tuple[tuple[int, Money], ...]

    @property
    def total(self) -> Money:
        """What is taken off in all."""
        return total((amount for _, amount in self.taken), self.lines[0].rounded.currency)


def discount(
    lines: Sequence[DiscountableLine], coupons: Sequence[CouponTerms], currency: str
) -> Discounted:
    """Take coupons off an invoice's lines; one coupon's amount is payable, its shares exact."""
    left = [Fraction(line.amount.amount) for line in lines]
    steps: list[list[DerivationStep]] = [[] for _ in lines]
    shares: list[list[Fraction]] = [[] for _ in lines]
    taken = []
    for coupon in sorted(coupons, key=lambda coupon: coupon.order):
        covered = [i for i, line in enumerate(lines) if coupon.covers(line) and left[i] > 0]
        base = sum((left[i] for i in covered), Fraction(0))
        # Credits among the lines count: no coupon makes an invoice of less than nothing.
        most = _payable_within(min(base, max(sum(left, Fraction(0)), Fraction(0))), currency)
        amount = min(_worth(coupon, base, currency), most)
        if not amount.amount:
            continue
        taken.append((coupon.key, amount))
        for i in covered:
            share = Fraction(amount.amount) * left[i] / base
            steps[i].append(_step(coupon, amount, left[i], base, share))
            shares[i].append(share)
            left[i] -= share
    exact = [Fraction(line.amount.amount) - rest for line, rest in zip(lines, left, strict=True)]
    rounded = round_to_total(exact, total((amount for _, amount in taken), currency))
    return Discounted(
        lines=tuple(
            LineDiscount(shares=tuple(each), exact=off, rounded=money, steps=tuple(why))
            for each, off, money, why in zip(shares, exact, rounded, steps, strict=True)
        ),
        taken=tuple(taken),
    )


def _worth(coupon: CouponTerms, base: Fraction, currency: str) -> Money:
    """What it would take off in all."""
    if coupon.percentage is not None:
        worth = quantize_amount(base * percent(coupon.percentage), currency)
    else:
        assert coupon.amount is not None
        worth = coupon.amount
    return worth if coupon.at_most is None else min(worth, coupon.at_most)


def _payable_within(base: Fraction, currency: str) -> Money:
    """The whole number of cents in an exact amount: a part of one stays."""
    unit = Fraction(1, 10 ** minor_unit(currency))
    return quantize_amount(base // unit * unit, currency)


def _step(
    coupon: CouponTerms, amount: Money, left: Fraction, base: Fraction, share: Fraction
) -> DerivationStep:
    off = f"{exact_text(amount.amount)} × {_shown(left)} ÷ {_shown(base)}"
    return DerivationStep(label=f"coupon {coupon.name}", formula=off, amount=f"-{_shown(share)}")


def _shown(value: Fraction) -> str:
    """As a decimal where it ends, else as the fraction that it is."""
    scaled = value * 10**10
    if scaled.denominator == 1:
        return exact_text(Decimal(scaled.numerator).scaleb(-10))
    return exact_text(value)

"""What fees turn out to be, against what a rule says: measured, and put as a rule of its own.

Least squares of fee over amount, from sums alone, so that any number of payments costs one query:
slope = (n·Sxy − Sx·Sy) ÷ (n·Sxx − Sx²), intercept = (Sy − slope·Sx) ÷ n. Exact, one rounding.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from tiktoktoe.kernel.rates import basis_points, round_half_away

ENOUGH = 30
DRIFT_BPS = Fraction(5)
ERROR_BPS = Fraction(15)
_BPS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSums:
    """Payments that were alike: their number, and sums over amounts (x) and fees (y)."""

    count: int
    amounts: Decimal
    fees: Decimal
    expected: Decimal
    squares: Decimal  # of amounts
    products: Decimal  # of amount and fee
    fee_squares: Decimal

    @property
    def actual_bps(self) -> Decimal:
        """The fees as a share of the amounts."""
        return _bps(Fraction(self.fees) / Fraction(self.amounts))

    @property
    def expected_bps(self) -> Decimal:
        """The same of what was expected."""
        return _bps(Fraction(self.expected) / Fraction(self.amounts))

    @property
    def drift_bps(self) -> Decimal:
        """How much dearer they are than expected; below zero: cheaper."""
        return _bps(Fraction(self.fees - self.expected) / Fraction(self.amounts))


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredFee:
    """A share and a fixed fee that fit what was paid."""

    share_bps: Decimal
    fixed_amount: Decimal


def has_drifted(sums: FeeSums) -> bool:
    """Whether there are enough payments to say that the rule is wrong."""
    drift = Fraction(sums.fees - sums.expected) / Fraction(sums.amounts) * _BPS
    return sums.count >= ENOUGH and abs(drift) > DRIFT_BPS


def measure(sums: FeeSums, *, fixed_before: Decimal, places: int) -> MeasuredFee | None:
    """The share and fixed fee that fit; None if too few were seen, or no straight line fits.

    Args:
        fixed_before: Of the rule so far; it stays where all amounts were alike.
        places: Decimals of the currency.
    """
    if sums.count < ENOUGH:
        return None
    n, x, y = sums.count, Fraction(sums.amounts), Fraction(sums.fees)
    spread = n * Fraction(sums.squares) - x * x
    if spread:
        slope = (n * Fraction(sums.products) - x * y) / spread
    else:
        slope = (y - n * Fraction(fixed_before)) / x
    # Fees are booked in whole units, so the share is told to a tenth of a basis point.
    share_bps = round_half_away(slope * _BPS, 1)
    fixed = round_half_away((y - basis_points(share_bps) * x) / n, places)
    found = MeasuredFee(share_bps=share_bps, fixed_amount=fixed)
    return found if share_bps >= 0 and fixed >= 0 and _fits(found, sums) else None


def _fits(found: MeasuredFee, sums: FeeSums) -> bool:
    """Whether the fees stay, in the mean square, within 15 basis points of the mean amount."""
    slope, fixed, n = basis_points(found.share_bps), Fraction(found.fixed_amount), sums.count
    x, y = Fraction(sums.amounts), Fraction(sums.fees)
    squares = (
        Fraction(sums.fee_squares)
        - 2 * (slope * Fraction(sums.products) + fixed * y)
        + slope * slope * Fraction(sums.squares)
        + 2 * slope * fixed * x
        + n * fixed * fixed
    )
    return squares / n <= (ERROR_BPS / _BPS * x / n) ** 2


def _bps(share: Fraction) -> Decimal:
    return round_half_away(share * _BPS, 1)

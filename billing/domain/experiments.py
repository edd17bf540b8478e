"""Whether a trial's variant is really better: arms by payment, and a test of significance.

Source: the design's 2.6. An arm is a hundredth of the payments by a hash of their id, sticky
over retries; the z-test compares two shares; the guardrail stops a variant that does harm.
"""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from billing.domain.chance import arm_of

SURE = Fraction(196, 100)  # |z| beyond this comes by chance in one of twenty trials
GUARDRAIL = Fraction(3, 100)
ENOUGH = 100


class Verdict(StrEnum):
    """What may be said of a trial."""

    TOO_EARLY = "too_early"
    NO_DIFFERENCE = "no_difference"
    BETTER = "better"
    WORSE = "worse"
    HARMFUL = "harmful"  # worse by more than the guardrail: to be stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """What became of the payments of one arm."""

    tried: int
    paid: int

    @property
    def rate(self) -> Fraction:
        """The share that was paid; of nothing, nothing."""
        return Fraction(self.paid, self.tried) if self.tried else Fraction(0)


def is_variant(seed: str, share_percent: int) -> bool:
    """Whether a payment belongs to the variant; the same for all its retries."""
    return arm_of(seed, "trial") < share_percent


def judge_trial(control: Arm, variant: Arm) -> Verdict:
    """What the arms show, without a square root: z² is compared with its bound squared."""
    if min(control.tried, variant.tried) < ENOUGH:
        return Verdict.TOO_EARLY
    difference = variant.rate - control.rate
    pooled = Fraction(control.paid + variant.paid, control.tried + variant.tried)
    variance = pooled * (1 - pooled) * (Fraction(1, control.tried) + Fraction(1, variant.tried))
    is_sure = difference**2 > SURE**2 * variance
    if difference < -GUARDRAIL and is_sure:
        return Verdict.HARMFUL
    if not is_sure:
        return Verdict.NO_DIFFERENCE
    return Verdict.BETTER if difference > 0 else Verdict.WORSE

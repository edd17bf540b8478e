"""What charging a method at a gateway is expected to be worth, term by term.

    EV = p * (m*A - fees*fee - security*risk - speed*time) - (1 - p) * (fees*decline fee + decline)

with p the success rate less those who would leave at 3-D Secure, A the amount, m the margin
kept of it, and the payment's objective weights in front of what they weigh.

Source: the design's 2.6. Juspay's production formula is the same without the last terms.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from billing.domain.challenges import ASSUMED, UNKNOWN, ChallengeRecord, abandoned_share
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.rates import basis_points

_DAYS_A_YEAR = 365


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """How much fees, speed and security weigh; 1 is what they really cost."""

    fees: Decimal = Decimal(1)
    speed: Decimal = Decimal(1)
    security: Decimal = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Economics:
    """What money, time and a declined customer are worth to the business, in basis points."""

    margin_bps: Decimal = Decimal(10_000)  # of the amount, kept when it is paid
    capital_bps: Decimal = Decimal(800)  # a year, for money that is on its way
    decline_bps: Decimal = Decimal(50)  # of the amount: a decline costs a message, or a customer
    abandon_bps: Decimal = ASSUMED.share_bps  # of customers are taken to leave when asked


AT_COST = Objectives()
USUAL_ECONOMICS = Economics()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """What is expected of one candidate, before it is weighed."""

    success_rate: Decimal
    fee: Money
    decline_fee: Decimal = Decimal(0)
    dispute_bps: Decimal = Decimal(0)
    dispute_fee: Decimal = Decimal(0)
    return_bps: Decimal = Decimal(0)
    return_fee: Decimal = Decimal(0)
    settle_days: int = 0
    asks_to_confirm: bool = False  # 3-D Secure: some leave, but the issuer answers for fraud
    challenges: ChallengeRecord = UNKNOWN
    fee_rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The expected value of a candidate, and every term of it, in the payment's currency.

    `abandoned` is the share of customers that leaves when asked to confirm; the success rate is
    what is left of it.
    """

    success_rate: Fraction
    abandoned: Fraction
    value: Fraction
    fee: Fraction
    risk: Fraction
    time: Fraction
    decline_fee: Fraction
    decline_cost: Fraction
    expected_value: Fraction


def score(
    amount: Money,
    prospect: Prospect,
    *,
    objectives: Objectives = AT_COST,
    economics: Economics = USUAL_ECONOMICS,
) -> Score:
    """Weigh one candidate; exact, so that equal candidates score equally."""
    whole = Fraction(amount.amount)
    rate = Fraction(prospect.success_rate)
    abandoned = _abandoned(prospect, economics)
    rate *= 1 - abandoned
    value = whole * basis_points(economics.margin_bps)
    fee = Fraction(prospect.fee.amount) * Fraction(objectives.fees)
    risk = _risk(whole, value, prospect) * Fraction(objectives.security)
    held = whole * basis_points(economics.capital_bps) * prospect.settle_days / _DAYS_A_YEAR
    time = held * Fraction(objectives.speed)
    decline_fee = Fraction(prospect.decline_fee) * Fraction(objectives.fees)
    decline_cost = whole * basis_points(economics.decline_bps)
    return Score(
        success_rate=rate,
        abandoned=abandoned,
        value=value,
        fee=fee,
        risk=risk,
        time=time,
        decline_fee=decline_fee,
        decline_cost=decline_cost,
        expected_value=rate * (value - fee - risk - time)
        - (1 - rate) * (decline_fee + decline_cost),
    )


def _abandoned(prospect: Prospect, economics: Economics) -> Fraction:
    """Those who leave when asked to confirm, as measured; nobody where nobody is asked."""
    if not prospect.asks_to_confirm:
        return Fraction(0)
    return abandoned_share(prospect.challenges, assumed=basis_points(economics.abandon_bps))


def _risk(whole: Fraction, value: Fraction, prospect: Prospect) -> Fraction:
    """A dispute loses the amount and costs a fee; a returned debit was never collected.

    Confirmed by the customer, a fraudulent payment is the issuer's to bear.
    """
    disputes = basis_points(prospect.dispute_bps)
    liable = 0 if prospect.asks_to_confirm else 1
    disputed = disputes * (whole + Fraction(prospect.dispute_fee)) * liable
    returned = basis_points(prospect.return_bps) * (value + Fraction(prospect.return_fee))
    return disputed + returned

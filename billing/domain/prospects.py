"""What is expected of a method at a gateway: success, fee, risk and time, each from its source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from billing.domain.challenges import UNKNOWN, ChallengeRecord
from billing.domain.fees import FeeRule, expected_fee
from billing.domain.scoring import Prospect
from tiktoktoe.kernel.money import Money, quantize_amount
from tiktoktoe.kernel.rates import basis_points

# Where no fee rule fits, a gateway is taken to be dear, so that ignorance wins nothing.
ASSUMED_SHARE_BPS = Decimal(400)
ASSUMED_SETTLE_DAYS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class KindRisk:
    """How often payments of a kind are disputed, or returned by the bank; assumptions."""

    dispute_bps: Decimal = Decimal(0)
    return_bps: Decimal = Decimal(0)


RISKS: Mapping[str, KindRisk] = {
    "card": KindRisk(dispute_bps=Decimal(10)),
    "wallet": KindRisk(dispute_bps=Decimal(5)),
    "bank_debit": KindRisk(return_bps=Decimal(50)),
}


def prospect_of(
    amount: Money,
    *,
    gateway: str,
    kind: str,
    is_cross_border: bool,
    on: date,
    rules: Sequence[FeeRule],
    success_rate: Decimal,
    asks_to_confirm: bool = False,
    challenges: ChallengeRecord = UNKNOWN,
) -> Prospect:
    """What is expected by the fee rules valid on a day; `fee_rule` says by which."""
    risk = RISKS.get(kind, KindRisk())
    expected = expected_fee(
        amount, rules=rules, gateway=gateway, kind=kind, is_cross_border=is_cross_border, on=on
    )
    if expected is None:
        assumed = Fraction(amount.amount) * basis_points(ASSUMED_SHARE_BPS)
        return Prospect(
            success_rate=success_rate,
            fee=quantize_amount(assumed, amount.currency),
            dispute_bps=risk.dispute_bps,
            return_bps=risk.return_bps,
            settle_days=ASSUMED_SETTLE_DAYS,
            asks_to_confirm=asks_to_confirm,
            challenges=challenges,
            fee_rule="none fits: 4 % assumed",
        )
    rule = expected.rule
    return Prospect(
        success_rate=success_rate,
        fee=expected.amount,
        decline_fee=rule.decline_fee,
        dispute_bps=risk.dispute_bps,
        dispute_fee=rule.dispute_fee,
        return_bps=risk.return_bps,
        return_fee=rule.return_fee,
        settle_days=rule.settle_days,
        asks_to_confirm=asks_to_confirm,
        challenges=challenges,
        fee_rule=f"{rule.kind or 'any'} {rule.currency or 'any'} since {rule.valid_from}",
    )


def segment_of(*, kind: str, currency: str, is_cross_border: bool, is_on_session: bool) -> str:
    """Payments whose success is counted together."""
    place = "foreign" if is_cross_border else "domestic"
    return f"{kind}/{currency}/{place}/{'on' if is_on_session else 'off'}_session"

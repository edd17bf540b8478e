"""What a processor is expected to keep of a payment, from dated rules with their source."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from billing.domain.tax import EU_COUNTRIES
from tiktoktoe.kernel.money import Money, quantize_amount
from tiktoktoe.kernel.rates import basis_points

EEA_COUNTRIES = EU_COUNTRIES | {"IS", "LI", "NO"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeRule:
    """A share and a fixed fee, within bounds, for payments of a kind in a currency.

    And what it costs when a payment is declined, disputed or returned, and how many days the
    money is on its way. An empty `kind` fits every kind, an empty `currency` every currency;
    the rule that says more wins. Amounts are in the payment's currency.
    """

    gateway: str
    kind: str = ""
    currency: str = ""
    share_bps: Decimal = Decimal(0)
    fixed_amount: Decimal = Decimal(0)
    cross_border_bps: Decimal = Decimal(0)
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    decline_fee: Decimal = Decimal(0)
    dispute_fee: Decimal = Decimal(0)
    return_fee: Decimal = Decimal(0)
    settle_days: int = 0
    valid_from: date
    valid_to: date | None = None
    source: str

    def fits(self, *, gateway: str, kind: str, currency: str, on: date) -> bool:
        """Whether it applies to such a payment on a day; `valid_to` is the last one."""
        return (
            self.gateway == gateway
            and self.kind in {"", kind}
            and self.currency in {"", currency}
            and self.valid_from <= on
            and (self.valid_to is None or on <= self.valid_to)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedFee:
    """A fee, and the rule it comes from."""

    amount: Money
    rule: FeeRule


def expected_fee(
    amount: Money,
    *,
    rules: Sequence[FeeRule],
    gateway: str,
    kind: str,
    is_cross_border: bool,
    on: date,
) -> ExpectedFee | None:
    """The fee by the most specific rule, rounded once; None if no rule fits.

    Of equally specific rules the newer one counts.
    """
    currency = amount.currency.code
    fitting = [r for r in rules if r.fits(gateway=gateway, kind=kind, currency=currency, on=on)]
    rule = max(fitting, key=_weight, default=None)
    if rule is None:
        return None
    share = basis_points(rule.share_bps)
    if is_cross_border:
        share += basis_points(rule.cross_border_bps)
    fee = Fraction(amount.amount) * share + Fraction(rule.fixed_amount)
    if rule.minimum is not None:
        fee = max(fee, Fraction(rule.minimum))
    if rule.maximum is not None:
        fee = min(fee, Fraction(rule.maximum))
    return ExpectedFee(amount=quantize_amount(fee, currency), rule=rule)


def is_cross_border(method_country: str, *, account_country: str) -> bool:
    """Whether a method from a country costs the cross-border share; one of no country does not.

    Processors price the European Economic Area as one country.
    """
    if not method_country or method_country == account_country:
        return False
    return not {method_country, account_country} <= EEA_COUNTRIES


def _weight(rule: FeeRule) -> tuple[bool, bool, date]:
    return bool(rule.kind), bool(rule.currency), rule.valid_from


STRIPE_FEES: tuple[FeeRule, ...] = (
    FeeRule(
        gateway="stripe",
        kind="card",
        currency="USD",
        share_bps=Decimal(290),
        fixed_amount=Decimal("0.30"),
        cross_border_bps=Decimal(150),
        valid_from=date(2020, 1, 1),
        source="stripe.com/pricing (US), as quoted by secondary pages of May 2026",
    ),
    FeeRule(
        gateway="stripe",
        kind="card",
        currency="EUR",
        share_bps=Decimal(150),
        fixed_amount=Decimal("0.25"),
        cross_border_bps=Decimal(175),
        valid_from=date(2020, 1, 1),
        source="stripe.com/pricing (EEA, standard cards), as quoted by secondary pages of 2026",
    ),
    FeeRule(
        gateway="stripe",
        kind="card",
        currency="GBP",
        share_bps=Decimal(150),
        fixed_amount=Decimal("0.20"),
        cross_border_bps=Decimal(175),
        valid_from=date(2020, 1, 1),
        source="stripe.com/pricing (UK, standard cards), as quoted by secondary pages of 2026",
    ),
)

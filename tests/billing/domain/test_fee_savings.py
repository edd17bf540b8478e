"""What routing saves in fees, by gateway and by method, against always a card at the first."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billing.domain.fee_savings import Routed, savings_of
from billing.domain.fees import FeeRule
from tiktoktoe.kernel.money import Money

DAY = date(2026, 3, 1)


def rule(gateway: str, kind: str, share: str, fixed: str) -> FeeRule:
    return FeeRule(
        gateway=gateway,
        kind=kind,
        currency="EUR",
        share_bps=Decimal(share),
        fixed_amount=Decimal(fixed),
        cross_border_bps=Decimal(100),
        valid_from=date(2020, 1, 1),
        source="a test",
    )


RULES = [
    rule("first", "card", "150", "0.25"),
    rule("first", "bank_debit", "0", "0.35"),
    rule("second", "card", "90", "0.12"),
]


def paid(gateway: str = "first", kind: str = "card", **terms: Any) -> Routed:
    facts = {
        "amount": Money("100.00", "EUR"),
        "is_cross_border": False,
        "on": DAY,
        "could_choose": False,
    }
    return Routed(gateway=gateway, kind=kind, **{**facts, **terms})


def test_each_saving_has_one_cause_and_both_sides_are_by_the_rules() -> None:
    payments = [paid(), paid("second", could_choose=True), paid(kind="bank_debit")]

    (found,) = savings_of(payments, first="first", rules=RULES).values()

    assert (found.payments, found.could_choose) == (3, 1)
    assert found.volume == 300
    assert found.always_fee == Fraction("5.25")  # three times 1.75
    assert found.routed_fee == Fraction("3.12")  # 1.75, 1.02, 0.35
    assert (found.by_gateway, found.by_method) == (Fraction("0.73"), Fraction("1.40"))
    assert found.saved == found.by_gateway + found.by_method
    assert found.share == Fraction("2.13") / Fraction("5.25")


def test_a_gateway_that_costs_more_saves_less_than_nothing() -> None:
    (found,) = savings_of([paid()], first="second", rules=RULES).values()

    assert found.saved == Fraction("-0.73")


def test_what_no_rule_fits_says_nothing_and_currencies_are_apart() -> None:
    payments = [paid("third"), paid(kind="wallet"), paid(amount=Money("100.00", "USD"))]

    assert savings_of(payments, first="first", rules=RULES) == {}


def test_a_foreign_card_is_foreign_at_both() -> None:
    (found,) = savings_of(
        [paid("second", is_cross_border=True)], first="first", rules=RULES
    ).values()

    assert (found.always_fee, found.routed_fee) == (Fraction("2.75"), Fraction("2.02"))

"""The expected fee comes from a dated rule, within its bounds."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from billing.domain.fees import (
    STRIPE_FEES,
    ExpectedFee,
    FeeRule,
    expected_fee,
    is_cross_border,
)
from tiktoktoe.kernel.money import Money

MAY = date(2026, 5, 1)
BANK = FeeRule(
    gateway="stripe",
    kind="bank_debit",
    share_bps=Decimal(80),
    minimum=Decimal("0.20"),
    maximum=Decimal("5.00"),
    valid_from=date(2026, 1, 1),
    valid_to=date(2026, 12, 31),
    source="a test",
)


def _fee(
    amount: Money, kind: str, rules: tuple[FeeRule, ...], *, abroad: bool = False, on: date = MAY
) -> ExpectedFee | None:
    return expected_fee(
        amount, rules=rules, gateway="stripe", kind=kind, is_cross_border=abroad, on=on
    )


def test_a_us_card_costs_2_9_percent_and_30_cents() -> None:
    fee = _fee(Money("100.00", "USD"), "card", STRIPE_FEES)

    assert fee is not None
    assert fee.amount == Money("3.20", "USD")


def test_a_foreign_card_costs_more() -> None:
    fee = _fee(Money("100.00", "USD"), "card", STRIPE_FEES, abroad=True)

    assert fee is not None
    assert fee.amount == Money("4.70", "USD")


def test_a_fee_stays_within_its_bounds() -> None:
    small, middle, large = (
        _fee(Money(amount, "USD"), "bank_debit", (BANK,)) for amount in ("1.00", "100.00", "625.01")
    )

    assert small is not None
    assert middle is not None
    assert large is not None
    assert (small.amount, middle.amount, large.amount) == (
        Money("0.20", "USD"),
        Money("0.80", "USD"),
        Money("5.00", "USD"),
    )


def test_the_rule_that_says_more_wins_and_then_the_newer_one() -> None:
    for_euro = replace(BANK, currency="EUR")
    newer = replace(for_euro, valid_from=date(2026, 4, 1))

    fee = _fee(Money("100.00", "EUR"), "bank_debit", (newer, BANK, for_euro))

    assert fee is not None
    assert fee.rule is newer


def test_a_rule_counts_from_its_first_day_to_its_last() -> None:
    amount = Money("100.00", "USD")

    assert _fee(amount, "bank_debit", (BANK,), on=date(2025, 12, 31)) is None
    assert _fee(amount, "bank_debit", (BANK,), on=date(2026, 1, 1)) is not None
    assert _fee(amount, "bank_debit", (BANK,), on=date(2026, 12, 31)) is not None
    assert _fee(amount, "bank_debit", (BANK,), on=date(2027, 1, 1)) is None


def test_without_a_rule_nothing_is_expected() -> None:
    assert _fee(Money("100.00", "CHF"), "card", STRIPE_FEES) is None


def test_every_seeded_rule_names_its_source() -> None:
    assert all(rule.source for rule in STRIPE_FEES)


@pytest.mark.parametrize(
    ("card", "account", "costs_more"),
    [
        ("DE", "DE", False),
        ("FR", "DE", False),
        ("NO", "DE", False),
        ("CH", "DE", True),
        ("US", "DE", True),
        ("DE", "US", True),
        ("", "DE", False),
    ],
)
def test_europe_is_one_country_to_a_processor(card: str, account: str, costs_more: bool) -> None:
    assert is_cross_border(card, account_country=account) == costs_more

"""What the rules of debit schemes allow."""

from datetime import date
from decimal import Decimal

import pytest

from billing.domain.debit_schemes import (
    AMOUNT_LIMITS,
    SCHEMES,
    SEPA_DEBIT,
    amount_limit,
)
from billing.domain.eligibility import GatewayFacts, MethodFacts, Need, Why, reasons_against
from tiktoktoe.kernel.money import Money


@pytest.mark.parametrize(
    ("amount", "why"), [("10000.00", ()), ("10000.01", (Why.AMOUNT_TOO_LARGE,))]
)
def test_a_sepa_debit_is_ten_thousand_euros_at_most_at_stripe(
    amount: str, why: tuple[Why, ...]
) -> None:
    limit = amount_limit(gateway="stripe", scheme=SEPA_DEBIT, on=date(2026, 1, 1))
    assert limit is not None
    method = MethodFacts(
        reference="1",
        kind="bank_debit",
        held_by=frozenset({"stripe"}),
        limits={"stripe": Money(limit.amount, "EUR")},
    )

    need = Need(amount=Money(amount, "EUR"), on=date(2026, 1, 1))

    assert reasons_against(GatewayFacts(name="stripe"), method, need) == why


def test_no_limit_is_known_of_other_gateways_or_before_its_day() -> None:
    assert amount_limit(gateway="bank", scheme=SEPA_DEBIT, on=date(2026, 1, 1)) is None
    assert amount_limit(gateway="stripe", scheme=SEPA_DEBIT, on=date(2019, 1, 1)) is None


def test_every_rule_has_a_source() -> None:
    sources = [scheme.source for scheme in SCHEMES.values()]
    sources += [limit.source for limit in AMOUNT_LIMITS]

    assert all(sources)
    assert AMOUNT_LIMITS[0].amount == Decimal(10_000)

"""Who must confirm a card payment, and who is let off: every rule, its limits, its source."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.authentication import (
    Ask,
    AuthenticationFacts,
    Exemption,
    ExemptionTerms,
    decide_authentication,
)
from tiktoktoe.kernel.money import Money, from_minor

DAY = date(2026, 3, 1)


def eur(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


LOW_VALUE = ExemptionTerms(
    exemption=Exemption.LOW_VALUE,
    gateway="",
    maximum=eur("30.00"),
    total_maximum=eur("100.00"),
    count_maximum=5,
    valid_from=date(2019, 9, 14),
    source="art. 16",
)
LOW_RISK = ExemptionTerms(
    exemption=Exemption.LOW_RISK,
    gateway="adyen",
    maximum=eur("250.00"),
    valid_from=date(2026, 1, 1),
    source="the acquirer's agreement",
)


def facts(**changed: object) -> AuthenticationFacts:
    given_facts: dict[str, object] = {
        "gateway": "stripe",
        "kind": "",
        "amount": eur("99.00"),
        "issuer_country": "FR",
        "acquirer_country": "DE",
        "is_customer_there": True,
        "exempted_total": eur("0.00"),
        **changed,
    }
    return AuthenticationFacts(**given_facts)  # type: ignore[arg-type]


def decided(*, on: date = DAY, **changed: Any) -> tuple[Ask, Exemption]:
    found = decide_authentication(facts(**changed), [LOW_VALUE, LOW_RISK], on=on)
    assert found.reason
    return found.ask, found.exemption


@pytest.mark.parametrize(
    ("changed", "ask", "exemption"),
    [
        ({}, Ask.NOTHING, Exemption.NONE),
        ({"kind": "bank_debit"}, Ask.NOTHING, Exemption.NONE),
        ({"kind": "wallet", "brand": "apple_pay", "bank_asked": True}, Ask.NOTHING, Exemption.NONE),
        ({"kind": "wallet", "brand": "link", "stores_method": True}, Ask.NOTHING, Exemption.NONE),
        (
            {"kind": "wallet", "brand": "google_pay", "is_customer_there": False},
            Ask.EXEMPTION,
            Exemption.MERCHANT_INITIATED,
        ),
        (
            {"kind": "wallet", "brand": "paypal", "is_customer_there": False},
            Ask.NOTHING,
            Exemption.NONE,
        ),
        ({"is_customer_there": False}, Ask.EXEMPTION, Exemption.MERCHANT_INITIATED),
        (
            {"is_customer_there": False, "is_subscription": True},
            Ask.EXEMPTION,
            Exemption.RECURRING,
        ),
        ({"bank_asked": True, "amount": eur("5.00")}, Ask.CHALLENGE, Exemption.NONE),
        ({"is_risky": True, "issuer_country": "US"}, Ask.CHALLENGE, Exemption.NONE),
        ({"stores_method": True, "amount": eur("5.00")}, Ask.CHALLENGE, Exemption.NONE),
        ({"issuer_country": "US"}, Ask.NOTHING, Exemption.ONE_LEG_OUT),
        ({"acquirer_country": "US"}, Ask.NOTHING, Exemption.ONE_LEG_OUT),
        ({"issuer_country": "GB"}, Ask.NOTHING, Exemption.NONE),
        ({"amount": eur("30.00")}, Ask.EXEMPTION, Exemption.LOW_VALUE),
        ({"amount": eur("30.01")}, Ask.NOTHING, Exemption.NONE),
        ({"amount": eur("10.00"), "exempted_count": 5}, Ask.NOTHING, Exemption.NONE),
        (
            {"amount": eur("20.00"), "exempted_total": eur("80.00")},
            Ask.EXEMPTION,
            Exemption.LOW_VALUE,
        ),
        ({"amount": eur("20.01"), "exempted_total": eur("80.00")}, Ask.NOTHING, Exemption.NONE),
        ({"amount": Money(20, "GBP")}, Ask.NOTHING, Exemption.NONE),
        ({"gateway": "adyen"}, Ask.EXEMPTION, Exemption.LOW_RISK),
        ({"gateway": "adyen", "amount": eur("250.01")}, Ask.NOTHING, Exemption.NONE),
    ],
)
def test_the_first_rule_that_fits_counts(
    changed: dict[str, Any], ask: Ask, exemption: Exemption
) -> None:
    assert decided(**changed) == (ask, exemption)


def test_terms_count_from_their_day_on() -> None:
    before = date(2025, 12, 31)

    assert decided(on=before, gateway="adyen") == (Ask.NOTHING, Exemption.NONE)
    assert decided(on=date(2026, 1, 1), gateway="adyen")[1] == Exemption.LOW_RISK


def test_what_is_decided_names_its_source() -> None:
    found = decide_authentication(facts(amount=eur("12.00")), [LOW_VALUE], on=DAY)

    assert found.as_kept() == {
        "ask": "exemption",
        "exemption": "low_value",
        "reason": "up to 30 EUR",
        "source": "art. 16",
        "sent": {},
    }


@given(st.integers(1, 6_000), st.integers(0, 7), st.integers(0, 12_000))
def test_low_payments_in_a_row_never_pass_the_limits(amount: int, count: int, total: int) -> None:
    asked = facts(
        amount=from_minor(amount, "EUR"),
        exempted_count=count,
        exempted_total=from_minor(total, "EUR"),
    )

    found = decide_authentication(asked, [LOW_VALUE], on=DAY)

    is_within = amount <= 30_00 and count < 5 and amount + total <= 100_00
    assert (found.exemption == Exemption.LOW_VALUE) == is_within


@given(st.booleans(), st.booleans(), st.integers(1, 50_000))
def test_whoever_is_not_there_is_never_asked(bank_asked: bool, stores: bool, amount: int) -> None:
    asked = facts(
        is_customer_there=False,
        bank_asked=bank_asked,
        stores_method=stores,
        amount=from_minor(amount, "EUR"),
    )

    assert decide_authentication(asked, [LOW_VALUE], on=DAY).ask == Ask.EXEMPTION

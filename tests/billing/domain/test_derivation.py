"""A line's derivation survives being kept as JSON, and can be recounted from it."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

from billing.domain.derivation import (
    Derivation,
    DerivationStep,
    EventFilter,
    discounted_derivation,
    proration_derivation,
    rated_derivation,
    undiscounted,
)
from billing.domain.price_terms import ChargeModel, PriceTerms, Tier
from billing.domain.rating import rate
from subscriptions.domain.proration import charge_part
from subscriptions.domain.proration_policy import OWN
from tiktoktoe.kernel.money import Money
from tiktoktoe.kernel.periods import Period

APRIL = Period(datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))
PRICE = {"plan": "team", "version": "3", "code": "tokens"}
TERMS = PriceTerms(
    model=ChargeModel.GRADUATED,
    currency="EUR",
    included_units=Decimal(100),
    tiers=[
        Tier(up_to=Decimal(1000), unit_amount=Decimal("0.002")),
        Tier(up_to=None, unit_amount=Decimal("0.001")),
    ],
)


def _usage() -> Derivation:
    return rated_derivation(
        rate(Decimal("2100.50"), TERMS),
        TERMS,
        kind="usage",
        price=PRICE,
        events=EventFilter(customer_id=7, meter="tokens", period=APRIL),
    )


def test_a_usage_line_says_its_price_its_inputs_and_each_tier() -> None:
    body = _usage().to_json()

    assert body["price"] == {**PRICE, "model": "graduated"}
    assert body["inputs"] == {"quantity": "2100.5", "included": "100", "billable": "2000.5"}
    assert [step["amount"] for step in body["steps"]] == ["2", "1.0005"]
    assert (body["exact"], body["amount"], body["currency"]) == ("3.0005", "3.00", "EUR")
    assert body["events"] == {
        "customer_id": 7,
        "meter": "tokens",
        "start": "2026-04-01T00:00:00+00:00",
        "end": "2026-05-01T00:00:00+00:00",
    }


def test_a_derivation_comes_back_from_json_as_it_was() -> None:
    derivation = _usage()

    assert Derivation.from_json(json.loads(json.dumps(derivation.to_json()))) == derivation


def test_a_credit_for_unused_time_is_negative_and_names_its_policy() -> None:
    part = charge_part(
        price=Money("10.00", "EUR"),
        whole=APRIL,
        start=datetime(2026, 4, 21, tzinfo=UTC),
        end=APRIL.end,
        time_zone="UTC",
        policy=OWN,
    )

    derivation = proration_derivation(part, kind="proration_credit", price=PRICE)

    assert derivation.amount == "-3.33"
    assert derivation.exact == "-10/3"
    assert derivation.rule == "proration policy own"
    assert derivation.inputs["units"] == "10 days"
    assert derivation.inputs["of"] == "30 days"
    assert Derivation.from_json(json.loads(json.dumps(derivation.to_json()))) == derivation


def test_a_line_without_its_coupons_is_the_line_before_them() -> None:
    before = _usage()
    amount = Money(Decimal(before.amount) - 1, "EUR")
    off = DerivationStep(label="coupon ONE", formula="1 off", amount="-1")
    after = discounted_derivation(before, (off,), exact=Fraction(before.amount) - 1, amount=amount)

    assert undiscounted(after, Money(before.amount, "EUR")) == before
    assert undiscounted(before, Money(before.amount, "EUR")) is before

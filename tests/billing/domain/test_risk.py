"""Risk points are told rule by rule, and their sum says what follows."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from billing.domain.risk import RiskAction, RiskFacts, RiskVerdict, judge
from tiktoktoe.kernel.money import Money

ONE = Money("1.00", "USD")
PLAIN = RiskFacts(amount=Money("99.00", "USD"), email="a@example.com", customer_country="DE")


def test_a_plain_payment_hits_no_rule() -> None:
    assert judge(PLAIN) == RiskVerdict(hits={})
    assert judge(PLAIN).action == RiskAction.ALLOW


def test_a_fraud_dispute_is_told_with_its_day() -> None:
    verdict = judge(replace(PLAIN, fraud_disputed_on=date(2026, 3, 4)))

    assert verdict.hits == {"a payment was disputed as fraud on 2026-03-04": 30}


@pytest.mark.parametrize(
    ("facts", "points", "action"),
    [
        ({"method_country": "US"}, 10, "allow"),
        ({"methods_added": 3}, 30, "allow"),
        ({"amount": Money("10000.00", "USD"), "is_first_payment": True}, 30, "allow"),
        ({"amount": Money("9999.99", "USD"), "is_first_payment": True}, 0, "allow"),
        ({"email": "a@Mailinator.com"}, 40, "confirm"),
        ({"suspicious_declines": 3}, 40, "confirm"),
        ({"suspicious_declines": 2}, 0, "allow"),
        ({"fraud_declines": 1}, 70, "review"),
        ({"fraud_disputed_on": date(2026, 3, 4)}, 30, "allow"),
        ({"fraud_disputed_on": date(2026, 3, 4), "method_country": "US"}, 40, "confirm"),
        ({"was_refused": True}, 70, "review"),
        ({"limit": Decimal("98.99")}, 70, "review"),
        ({"limit": Decimal(99)}, 0, "allow"),
        ({"daily_limit": Decimal("98.99")}, 70, "review"),
        ({"monthly_limit": Decimal(100), "paid_in_thirty_days": ONE}, 0, "allow"),
        ({"monthly_limit": Decimal("99.99"), "paid_in_thirty_days": ONE}, 70, "review"),
        ({"limit": Decimal(100), "paid_of_invoice": ONE}, 0, "allow"),
        ({"limit": Decimal("99.99"), "paid_of_invoice": ONE}, 70, "review"),
        ({"limit": Decimal("98.99"), "paid_of_invoice": ONE}, 70, "review"),  # once, not twice
        ({"paid_of_invoice": Money("9901.00", "USD"), "is_first_payment": True}, 30, "allow"),
        ({"paid_of_invoice": Money("9900.99", "USD"), "is_first_payment": True}, 0, "allow"),
        ({"suspicious_declines": 3, "methods_added": 3}, 70, "review"),
        ({"fraud_declines": 1, "methods_added": 3}, 100, "block"),
        ({"limit": Decimal(1), "email": "a@mailinator.com"}, 110, "block"),
    ],
)
def test_each_rule_adds_its_points(facts: dict[str, object], points: int, action: str) -> None:
    verdict = judge(replace(PLAIN, **facts))  # type: ignore[arg-type]

    assert (verdict.points, str(verdict.action)) == (points, action)


def test_what_was_paid_in_parts_is_told_with_its_sum() -> None:
    facts = {"limit": Decimal(1000), "paid_of_invoice": Money("950.00", "USD")}

    assert list(judge(replace(PLAIN, **facts)).hits) == [  # type: ignore[arg-type]
        "above the limit of one payment, with 950.00 USD paid of the invoice before"
    ]

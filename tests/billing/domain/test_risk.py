"""Risk points are told rule by rule, and their sum says what follows."""

from dataclasses import replace

import pytest

from billing.domain.risk import RiskAction, RiskFacts, RiskVerdict, judge
from tiktoktoe.kernel.money import Money

PLAIN = RiskFacts(amount=Money("99.00", "USD"), email="a@example.com", customer_country="DE")


def test_a_plain_payment_hits_no_rule() -> None:
    assert judge(PLAIN) == RiskVerdict(hits={})
    assert judge(PLAIN).action == RiskAction.ALLOW


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
        ({"was_refused": True}, 70, "review"),
        ({"is_above_limit": True}, 70, "review"),
        ({"suspicious_declines": 3, "methods_added": 3}, 70, "review"),
        ({"fraud_declines": 1, "methods_added": 3}, 100, "block"),
        ({"is_above_limit": True, "email": "a@mailinator.com"}, 110, "block"),
    ],
)
def test_each_rule_adds_its_points(facts: dict[str, object], points: int, action: str) -> None:
    verdict = judge(replace(PLAIN, **facts))  # type: ignore[arg-type]

    assert (verdict.points, str(verdict.action)) == (points, action)

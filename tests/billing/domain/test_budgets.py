"""Networks allow so many declined tries of a card, and no more."""

from datetime import UTC, datetime, timedelta

from billing.domain.budgets import (
    BUDGETS,
    REPRESENTMENTS,
    spent_budget,
    spent_representments,
)

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _spent(network: str, tries: int, hours_between: int) -> bool:
    declined_at = [NOON - timedelta(hours=hours_between * n) for n in range(tries)]
    return spent_budget(network=network, declined_at=declined_at, at=NOON) is not None


def test_visa_stops_after_fifteen_in_thirty_days() -> None:
    assert not _spent("visa", 14, 24)
    assert _spent("visa", 15, 24)
    assert not _spent("visa", 15, 72)  # ten of them are within thirty days


def test_mastercard_stops_after_ten_in_a_day_or_thirty_five_in_thirty() -> None:
    assert _spent("mastercard", 10, 1)
    assert not _spent("mastercard", 10, 24)
    assert _spent("mastercard", 35, 20)


def test_what_has_no_budget_is_never_spent_and_every_budget_has_a_source() -> None:
    assert not _spent("", 500, 1)
    assert all(budget.source for budget in BUDGETS)
    assert BUDGETS[0].words() == "visa allows 15 declined tries within 30 days"


def _presented(returned_days_ago: list[int], code: str = "R01", brand: str = "ach_debit") -> bool:
    returns = [(code, NOON - timedelta(days=days)) for days in returned_days_ago]
    return spent_representments(brand=brand, returns=returns, at=NOON) is None


def test_a_debit_that_came_back_is_presented_twice_more_within_half_a_year() -> None:
    assert _presented([])
    assert _presented([3])
    assert _presented([9, 3], code="R09")
    assert not _presented([20, 9, 3])
    assert _presented([180])
    assert not _presented([181])
    assert _presented([20, 9, 3], code="R02")  # nobody presents that again anyway
    assert _presented([20, 9, 3], brand="sepa_debit")
    assert all(rule.source for rule in REPRESENTMENTS)

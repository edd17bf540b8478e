"""How many ACH debits may come back."""

from datetime import date
from fractions import Fraction

import pytest

from billing.domain.return_rates import LIMITS, return_rates

TODAY = date(2026, 3, 2)


@pytest.mark.parametrize(
    ("returned", "beyond"),
    [
        ({"R10": 1}, []),  # half a percent is allowed, and no more
        ({"R10": 1, "debit_not_authorized": 1}, ["not authorised"]),
        ({"R03": 6}, []),
        ({"R02": 3, "account_closed": 4}, ["wrong or closed account"]),
        ({"R01": 30}, []),
        ({"R01": 31}, ["any reason"]),
        ({"insufficient_funds": 24, "R03": 7}, ["wrong or closed account", "any reason"]),
    ],
)
def test_a_share_is_beyond_only_once_it_is_more_than_is_allowed(
    returned: dict[str, int], beyond: list[str]
) -> None:
    rates = return_rates(debits=200, returned=returned, on=TODAY)

    assert [rate.limit.words for rate in rates if rate.is_beyond] == beyond
    assert rates[-1].share == Fraction(sum(returned.values()), 200)


def test_without_debits_or_before_the_rule_there_is_nothing_to_watch() -> None:
    assert return_rates(debits=0, returned={}, on=TODAY) == []
    assert return_rates(debits=9, returned={"R10": 9}, on=date(2015, 9, 17)) == []


def test_every_limit_has_a_source_and_no_code_is_in_two() -> None:
    assert all(limit.source for limit in LIMITS)
    assert not LIMITS[0].codes & LIMITS[1].codes

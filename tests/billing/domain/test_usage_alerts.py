from decimal import Decimal

import pytest

from billing.domain.usage_alerts import shares_reached


@pytest.mark.parametrize(
    ("used", "known", "reached"),
    [
        ("4999.999999", [], []),
        ("5000", [], [50]),
        ("7999", [50], []),
        ("8000", [50], [80]),
        ("10000", [], [50, 80, 100]),
        ("99999", [50, 80, 100], []),
    ],
)
def test_shares_are_reached_exactly_at_their_part(
    used: str, known: list[int], reached: list[int]
) -> None:
    assert shares_reached(used=Decimal(used), included=Decimal(10_000), known=known) == reached


def test_nothing_included_reaches_nothing() -> None:
    assert shares_reached(used=Decimal(5), included=Decimal(0), known=[]) == []

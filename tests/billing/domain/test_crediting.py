from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.crediting import LineLeft, credit_line, credit_total
from billing.errors import CreditExceedsInvoice, CreditInvalid
from tiktoktoe.kernel.money import Money, from_minor, to_minor, total


def left(net: str, tax: str = "0") -> LineLeft:
    return LineLeft(net=Money(net, "EUR"), tax=Money(tax, "EUR"))


def test_a_credit_is_spread_over_the_lines_and_carries_its_tax() -> None:
    lines = [left("100.00", "19.00"), left("50.00", "9.50")]

    first, second = credit_total(lines, Money("17.85", "EUR"))

    assert (first.net, first.tax) == (Money("10.00", "EUR"), Money("1.90", "EUR"))
    assert (second.net, second.tax) == (Money("5.00", "EUR"), Money("0.95", "EUR"))


def test_everything_can_be_taken_back_with_lines_that_were_credits() -> None:
    lines = [left("80.00", "15.20"), left("-30.00", "-5.70")]

    taken = credit_total(lines, Money("59.50", "EUR"))

    assert [(c.net, c.tax) for c in taken] == [(line.net, line.tax) for line in lines]


def test_part_of_a_line_takes_its_share_of_tax() -> None:
    credit = credit_line(left("100.00", "19.00"), Money("33.33", "EUR"))

    assert (credit.net, credit.tax) == (Money("33.33", "EUR"), Money("6.33", "EUR"))


@pytest.mark.parametrize("amount", ["0", "-1", "0.001"])
def test_what_cannot_be_paid_cannot_be_credited(amount: str) -> None:
    with pytest.raises(CreditInvalid):
        credit_total([left("10")], Money(amount, "EUR"))
    with pytest.raises(CreditInvalid):
        credit_line(left("10"), Money(amount, "EUR"))


def test_no_more_than_is_left_can_be_credited() -> None:
    with pytest.raises(CreditExceedsInvoice):
        credit_total([left("10.00", "1.90")], Money("11.91", "EUR"))
    with pytest.raises(CreditExceedsInvoice):
        credit_line(left("10.00", "1.90"), Money("10.01", "EUR"))


minor = st.integers(min_value=0, max_value=10**9)


@given(nets=st.lists(minor, min_size=1, max_size=8), rate=st.integers(0, 30), data=st.data())
def test_a_credit_adds_up_and_never_takes_more_than_a_line_has(
    nets: list[int], rate: int, data: st.DataObject
) -> None:
    lines = [
        LineLeft(net=from_minor(net, "EUR"), tax=from_minor(net * rate // 100, "EUR"))
        for net in nets
    ]
    whole = to_minor(total((line.gross for line in lines), "EUR"))
    if whole == 0:
        return
    amount = from_minor(data.draw(st.integers(1, whole)), "EUR")

    taken = credit_total(lines, amount)

    assert total((c.net + c.tax for c in taken), "EUR") == amount
    for line, credit in zip(lines, taken, strict=True):
        assert Money(0, "EUR") <= credit.net <= line.net
        assert Money(0, "EUR") <= credit.tax <= line.tax
        assert credit.net.amount % Decimal("0.01") == 0

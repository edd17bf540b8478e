"""A refund of several captures: whole, within each, and in as few parts as there can be."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.refund_splits import Share, split_refund
from tiktoktoe.kernel.money import Money, from_minor


def usd(amount: int) -> Money:
    return from_minor(amount, "USD")


def split(amount: int, *left: int) -> list[tuple[int, int]]:
    rows = [(number, usd(rest)) for number, rest in enumerate(left)]
    return [
        (share.capture, int(share.amount.amount * 100)) for share in split_refund(usd(amount), rows)
    ]


@pytest.mark.parametrize(
    ("amount", "left", "parts"),
    [
        (30, (60, 39), [(1, 30)]),
        (50, (60, 39), [(0, 50)]),
        (99, (60, 39), [(0, 60), (1, 39)]),
        (70, (60, 39), [(0, 60), (1, 10)]),
        (20, (20, 20), [(0, 20)]),
        (10, (0, 10), [(1, 10)]),
    ],
)
def test_the_smallest_that_suffices_or_the_largest_first(
    amount: int, left: tuple[int, ...], parts: list[tuple[int, int]]
) -> None:
    assert split(amount, *left) == parts


def test_more_than_there_is_is_refused() -> None:
    with pytest.raises(ValueError, match="more than the captures have left"):
        split(100, 60, 39)


@given(st.lists(st.integers(0, 500), min_size=1, max_size=6), st.data())
def test_nothing_is_lost_none_gives_too_much_and_no_fewer_would_do(
    left: list[int], data: st.DataObject
) -> None:
    if not sum(left):
        return
    amount = data.draw(st.integers(1, sum(left)))

    parts = split(amount, *left)

    assert sum(part for _, part in parts) == amount
    assert all(0 < part <= left[number] for number, part in parts)
    assert len({number for number, _ in parts}) == len(parts)
    fewer = combinations(left, len(parts) - 1)
    assert all(sum(some) < amount for some in fewer)


def test_a_share_names_its_capture() -> None:
    assert split_refund(usd(5), [("c", usd(5))]) == [Share("c", usd(5))]

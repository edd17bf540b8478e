"""What the drill's stories ask for."""

from decimal import Decimal

import pytest

from tiktoktoe.drill.stories import Story, captures_of, refunds_of, still_to_give_back
from tiktoktoe.kernel.money import Money

EUR_10 = Money("10.01", "EUR")


@pytest.mark.parametrize(
    ("story", "amounts"),
    [
        (Story.PAID, []),
        (Story.REFUNDED, ["10.01"]),
        (Story.PART_REFUNDED, ["3.00"]),
        (Story.REFUNDED_IN_PARTS, ["3.30", "3.30", "3.41"]),
    ],
)
def test_refunds_are_shares_of_the_payment_to_the_cent(story: Story, amounts: list[str]) -> None:
    assert [part.amount for part in refunds_of(story, EUR_10)] == [Decimal(one) for one in amounts]


def test_a_gateway_that_takes_one_part_is_asked_for_the_first_alone() -> None:
    story = Story.HELD_AND_TAKEN_IN_PARTS

    both = captures_of(story, EUR_10, is_one_only=False)

    assert [part.amount for part in both] == [Decimal("2.50"), Decimal("5.01")]
    assert captures_of(story, EUR_10, is_one_only=True) == both[:1]


def test_what_failed_is_asked_for_again_and_not_what_came_after_it() -> None:
    first, second, third = refunds_of(Story.REFUNDED_IN_PARTS, EUR_10)

    assert still_to_give_back([first, second, third], [third, first]) == [second]
    assert still_to_give_back([first, second, third], [third, second, first]) == []

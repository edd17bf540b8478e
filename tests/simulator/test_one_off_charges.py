"""One-off charges in a scenario."""

import pytest

from tests.simulator.scenes import played, told
from tiktoktoe.simulator.errors import ScenarioInvalid

pytestmark = pytest.mark.django_db


def test_a_customer_without_a_subscription_is_charged_in_two_currencies() -> None:
    text = """
    currency: EUR
    taxes: [{rate: 20}]
    timeline:
      - {at: 2026-01-01, do: charge_once, amount: 149, due_days: 0,
         expect: {invoice: {kind: one_off, total_cents: 17880, lines: [{amount: 149}]}}}
      - {at: 2026-01-01, do: one_off, amount_cents: 12000, quantity: 1.5, currency: USD,
         expect: {invoice: {total: 216, due: 216}}}
      - {at: 2026-01-03, do: pay,
         expect: {balances: [{currency: EUR, owed_cents: 17880}, {currency: USD, owed: 0}]}}
    """

    assert told(text) == []


@pytest.mark.parametrize("said", ["name: Nothing", "amount: 1, lines: [{amount: 2}]"])
def test_a_charge_says_one_amount_or_several_lines(said: str) -> None:
    text = f"""
    timeline:
      - {{at: 2026-01-01, do: charge_once, {said}}}
    """

    with pytest.raises(ScenarioInvalid, match="needs amount, or lines") as caught:
        played(text)
    assert caught.value.place.line == 3


def test_a_wallet_pays_only_for_what_is_in_the_file() -> None:
    text = """
    timeline:
      - {at: 2026-01-01, do: top_up_wallet, amount: 10, meters: [calls]}
    """

    with pytest.raises(ScenarioInvalid, match="'calls' is not in the file"):
        played(text)

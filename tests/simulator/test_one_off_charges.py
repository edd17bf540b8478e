"""One-off charges in a scenario."""

import pytest

from tests.simulator.scenes import told

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

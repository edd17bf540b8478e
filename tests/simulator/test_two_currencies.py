"""A customer with subscriptions in two currencies, in a scenario."""

import pytest

from tests.simulator.scenes import told
from tiktoktoe.simulator.errors import ScenarioInvalid

pytestmark = pytest.mark.django_db

TEXT = """
customers: [{id: acme, one_invoice: true}]
plans:
  - {code: team, price: 30}
  - {code: mail, price: 1200, currency: JPY}
timeline:
  - {at: 2026-01-01, do: subscribe, plan: team, subscription: team}
  - {at: 2026-01-01, do: subscribe, plan: mail, subscription: mail, currency: jpy}
  - {at: 2026-01-05, do: grant_credit, amount: 500, currency: JPY}
  - at: 2026-02-01
    expect:
      invoices:
        - {currency: EUR, total: 30, credit_used: 0}
        - {currency: JPY, total: 1200, credit_used: 0}
  - {at: 2026-02-10, do: change_quantity, subscription: mail, quantity: 2}
expect:
  balances:
    - {currency: EUR, owed: 60, credit: 0}
    - {currency: JPY, owed: 2715, credit: 0}
"""


def test_one_customer_pays_in_two_currencies_and_credit_stays_in_its_own() -> None:
    assert told(TEXT) == []


def test_a_plan_that_is_not_sold_in_that_currency_is_refused() -> None:
    with pytest.raises(ScenarioInvalid, match="'team' is no plan in JPY"):
        told(TEXT.replace("plan: team,", "plan: team, currency: JPY,"))

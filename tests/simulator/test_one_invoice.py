"""One invoice for all subscriptions of a customer, in a scenario."""

import pytest

from tests.simulator.scenes import told

pytestmark = pytest.mark.django_db


def test_renewals_of_one_instant_come_on_one_invoice_and_a_credit_finds_its_line() -> None:
    text = """
    customers: [{id: acme, one_invoice: true}]
    plans: [{code: team, price: 30}, {code: mail, price: 12}]
    timeline:
      - {at: 2026-01-01, do: subscribe, plan: team, subscription: team}
      - {at: 2026-01-01, do: subscribe, plan: mail, subscription: mail}
      - {at: 2026-02-01, expect: {invoice: {total: 42, lines: [{amount: 30}, {amount: 12}]}}}
      - {at: 2026-02-14, do: cancel, subscription: mail, expect: {credit_note: {total: 6}}}
      - {at: 2026-03-01, expect: {invoice: {total: 30}}}
    """

    assert told(text) == []

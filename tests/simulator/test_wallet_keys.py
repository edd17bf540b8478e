"""Limited wallets, top-ups by themselves, coupons of some prices, add-ons from the first day."""

import pytest

from tests.simulator.scenes import told

pytestmark = pytest.mark.django_db
SOLD = """
meters: [{code: calls}]
plans:
  - {code: basic, price: 30, charges: [{meter: calls, price: 1}]}
  - {code: support, price: 10, add_on: true}
coupons:
  - {code: HALF, percent: 50, duration: forever, prices: [calls]}
timeline:
"""


def test_a_limited_wallet_pays_for_its_meters_only() -> None:
    steps = """\
  - {at: 2026-01-01, do: set_wallet, wallet: Calls, meters: [calls], priority: 1}
  - {at: 2026-01-01, do: top_up_wallet, wallet: Calls, amount: 100}
  - {at: 2026-01-01, do: subscribe, plan: basic, expect: {invoice: {total: 30, prepaid: 0}}}
  - {at: 2026-01-10, do: use, meter: calls, units: 12}
  - {at: 2026-02-01, expect: {invoice: {total: 42, prepaid: 12, due: 30}}}
"""

    assert told(SOLD + steps) == []


def test_a_wallet_buys_more_by_interval_and_below_a_threshold() -> None:
    steps = """\
  - {at: 2026-01-05, do: set_wallet, top_up: 50, top_up_every: month, top_up_from: 2026-01-10}
  - {at: 2026-02-28, expect: {since: 2026-01-01,
     invoices: [{kind: top_up, date: 2026-01-10, total: 50}, {kind: top_up, date: 2026-02-10}]}}
  - {at: 2026-03-01, do: pay, invoice: all, expect: {balance: {prepaid: 100}}}
  - {at: 2026-03-02, do: set_wallet, top_up: 20, top_up_below: 150,
     expect: {invoice: {kind: top_up, total: 20}}}
  - {at: 2026-04-30, expect: {since: 2026-03-03, invoices: 0}}
"""

    assert told(SOLD + steps) == []


def test_a_coupon_of_some_prices_leaves_the_others_alone() -> None:
    steps = """\
  - {at: 2026-01-01, do: apply_coupon, coupon: HALF}
  - {at: 2026-01-01, do: subscribe, plan: basic, expect: {invoice: {total: 30}}}
  - {at: 2026-01-10, do: use, meter: calls, units: 12}
  - {at: 2026-02-01, expect: {invoice: {total: 36, coupons: 6}}}
"""

    assert told(SOLD + steps) == []


def test_a_subscription_begins_with_add_ons() -> None:
    steps = """\
  - {at: 2026-01-01, do: subscribe, plan: basic, add_ons: {support: 2},
     expect: {invoice: {total: 50}}}
"""

    assert told(SOLD + steps) == []


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("{at: 2026-01-01, do: set_wallet, meters: [seats]}", "'seats' is not in the file"),
        ("{at: 2026-01-01, do: set_wallet, top_up: 5}", "say how much a top-up buys, and when"),
    ],
)
def test_what_cannot_be_names_its_line(step: str, said: str) -> None:
    with pytest.raises(Exception, match=said):
        told(f"{SOLD}  - {step}\n")

"""Several taxes on one line, and prices with tax, in a scenario."""

import pytest

from tests.simulator.scenes import told
from tiktoktoe.simulator.errors import ScenarioInvalid

pytestmark = pytest.mark.django_db


def test_two_rates_of_one_place_are_charged_side_by_side() -> None:
    text = """
    currency: EUR
    taxes: [{code: state, rate: 5}, {code: city, rate: 9.975}]
    plans: [{code: pro, price: 100}]
    timeline:
      - {at: 2026-01-01, do: subscribe, plan: pro,
         expect: {invoice: {subtotal: 100, tax: 14.98, total: 114.98,
                            lines: [{amount: 100, tax_alone: 14.98}]}}}
    """

    assert told(text) == []


def test_a_compound_tax_is_charged_on_the_other_too() -> None:
    text = """
    currency: EUR
    taxes: [{code: state, rate: 5}, {code: city, rate: 9.5, compound: true}]
    plans: [{code: pro, price: 100}]
    timeline:
      - {at: 2026-01-01, do: subscribe, plan: pro, expect: {invoice: {tax: 14.98}}}
    """

    assert told(text) == []


def test_prices_with_tax_are_what_is_paid_and_given_back() -> None:
    text = """
    currency: EUR
    taxes: [{rate: 19}]
    plans: [{code: pro, price: 31, includes_tax: true}]
    timeline:
      - {at: 2026-01-01, do: subscribe, plan: pro,
         expect: {invoice: {subtotal: 26.05, tax: 4.95, total: 31}}}
      - {at: 2026-01-16, do: cancel, when: now,
         expect: {credit_note: {subtotal: 12.60, tax: 2.40, total: 15}}}
    """

    assert told(text) == []


def test_the_same_rate_twice_is_refused_by_its_line() -> None:
    text = """
    currency: EUR
    taxes: [{code: vat, rate: 5}, {code: vat, rate: 6}, {code: vat, rate: 7}]
    plans: [{code: pro, price: 100}]
    timeline:
      - {at: 2026-01-01, do: subscribe, plan: pro}
    """

    with pytest.raises(ScenarioInvalid, match="second rate"):
        told(text)

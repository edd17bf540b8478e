"""Usage that is billed event by event, and prepaid credits, in a scenario."""

import pytest

from tests.simulator.scenes import told

pytestmark = pytest.mark.django_db
METERED = """
meters: [{code: calls}]
plans:
  - code: plan
    charges: [{meter: calls, price: 1, pay_in_advance: PAID_AHEAD}]
timeline:
  - {at: 2026-01-01, do: subscribe, plan: plan}
"""


def test_each_event_has_an_invoice_of_its_own_where_usage_is_in_advance() -> None:
    text = METERED.replace("PAID_AHEAD", "true") + (
        "  - {at: 2026-01-05, do: use, units: 2, times: 3,\n"
        "     expect: {invoices: [{kind: ahead, total: 2}, {total: 2}, {total: 2}]}}\n"
        "  - {at: 2026-02-01, expect: {nothing_billed: true}}\n"
    )

    assert told(text) == []


def test_what_a_coupon_took_off_an_event_is_not_billed_with_the_next() -> None:
    text = METERED.replace("PAID_AHEAD", "true").replace(
        "timeline:\n",
        "coupons: [{code: tenth, percent: 10, duration: forever}]\n"
        "timeline:\n  - {at: 2026-01-01, do: apply_coupon, coupon: tenth}\n",
    ) + (
        "  - {at: 2026-01-05, do: use, units: 2, times: 3,\n"
        "     expect: {invoices: [{total_cents: 180}, {total_cents: 180}, {total_cents: 180}]}}\n"
        "  - {at: 2026-02-01, expect: {nothing_billed: true}}\n"
    )

    assert told(text) == []


def test_bought_credits_are_there_when_they_are_paid_and_pay_what_comes() -> None:
    text = METERED.replace("PAID_AHEAD", "false") + (
        "  - {at: 2026-01-02, do: top_up_wallet, amount: 5, paid: true,\n"
        "     expect: {invoice: {kind: top_up, total: 5}, balance: {prepaid: 0}}}\n"
        "  - {at: 2026-01-03, do: pay, expect: {balance: {prepaid: 5}}}\n"
        "  - {at: 2026-01-05, do: use, units: 7}\n"
        "  - {at: 2026-02-01, expect: {invoice: {prepaid: 5, due: 2}, balance: {prepaid: 0}}}\n"
    )

    assert told(text) == []


def test_credits_that_expire_are_gone() -> None:
    text = METERED.replace("PAID_AHEAD", "false") + (
        "  - {at: 2026-01-02, do: top_up_wallet, amount: 5, expires: 2026-01-10}\n"
        "  - {at: 2026-01-11, expect: {balance: {prepaid: 0}}}\n"
    )

    assert told(text) == []


def test_a_line_about_nothing_need_not_be_there_but_may_not_be_about_something() -> None:
    text = METERED.replace("PAID_AHEAD", "false") + (
        "  - {at: 2026-01-05, do: use, units: 7}\n"
        "  - at: 2026-02-01\n"
        "    expect: {invoice: {has_lines: [{code: other, amount: 0}, {code: calls, amount: 0}]}}\n"
    )

    assert told(text) == [
        "line 10, timeline[3].expect.invoice.has_lines[2].amount: expected 0, got 7"
    ]

"""A refusal names the customer's own day, which east of Greenwich is not that of UTC."""

import pytest

from tests.simulator.scenes import told

pytestmark = pytest.mark.django_db


def test_refusals_say_the_end_by_the_customers_calendar() -> None:
    text = """
    time_zone: Europe/Berlin
    plans:
      - {code: team, price: 31}
      - {code: more, price: 62}
      - {code: help, price: 10, add_on: true}
    timeline:
      - {at: 2026-01-01, do: subscribe, plan: team}
      - {at: 2026-01-02T09:00, do: set_add_on, plan: help}
      - {at: 2026-01-05T09:00, do: cancel, on: 2026-01-20}
      - at: 2026-01-06T09:00
        do: cancel
        on: 2026-01-25
        expect: {refused: its end is scheduled already for 2026-01-21}
      - at: 2026-01-06T10:00
        do: set_add_on
        plan: help
        quantity: 0
        expect: {refused: "the subscription ends on 2026-01-21, its add-ons with it"}
      - at: 2026-01-06T11:00
        do: change_plan
        plan: more
        on: 2026-01-15
        expect: {refused: its end is scheduled for 2026-01-21}
      - {at: 2026-01-22T09:00, do: cancel, expect: {refused: ended on 2026-01-21}}
    """

    assert told(text) == []

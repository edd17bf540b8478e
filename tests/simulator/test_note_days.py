"""Why unused time is given back names the customer's own day."""

import pytest

from tests.simulator.scenes import told

pytestmark = pytest.mark.django_db


def test_a_note_says_since_which_day_of_the_customer_nothing_is_used() -> None:
    text = """
    time_zone: Europe/Berlin
    plans: [{code: team, price: 31}, {code: more, price: 62}]
    timeline:
      - {at: 2026-01-01, do: subscribe, plan: team}
      - at: 2026-01-10T09:00
        do: pause
        expect: {credit_note: {total: 21, reason: Paused from 2026-01-11}}
      - {at: 2026-01-15T09:00, do: resume}
      - at: 2026-01-20T09:00
        do: cancel
        expect: {credit_note: {total: 11, reason: Unused time from 2026-01-21}}
    """

    assert told(text) == []

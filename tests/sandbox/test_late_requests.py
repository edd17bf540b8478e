"""Requests that are executed when whoever made them has stopped waiting."""

from typing import Any
from uuid import uuid4

import pytest
import stripe

from tests.sandbox.server import RunningSandbox
from tests.sandbox.test_faults import MATCH, attempt

HOUR = 3600


def _made(client: Any, customer: str) -> int:
    return len(client.payment_intents.list({"customer": customer}).data)


def _sent_late(sandbox: RunningSandbox, client: Any, customer: str, seconds: int) -> str:
    key = str(uuid4())
    sandbox.control.add_fault(MATCH, "late", seconds=seconds)
    with pytest.raises(stripe.APIConnectionError):
        attempt(client, customer, key)
    return key


def test_it_is_done_after_its_time_and_not_before(
    sandbox: RunningSandbox, client: Any, customer: str
) -> None:
    _sent_late(sandbox, client, customer, HOUR)
    before = _made(client, customer)

    sandbox.control.advance_clock(HOUR + 1)

    assert (before, _made(client, customer)) == (0, 1)


def test_after_a_jump_of_days_it_was_done_at_its_own_moment(
    sandbox: RunningSandbox, client: Any, customer: str
) -> None:
    sent_at = sandbox.control.stats()["now"]
    _sent_late(sandbox, client, customer, HOUR)

    sandbox.control.advance_clock(40 * HOUR)

    intent = client.payment_intents.list({"customer": customer}).data[0]
    assert sent_at < intent.created <= sent_at + HOUR + 2


def test_the_same_key_before_and_the_late_request_make_one_charge(
    sandbox: RunningSandbox, client: Any, customer: str
) -> None:
    key = _sent_late(sandbox, client, customer, HOUR)
    again = attempt(client, customer, key)

    sandbox.control.advance_clock(HOUR + 1)

    assert [one.id for one in client.payment_intents.list({"customer": customer}).data] == [
        again.id
    ]

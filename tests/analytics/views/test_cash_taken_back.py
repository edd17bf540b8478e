"""The cash collected is without what banks have taken back."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from analytics.queries import cash_in, taken_back_in
from billing.domain.disputes import DisputeState
from finance.services.posting import post_documents
from tests.billing.services.disputes.test_disputes import (
    MONEY,
    NOTHING,
    gateways,
    given_back,
    paid_by_hand,
    report,
    taken,
    tell,
)
from tests.factories.accounts import make_user
from tests.scripted_gateway import TwoGateways
from tests.stripe_world import NOW
from tiktoktoe.kernel import clock
from tiktoktoe.kernel.money import Money

__all__ = ["gateways"]  # fixture
pytestmark = pytest.mark.django_db
LONG_AGO, FAR = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)


def cash() -> Money:
    return cash_in(start=LONG_AGO, end=FAR, currency="USD").amount


def test_a_disputed_payment_is_no_cash_until_the_dispute_is_won(gateways: TwoGateways) -> None:
    attempt = paid_by_hand(gateways)
    before = cash()

    tell(attempt, report(DisputeState.NEEDS_RESPONSE, movements=taken()))
    meanwhile = cash()
    tell(attempt, report(DisputeState.WON, days=9, movements=given_back()))

    assert (before, meanwhile, cash()) == (MONEY, NOTHING, MONEY)
    moved = taken_back_in(start=LONG_AGO, end=FAR, currency="USD")
    assert {row.what for row in moved} == {"Disputed", "Dispute won"}


def test_the_page_of_cash_names_what_was_taken_back(gateways: TwoGateways) -> None:
    dispute = tell(paid_by_hand(gateways), report(DisputeState.NEEDS_RESPONSE, movements=taken()))
    post_documents(at=NOW)  # the page is in the currencies of the books
    client = Client()
    client.force_login(make_user())

    with clock.moved_to(dispute.entries.get(kind="funds").at):
        page = client.get("/overview/cash/")

    assert page.context["lost"] == MONEY
    assert "Taken back by banks" in page.content.decode()

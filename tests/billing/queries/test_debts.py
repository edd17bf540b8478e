"""Whom requests and overdue states would touch today."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from pytest_django import DjangoAssertNumQueries

from billing.domain.overdue import OverdueTerms, RequestTerms
from billing.models import DunningRequest, Invoice
from billing.queries.debts import touched_by
from billing.services.dunning.campaigns import assign_campaign, publish_campaign
from billing.services.dunning.overdue import update_overdue
from billing.services.dunning.requests import request_overdue
from subscriptions.models import Customer
from tests.factories.billing import open_invoice
from tests.factories.dunning import campaign_terms
from tests.factories.subscriptions import JAN_1, TEST_ACTOR, make_customer
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
OLD = OverdueTerms(name="OLD", days_since_earliest_unpaid=30, blocks_service=True)
SOME = OverdueTerms(name="SOME", unpaid_amount=Decimal(100))
TERMS = RequestTerms(thresholds={"USD": Decimal(99)}, requests_max=2, days_between=3)
LATE = JAN_1 + timedelta(days=20)  # due after 14


def _owing(at: datetime = JAN_1) -> Customer:
    customer = make_customer()
    open_invoice(at, customer=customer)
    return customer


def test_who_owes_enough_would_be_asked_and_others_not() -> None:
    customer = _owing()
    more = RequestTerms(thresholds={"USD": Decimal("99.01")}, requests_max=2, days_between=3)

    (row,) = touched_by(requests=TERMS, states=[], at=LATE)

    assert (row.customer, row.asked, row.state) == (customer, [Money("99.00", "USD")], None)
    assert touched_by(requests=more, states=[], at=LATE) == []
    assert touched_by(requests=TERMS, states=[], at=JAN_1 + timedelta(days=2)) == []


def test_it_says_what_the_pass_then_does() -> None:
    young, old = _owing(), _owing(JAN_1 - timedelta(days=10))
    states = [SOME, OLD]
    said = touched_by(requests=TERMS, states=states, at=LATE)

    campaign = publish_campaign(
        code="whole",
        name="Whole",
        terms=campaign_terms(""),
        actor=TEST_ACTOR,
        at=LATE,
        requests=TERMS,
        states=states,
    )
    assign_campaign(campaign=campaign, actor=TEST_ACTOR, at=LATE)
    request_overdue(at=LATE)
    update_overdue(at=LATE)

    asked = {row.customer.pk: [money.amount for money in row.asked] for row in said}
    made = DunningRequest.objects.values_list("series__customer", "amount")
    assert asked == {young.pk: [Decimal(99)], old.pk: [Decimal(99)]}
    assert {pk: [amount] for pk, amount in made} == asked
    assert [row.state and row.state.name for row in said] == [None, "OLD"]
    (again,) = touched_by(requests=TERMS, states=states, at=LATE)  # asked a moment ago
    assert (again.customer, again.asked, again.state_now) == (old, [], "OLD")


def test_without_states_whoever_is_in_one_would_come_out_of_it() -> None:
    _owing()
    campaign = publish_campaign(
        code="whole",
        name="Whole",
        terms=campaign_terms(""),
        actor=TEST_ACTOR,
        at=LATE,
        states=[OLD],
    )
    assign_campaign(campaign=campaign, actor=TEST_ACTOR, at=LATE)
    update_overdue(at=JAN_1 + timedelta(days=31))

    (row,) = touched_by(requests=None, states=[], at=JAN_1 + timedelta(days=31))

    assert (row.state_now, row.state, row.changes_state) == ("OLD", None, True)


def test_it_takes_as_many_queries_for_many_customers(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(3):
        _owing()
    assert Invoice.objects.count() == 3

    with django_assert_num_queries(6):
        assert len(touched_by(requests=TERMS, states=[OLD], at=LATE)) == 3

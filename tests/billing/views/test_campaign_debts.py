"""Campaigns over whole debts on their page: written, previewed, put in force from a day on."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import Error, connection, transaction
from django.test import Client

from billing.models import DunningCampaign, DunningRequest, DunningRule, OverdueState
from billing.services.dunning.campaigns import company_campaign
from tests.billing.views.test_dunning_pages import FORM
from tests.factories.accounts import make_user
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import JAN_1, make_customer
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel import clock
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
NEW = "/dunning/campaigns/new/"
LATE = JAN_1 + timedelta(days=20)
DEBTS: dict[str, Any] = {
    **FORM,
    "requests_max": "3",
    "days_between": "7",
    "thresholds-TOTAL_FORMS": "3",
    "thresholds-0-currency": "usd",
    "thresholds-0-amount": "50",
    "thresholds-1-currency": "EUR",
    "thresholds-1-amount": "40.50",
    "thresholds-2-currency": "",
    "thresholds-2-amount": "",
    "states-TOTAL_FORMS": "2",
    "states-0-name": "late",
    "states-0-days": "10",
    "states-0-blocks_changes": "on",
    "states-1-name": "very late",
    "states-1-days": "30",
    "states-1-invoices": "2",
    "states-1-amount": "100",
    "states-1-blocks_service": "on",
}


@pytest.fixture
def finance(client: Client) -> Client:
    """Somebody who may change billing."""
    client.force_login(make_user(role=Role.FINANCE))
    return client


def _counted(at: datetime) -> str:
    return str(company_campaign(at))


def test_amounts_and_states_are_kept_as_they_were_typed(finance: Client) -> None:
    finance.post(NEW, DEBTS)

    campaign = DunningCampaign.objects.get(code="firm")
    assert (campaign.requests_max, campaign.days_between) == (3, 7)
    amounts = {row.currency: row.amount for row in campaign.thresholds.all()}
    assert amounts == {"USD": Decimal(50), "EUR": Decimal("40.50")}
    late, very_late = campaign.states.all()
    assert (late.terms.days_since_earliest_unpaid, late.blocks_changes) == (10, True)
    assert (very_late.unpaid_invoices, very_late.unpaid_amount) == (2, Decimal(100))
    assert (very_late.blocks_service, very_late.blocks_changes) == (True, False)


def test_a_new_version_starts_with_all_that_the_one_before_says(finance: Client) -> None:
    finance.post(NEW, DEBTS)

    debts = finance.get(f"{NEW}?after=firm:1").context["debts"]

    assert debts.requests_form.initial == {"requests_max": 3, "days_between": 7}
    amounts = [(row["currency"], row["amount"]) for row in debts.thresholds.initial]
    assert amounts == [("EUR", "40.5"), ("USD", "50")]
    assert [row["name"] for row in debts.states_rows.initial] == ["late", "very late"]


def test_the_preview_names_whom_it_would_touch_and_writes_nothing(finance: Client) -> None:
    customer = make_customer()
    open_invoice(customer=customer)

    with clock.moved_to(LATE):
        page = finance.post(NEW, {**DEBTS, "preview": "1"})

    (row,) = page.context["touched"]
    assert (page.status_code, row.customer, row.asked) == (200, customer, [Money("99.00", "USD")])
    assert row.state.name == "late"
    assert customer.name in page.content.decode()
    assert not DunningCampaign.objects.filter(code="firm").exists()
    assert not DunningRequest.objects.exists()


def test_the_page_of_a_kept_version_shows_the_same(finance: Client) -> None:
    open_invoice(customer=make_customer())
    finance.post(NEW, DEBTS)

    with clock.moved_to(LATE):
        page = finance.get("/dunning/campaigns/firm/1/")

    assert [row.state.name for row in page.context["touched"]] == ["late"]
    assert "at most 3 requests in a currency" in page.content.decode()


REFUSED: list[tuple[dict[str, str], str]] = [
    ({"requests_max": ""}, "Say it, where a currency has a threshold."),
    ({"thresholds-1-currency": "USD"}, "Each currency has one threshold."),
    ({"thresholds-1-currency": "XQX"}, "XQX"),
    ({"states-1-name": "late"}, "each state has a name of its own"),
    ({"states-0-days": ""}, "late has no condition"),
    ({"thresholds-0-amount": "-1"}, "greater than or equal to 0"),
]


def test_what_says_nothing_is_refused_in_words(finance: Client) -> None:
    for changed, words in REFUSED:
        page = finance.post(NEW, {**DEBTS, **changed})

        assert page.status_code == 422, changed
        assert words in page.content.decode()
    assert not DunningCampaign.objects.filter(code="firm").exists()


def test_it_counts_from_a_day_to_come_on_and_not_before(finance: Client) -> None:
    finance.post(NEW, DEBTS)

    with clock.moved_to(LATE):
        finance.post(
            "/dunning/campaigns/firm/1/assignment/", {"plan": "", "from_day": "2026-02-01"}
        )
        page = finance.get("/dunning/campaigns/")

    assert [str(rule.campaign) for rule in page.context["to_come"]] == ["Firm (version 1)"]
    assert _counted(datetime(2026, 1, 31, 23, tzinfo=UTC)) != "Firm (version 1)"
    assert _counted(datetime(2026, 2, 1, tzinfo=UTC)) == "Firm (version 1)"


def test_a_day_that_is_over_is_refused(finance: Client) -> None:
    finance.post(NEW, DEBTS)

    with clock.moved_to(LATE):
        finance.post(
            "/dunning/campaigns/firm/1/assignment/", {"plan": "", "from_day": "2026-01-20"}
        )
        finance.post("/dunning/campaigns/firm/1/assignment/", {"plan": "", "from_day": "soon"})

    assert not DunningRule.objects.filter(campaign__code="firm").exists()


def test_whoever_may_only_look_cannot_write_one(client: Client) -> None:
    client.force_login(make_user(role=Role.SUPPORT))

    assert client.post(NEW, {**DEBTS, "preview": "1"}).status_code == 403


@pytest.mark.parametrize("table", ["billing_dunningthreshold", "billing_overduestate"])
def test_the_database_keeps_what_was_put_in_force(finance: Client, table: str) -> None:
    finance.post(NEW, DEBTS)
    finance.post("/dunning/campaigns/firm/1/assignment/", {"plan": ""})
    campaign = DunningCampaign.objects.get(code="firm")

    with pytest.raises(Error), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table}")
    with pytest.raises(Error), transaction.atomic():
        OverdueState.objects.create(campaign=campaign, position=9, name="x", unpaid_invoices=1)

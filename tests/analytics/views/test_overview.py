from datetime import UTC, datetime

import pytest
from django.test import Client

from analytics.services.movements import record_movements
from billing.services.payments.charging import charge_invoice
from finance.domain import chart
from finance.models import Account
from finance.queries import currencies_used
from finance.services.posting import post_documents
from tests.factories.accounts import make_user
from tests.factories.billing import one_off_invoice
from tests.factories.subscriptions import JAN_1, make_customer, make_member, subscription_since
from tests.stripe_world import (
    NOW,
    PERSON,
    StripeWorld,
    customer_with_card,
    customer_with_token,
    first_invoice_of,
)
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel import clock
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db
FEB_10 = datetime(2026, 2, 10, tzinfo=UTC)


def client_of(role: Role) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


def test_the_overview_shows_mrr_and_leads_to_its_movements() -> None:
    subscription = subscription_since(JAN_1)
    record_movements(at=JAN_1)

    with clock.moved_to(FEB_10):
        client = client_of(Role.FINANCE)
        overview = client.get("/overview/")
        mrr = client.get("/overview/mrr/?month=2026-01&kind=new")

    assert "$99.00" in overview.content.decode()
    assert "/overview/mrr/?currency=USD" in overview.content.decode()
    assert subscription.customer.name in mrr.content.decode()


def test_a_currency_that_is_only_charged_once_in_is_there_too() -> None:
    subscription_since(JAN_1)
    once = one_off_invoice(customer=make_customer(currency="JPY"), amount="7000")
    post_documents(at=FEB_10)

    page = client_of(Role.FINANCE).get("/overview/")
    other = client_of(Role.FINANCE).get("/overview/?currency=JPY")

    assert page.context["currency"] == "USD"
    assert page.context["currencies"] == ["USD", "JPY"]
    assert other.context["owed"].amount == once.total == Money(7000, "JPY")
    assert currencies_used(Account.objects.get(code=chart.RECEIVABLE)) == ["JPY"]


def test_the_overview_of_an_empty_company_works() -> None:
    assert client_of(Role.FINANCE).get("/overview/").status_code == 200
    for path in ("mrr/", "cash/", "cash/?month=2026-02", "cash/?month=x", "failed-payments/"):
        assert client_of(Role.FINANCE).get(f"/overview/{path}").status_code == 200


def test_support_and_customers_do_not_see_it() -> None:
    member = Client()
    member.force_login(make_member().user)

    for path in ("/overview/", "/overview/mrr/", "/overview/cash/", "/overview/failed-payments/"):
        assert client_of(Role.SUPPORT).get(path).status_code == 403
        assert member.get(path).status_code == 403
        assert Client().get(path).status_code == 302


def test_the_lists_behind_the_figures_add_up_to_them(stripe: StripeWorld) -> None:
    good, bad = customer_with_card(stripe), customer_with_token("pm_card_chargeDeclined")
    for customer in (good, bad):
        charge_invoice(invoice=first_invoice_of(customer), actor=PERSON, at=NOW)

    with clock.moved_to(NOW):
        client = client_of(Role.FINANCE)
        overview = client.get("/overview/").context
        cash = client.get("/overview/cash/").context
        failed = client.get("/overview/failed-payments/").context

    assert cash["collected"] == overview["cash"].amount == Money(99, "USD")
    assert failed["total"] == overview["failed"].amount == Money(99, "USD")
    assert [invoice.customer for invoice in failed["invoices"]] == [bad]

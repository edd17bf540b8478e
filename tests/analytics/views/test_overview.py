from datetime import UTC, datetime

import pytest
from django.test import Client

from analytics.services.movements import record_movements
from tests.factories.accounts import make_user
from tests.factories.subscriptions import JAN_1, make_member, subscription_since
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel import clock

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


def test_the_overview_of_an_empty_company_works() -> None:
    assert client_of(Role.FINANCE).get("/overview/").status_code == 200
    assert client_of(Role.FINANCE).get("/overview/mrr/").status_code == 200


def test_support_and_customers_do_not_see_it() -> None:
    member = Client()
    member.force_login(make_member().user)

    for path in ("/overview/", "/overview/mrr/"):
        assert client_of(Role.SUPPORT).get(path).status_code == 403
        assert member.get(path).status_code == 403
        assert Client().get(path).status_code == 302

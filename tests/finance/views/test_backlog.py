import pytest
from django.test import Client

from finance.services.posting import post_documents
from tests.factories.accounts import make_user
from tests.factories.billing import open_invoice
from tests.factories.subscriptions import JAN_1
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db


def test_what_waits_is_named_until_it_is_posted() -> None:
    invoice = open_invoice()
    client = Client()
    client.force_login(make_user())

    before = client.get("/books/unposted/")
    post_documents(at=JAN_1)
    after = client.get("/books/unposted/")

    assert before.context["total"] == 1
    assert f"/invoices/{invoice.number}/" in before.content.decode()
    assert after.context["total"] == 0
    assert "The books are up to date" in after.content.decode()


def test_support_does_not_see_it() -> None:
    client = Client()
    client.force_login(make_user(Role.SUPPORT))

    assert client.get("/books/unposted/").status_code == 403

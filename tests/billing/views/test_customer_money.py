"""The top of a customer's page: what is owed, was paid and is held."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from tests.factories.accounts import make_user
from tests.factories.billing import one_off_invoice
from tests.factories.subscriptions import JAN_1
from tests.finance.services.test_posting import pay
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db
JAN_9 = datetime(2026, 1, 9, tzinfo=UTC)


def page_of(customer_id: int) -> str:
    client = Client()
    client.force_login(make_user(Role.SUPPORT))
    return client.get(f"/customers/{customer_id}/money/").content.decode()


def test_what_is_owed_and_late_leads_to_the_invoices_it_is_made_of() -> None:
    invoice = one_off_invoice(JAN_1)

    page = page_of(invoice.customer_id)

    owed = f"/invoices/?customer={invoice.customer_id}&amp;currency=USD&amp;state="
    assert f'href="{owed}owed"' in page
    assert f'href="{owed}overdue"' in page
    assert str(invoice.number) in page


def test_what_was_paid_is_not_owed() -> None:
    invoice = one_off_invoice(JAN_1)
    pay(invoice, at=JAN_9)

    page = page_of(invoice.customer_id)

    assert "USD paid" in page
    assert "USD owed" not in page


def test_a_customer_without_an_invoice_owes_nothing() -> None:
    invoice = one_off_invoice(JAN_1)
    invoice.customer.pk = None
    invoice.customer.external_id = "cus-without-invoice"
    invoice.customer.save()

    page = page_of(invoice.customer.pk)

    assert "Nothing" in page
    assert "Latest invoices" not in page

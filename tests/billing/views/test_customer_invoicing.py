"""Staff let a customer's subscriptions come on one invoice; its pages say which line is whose."""

import pytest
from django.test import Client
from django.urls import reverse

from billing.models import InvoicingTerms
from billing.services.invoices.renewal import run_billing
from tests.billing.services.invoices.test_consolidated import FEB_1, renewed, two
from tests.factories.accounts import make_user
from tests.factories.subscriptions import make_customer, make_member
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel import clock

pytestmark = pytest.mark.django_db


def test_finance_turns_it_on_and_off(client: Client) -> None:
    customer = make_customer()
    client.force_login(make_user(Role.FINANCE))
    address = f"/customers/{customer.pk}/invoicing/"

    client.post(address, {"together": ["USD"]})
    on = InvoicingTerms.objects.get().is_consolidated
    page = client.get(address).content.decode()
    client.post(address, {})

    assert on
    assert "checked" in page
    assert not InvoicingTerms.objects.get().is_consolidated


def test_support_does_not(client: Client) -> None:
    customer = make_customer()
    client.force_login(make_user(Role.SUPPORT))

    assert client.get(f"/customers/{customer.pk}/invoicing/").status_code == 403


def test_the_invoice_is_found_by_each_subscription_and_shows_them(client: Client) -> None:
    team, mail = two()
    run_billing(at=FEB_1)
    (invoice,) = renewed()
    client.force_login(make_user(Role.FINANCE))

    found = client.get("/invoices/", {"q": mail.reference}).content.decode()
    page = client.get(f"/invoices/{invoice.number}/").content.decode()
    client.force_login(make_member(team.customer).user)
    portal = client.get(f"/portal/invoices/{invoice.number}/").content.decode()
    pdf = client.get(f"/portal/invoices/{invoice.number}/pdf/")

    assert str(invoice.number) in found
    for shown in (page, portal):
        assert f"{team.reference}" in shown
        assert f"{mail.reference}" in shown
    assert pdf["Content-Type"] == "application/pdf"


@pytest.mark.django_db(transaction=True)
def test_what_would_be_billed_names_all_its_subscriptions(client: Client) -> None:
    team, mail = two()
    client.force_login(make_user(Role.FINANCE))

    with clock.moved_to(FEB_1):
        page = client.post(reverse("dry_run_start"), {"day": ""}, follow=True).content.decode()

    assert team.reference in page
    assert mail.reference in page

"""Staff charge a customer once: written, seen, kept as a draft or issued; shown in the portal."""

import pytest
from django.test import Client

from billing.models import Invoice
from tests.billing.services.invoices.test_one_off import taxed
from tests.factories.accounts import make_user
from tests.factories.subscriptions import make_customer, make_member
from tiktoktoe.accounts.roles import Role
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db


def typed(act: str, **changes: str) -> dict[str, str]:
    """Training of 375.00 and, in the third row, a book of 25.00 at the reduced rate."""
    return {
        "lines-TOTAL_FORMS": "3",
        "lines-INITIAL_FORMS": "0",
        "lines-0-description": "Training",
        "lines-0-quantity": "2.5",
        "lines-0-unit_price": "150",
        "lines-2-description": "Handbook",
        "lines-2-unit_price": "25",
        "lines-2-tax_category": "books",
        "currency": "eur",
        "due_days": "30",
        "key": "k",
        "act": act,
        **changes,
    }


def test_it_is_seen_before_it_is_issued_and_issued_once(client: Client) -> None:
    taxed()
    customer = make_customer(country="DE")
    client.force_login(make_user(Role.FINANCE))
    address = f"/customers/{customer.pk}/charges/new/"

    page = client.post(address, typed("preview")).content.decode()
    seen = Invoice.objects.count()
    first = client.post(address, typed("issue"))
    again = client.post(address, typed("issue"))

    assert seen == 0
    assert "€473.00" in page
    invoice = Invoice.objects.get()
    assert invoice.total == Money("473.00", "EUR")
    assert first["Location"] == again["Location"] == f"/invoices/{invoice.number}/"


def test_a_draft_is_kept_and_issued_on_its_own_page(client: Client) -> None:
    taxed()
    customer = make_customer(country="DE")
    client.force_login(make_user(Role.FINANCE))

    client.post(f"/customers/{customer.pk}/charges/new/", typed("draft"))
    draft = Invoice.objects.get()
    client.post(f"/invoices/{draft.pk}/finalization/")

    assert draft.state == "draft"
    assert Invoice.objects.get().state == "open"


def test_what_cannot_be_charged_is_named(client: Client) -> None:
    taxed()
    customer = make_customer(country="DE")
    client.force_login(make_user(Role.FINANCE))
    address = f"/customers/{customer.pk}/charges/new/"
    empty = {"lines-TOTAL_FORMS": "1", "lines-INITIAL_FORMS": "0", "currency": "EUR", "key": "k"}

    assert "at least one line" in client.post(address, empty).content.decode()
    wrong = client.post(address, typed("issue", **{"lines-0-quantity": "-1", "currency": "XQX"}))
    assert "is no currency" in wrong.content.decode()
    assert "greater than or equal to 0" in wrong.content.decode()
    assert not Invoice.objects.exists()


def test_support_does_not_charge(client: Client) -> None:
    customer = make_customer()
    client.force_login(make_user(Role.SUPPORT))

    assert client.get(f"/customers/{customer.pk}/charges/new/").status_code == 403


def test_the_customer_sees_it_in_the_portal_and_has_its_file(client: Client) -> None:
    taxed()
    customer = make_customer(country="DE")
    client.force_login(make_user(Role.FINANCE))
    client.post(f"/customers/{customer.pk}/charges/new/", typed("issue"))
    invoice = Invoice.objects.get()
    client.force_login(make_member(customer).user)

    page = client.get(f"/portal/invoices/{invoice.number}/").content.decode()
    pdf = client.get(f"/portal/invoices/{invoice.number}/pdf/")
    line = client.get(f"/portal/invoices/{invoice.number}/lines/{invoice.lines.first().pk}/")  # type: ignore[union-attr]

    assert "Handbook" in page
    assert pdf["Content-Type"] == "application/pdf"
    assert "2.5" in line.content.decode()

import pytest
from django.test import Client

from tests.factories.accounts import make_user
from tests.factories.finance import make_entry, post_entry
from tiktoktoe.accounts.roles import Role

pytestmark = pytest.mark.django_db

PAGES = ["journalentry", "account", "entity", "nothingtopost"]


def test_the_admin_lists_the_books_and_offers_no_change(client: Client) -> None:
    post_entry(make_entry("e1"))
    client.force_login(make_user(is_superuser=True))

    for page in PAGES:
        listed = client.get(f"/admin/finance/{page}/?q=")
        added = client.get(f"/admin/finance/{page}/add/")

        assert (listed.status_code, added.status_code) == (200, 403), page


def test_the_admin_shows_an_entry_with_its_postings(client: Client) -> None:
    entry = post_entry(make_entry("e1"))
    client.force_login(make_user(is_superuser=True))

    page = client.get(f"/admin/finance/journalentry/{entry.pk}/change/").content.decode()

    assert "1100 Gateway clearing: $119.00" in page
    assert "1200 Accounts receivable: \u2212$119.00" in page
    assert 'name="_save"' not in page


@pytest.mark.parametrize("role", [Role.FINANCE, Role.SUPPORT, Role.CUSTOMER])
def test_the_admin_shows_the_books_to_superusers_only(client: Client, role: Role) -> None:
    client.force_login(make_user(role))

    assert client.get("/admin/finance/journalentry/").status_code in {302, 403}

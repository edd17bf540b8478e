"""The plain admin under the strict policy, in our colours."""

import os
from pathlib import Path

import pytest

from tests.browser.reader import Reader
from tests.factories.accounts import make_user
from tests.factories.subscriptions import make_customer
from tiktoktoe.accounts.models import User

PICTURES = os.environ.get("PICTURES", "")


@pytest.fixture
def admin_reader(reader: Reader) -> Reader:
    """A superuser in the admin."""
    reader.sign_in(make_user(is_superuser=True))
    return reader


def paths(user: User) -> list[str]:
    """A page of each kind."""
    customer = make_customer()
    return [
        "/admin/",
        "/admin/subscriptions/customer/",
        f"/admin/subscriptions/customer/{customer.pk}/change/",
        "/admin/accounts/user/",
        f"/admin/accounts/user/{user.pk}/change/",
        "/admin/accounts/user/add/",
    ]


def test_the_admin_keeps_to_the_policy(admin_reader: Reader) -> None:
    for path in paths(make_user()):
        page = admin_reader.open(path)

        assert admin_reader.policy_violations() == [], path
        assert admin_reader.complaints == [], path
        if PICTURES:
            name = path.strip("/").replace("/", "-")
            page.screenshot(path=Path(PICTURES) / f"{name}.png")


def test_the_admin_index_and_list_are_accessible(admin_reader: Reader) -> None:
    make_customer()

    admin_reader.audit("/admin/")
    admin_reader.audit("/admin/subscriptions/customer/")

"""What each role finds in the navigation."""

import pytest
from django.test import Client
from django.urls import resolve

from tests.factories.accounts import make_user
from tiktoktoe.accounts.models import User
from tiktoktoe.accounts.roles import Permission, Role
from tiktoktoe.web.access import access_rule
from tiktoktoe.web.menu import STAFF_MENU, MenuEntry, MenuGroup, shown_menu

MENU = (
    MenuGroup("", (MenuEntry("Home", "home", "home", Permission.VIEW_BILLING),)),
    MenuGroup(
        "Books",
        (
            MenuEntry("Password", "key", "password_change", Permission.VIEW_BOOKS),
            MenuEntry("Changed", "key", "password_changed", Permission.VIEW_BOOKS),
            MenuEntry("Nowhere", "key", "no_such_page", Permission.VIEW_BOOKS),
        ),
    ),
)


def labels(role: Role | None) -> list[str]:
    user = User(email="a@example.com", role=role) if role else None
    return [e.label for group in shown_menu(MENU, user=user, path="/") for e in group.entries]


def test_an_entry_shows_to_those_who_may_open_it_once_the_page_exists() -> None:
    assert labels(Role.FINANCE) == ["Home", "Password", "Changed"]
    assert labels(Role.SUPPORT) == ["Home"]
    assert labels(Role.CUSTOMER) == []
    assert labels(None) == []


def test_a_group_without_entries_is_not_shown() -> None:
    user = User(email="a@example.com", role=Role.SUPPORT)

    assert [group.label for group in shown_menu(MENU, user=user, path="/")] == [""]


@pytest.mark.parametrize(
    ("path", "current"),
    [
        ("/password/", "Password"),
        ("/password/changed/", "Changed"),
        ("/password/other/", "Password"),
        ("/elsewhere/", "Home"),
    ],
)
def test_the_entry_closest_to_the_page_is_marked(path: str, current: str) -> None:
    user = User(email="a@example.com", role=Role.FINANCE)

    shown = shown_menu(MENU, user=user, path=path)

    assert [e.label for group in shown for e in group.entries if e.is_current] == [current]


def test_a_page_may_name_its_entry_itself() -> None:
    user = User(email="a@example.com", role=Role.FINANCE)

    shown = shown_menu(MENU, user=user, path="/", current="password_change")

    assert [e.label for group in shown for e in group.entries if e.is_current] == ["Password"]


def test_support_is_never_shown_the_books() -> None:
    user = User(email="a@example.com", role=Role.SUPPORT)

    assert "Books" not in [group.label for group in shown_menu(STAFF_MENU, user=user, path="/")]


@pytest.mark.django_db
@pytest.mark.parametrize("role", list(Role))
def test_everyone_arrives_at_a_page_that_they_may_open(client: Client, role: Role) -> None:
    user = make_user(role)
    client.force_login(user)

    target = client.get("/").headers["Location"]

    rule = access_rule(resolve(target).func)
    assert rule == "signed_in" or user.may(Permission(rule))

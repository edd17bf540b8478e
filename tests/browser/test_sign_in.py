"""Signing in, signing out and errors, in a browser."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.reader import PHONE, Reader
from tests.factories.accounts import PASSWORD, make_user

PICTURES = os.environ.get("PICTURES", "")


def test_a_person_signs_in_comes_to_where_they_were_going_and_signs_out(reader: Reader) -> None:
    user = make_user()
    page = reader.open("/styleguide/")
    assert "/sign-in/" in page.url

    page.get_by_label("E-mail").fill(user.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/styleguide/")
    page.locator(".user-menu summary").click()
    page.get_by_role("button", name="Sign out").click()

    page.wait_for_url("**/sign-in/")
    assert reader.complaints == []


def test_a_wrong_password_is_answered_beside_the_form(reader: Reader) -> None:
    user = make_user()
    page = reader.open("/sign-in/")

    page.get_by_label("E-mail").fill(user.email)
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("alert")).to_contain_text("do not go together")


@pytest.mark.parametrize("path", ["/sign-in/", "/password/"])
def test_the_pages_around_signing_in_are_accessible(path: str, reader: Reader) -> None:
    if path == "/password/":
        reader.sign_in(make_user())

    reader.audit(path)


def test_the_page_for_a_wrong_address_is_accessible(reader: Reader) -> None:
    reader.audit("/no-such-page/", expect=404)


@pytest.mark.skipif(not PICTURES, reason="set PICTURES to a folder to keep pictures")
def test_pictures_for_people(reader: Reader) -> None:
    for path in ("/sign-in/", "/no-such-page/"):
        page = reader.open(path, expect=404 if "such" in path else 200)
        page.screenshot(path=Path(PICTURES) / f"{path.strip('/')}.png")
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        page.screenshot(path=Path(PICTURES) / f"{path.strip('/')}-390.png")

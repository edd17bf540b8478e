"""Chromium for browser tests; without it they are skipped, with the reason."""

import os
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from tests.browser.reader import Reader, scripts_of_a_reader
from tests.factories.accounts import make_user
from tiktoktoe.launcher.chromium import chromium_path


@pytest.fixture(scope="session")
def window() -> Iterator[Page]:
    """One window of one Chromium for the session, of a person in UTC whose browser is in English.

    It keeps the scripts it has fetched and compiled: a new one would work five times as long on
    each page. A reader leaves it as good as new.
    """
    path = chromium_path()
    if not path:
        pytest.skip("there is no Chromium on this machine; `make test` as root installs it")
    # Playwright's loop would otherwise make Django think that tests run asynchronously.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=path, args=["--no-sandbox"] if is_root else []
        )
        context = browser.new_context(timezone_id="UTC", locale="en-GB", reduced_motion="reduce")
        context.add_init_script(scripts_of_a_reader())
        yield context.new_page()
        browser.close()


@pytest.fixture
def reader(window: Page, live_server: LiveServer) -> Iterator[Reader]:
    """Somebody who comes to the site for the first time."""
    with Reader(window, live_server.url) as somebody:
        yield somebody


@pytest.fixture
def finance_reader(reader: Reader) -> Reader:
    """The same, signed in with the role finance."""
    reader.sign_in(make_user())
    return reader

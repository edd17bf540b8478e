"""Chromium for browser tests; without it they are skipped, with the reason."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright
from pytest_django.live_server_helper import LiveServer

from tests.browser.reader import DESKTOP, Reader
from tests.factories.accounts import make_user

NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium_path() -> str:
    """Where the system's Chromium is; empty when there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), "")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One Chromium for the session."""
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
        yield browser
        browser.close()


@pytest.fixture
def reader(chromium: Browser, live_server: LiveServer) -> Iterator[Reader]:
    """A fresh window on the site, of a reader in UTC whose browser is in English."""
    context = chromium.new_context(
        viewport=DESKTOP,  # type: ignore[arg-type]
        timezone_id="UTC",
        locale="en-GB",
        reduced_motion="reduce",
    )
    page = context.new_page()
    yield Reader(page, live_server.url)
    context.close()


@pytest.fixture
def finance_reader(reader: Reader) -> Reader:
    """The same, signed in with the role finance."""
    reader.sign_in(make_user())
    return reader

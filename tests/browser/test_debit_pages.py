"""A bank account given on Stripe's page: the pages that show it are accessible and fit a phone."""

import os
from pathlib import Path
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from tests.browser.reader import DESKTOP, PHONE, Reader
from tests.factories.accounts import make_user
from tests.factories.subscriptions import make_customer, make_member
from tests.stripe_world import StripeWorld
from tiktoktoe.accounts.roles import Role

PICTURES = os.environ.get("PICTURES", "")
METHODS = "/portal/payment-methods/"


@pytest.fixture
def world(stripe: StripeWorld, live_server: LiveServer, settings: Any) -> StripeWorld:
    """The sandbox, which sends people back to this very site."""
    settings.BASE_URL = live_server.url
    settings.CSP_FORM_ACTION = [stripe.address]
    return stripe


@pytest.mark.usefixtures("transactional_db")
def test_a_customer_gives_a_bank_account_and_sees_what_was_agreed_to(
    reader: Reader, world: StripeWorld
) -> None:
    joined = make_member(make_customer(currency="EUR", country="DE"))
    reader.sign_in(joined.user)
    page = reader.open(f"{METHODS}new/")
    page.get_by_role("button", name="Pay by direct debit").click()
    page.wait_for_url(f"{world.address}/**")
    assert page.get_by_text("By signing this mandate form").is_visible()
    page.locator("button[value=DE89370400440532013000]").click()

    page.wait_for_url(f"**{METHODS}")
    assert page.get_by_text("Sepa debit ending 3000 was added").is_visible()
    page.get_by_text("What was agreed to").click()
    reader.audit(METHODS)
    _take_pictures(reader, "portal-debit")
    reader.sign_in(make_user(Role.FINANCE))
    reader.audit("/bank/mandates/")
    _take_pictures(reader, "kept-mandates")


def _take_pictures(reader: Reader, name: str) -> None:
    """Keep pictures for the eye when PICTURES names a folder."""
    sizes: tuple[tuple[str, dict[str, int]], ...] = (("desktop", DESKTOP), ("phone", PHONE))
    for word, size in sizes if PICTURES else ():
        reader.page.set_viewport_size(size)  # type: ignore[arg-type]
        reader.page.screenshot(path=Path(PICTURES) / f"{name}-{word}.png", full_page=True)

"""A card at two gateways: the pages that show it are accessible and fit a phone."""

import os
from pathlib import Path
from typing import Any

import pytest
from pytest_django.live_server_helper import LiveServer

from tests.adyen_world import AdyenWorld
from tests.browser.reader import DESKTOP, PHONE, THEMES, Reader
from tests.factories.accounts import make_user
from tests.factories.subscriptions import make_customer, make_member
from tests.stripe_world import StripeWorld
from tiktoktoe.accounts.roles import Role

PICTURES = os.environ.get("PICTURES", "")
METHODS = "/portal/payment-methods/"


@pytest.fixture
def worlds(
    stripe: StripeWorld, adyen: AdyenWorld, live_server: LiveServer, settings: Any
) -> tuple[StripeWorld, AdyenWorld]:
    """Both sandboxes, which send people back to this very site."""
    settings.BASE_URL = live_server.url
    settings.CSP_FORM_ACTION = [stripe.address, adyen.address]
    return stripe, adyen


@pytest.mark.usefixtures("transactional_db")
def test_a_customer_keeps_a_card_at_a_second_gateway_by_hand(
    reader: Reader, worlds: tuple[StripeWorld, AdyenWorld]
) -> None:
    stripe, adyen = worlds
    customer = make_customer()
    reader.sign_in(make_member(customer).user)
    page = reader.open(f"{METHODS}new/")
    reader.audit(f"{METHODS}new/")
    _take_pictures(reader, "method-add")
    page.get_by_role("button", name="Continue at Stripe").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{stripe.address}/**")
    page.locator("button[value='4111111111111111']").click()

    page.wait_for_url(f"**{METHODS}")
    assert page.get_by_text("Visa ending 1111 was added").is_visible()
    _take_pictures(reader, "methods-offer")
    page.get_by_role("button", name="Keep Visa ending 1111 at Adyen too").click()
    page.wait_for_url(f"{adyen.address}/**")
    page.locator("button[value='4111111111111111']").click()

    page.wait_for_url(f"**{METHODS}")
    assert page.get_by_text("Visa ending 1111 is kept at Adyen too").is_visible()
    assert page.get_by_text("Kept at Stripe and Adyen").is_visible()
    reader.audit(METHODS)
    _take_pictures(reader, "methods-both")
    reader.sign_in(make_user(Role.SUPPORT))
    page = reader.open(f"/customers/{customer.pk}/")
    page.get_by_role("heading", name="Ways to pay").wait_for()
    _take_pictures(reader, "customer-ways")


def _take_pictures(reader: Reader, name: str) -> None:
    """Keep pictures for the eye when PICTURES names a folder."""
    sizes: tuple[tuple[str, dict[str, int]], ...] = (("desktop", DESKTOP), ("phone", PHONE))
    for word, size in sizes if PICTURES else ():
        for theme in THEMES:
            reader.page.set_viewport_size(size)  # type: ignore[arg-type]
            reader.turn(theme)
            reader.page.screenshot(
                path=Path(PICTURES) / f"{name}-{word}-{theme}.png", full_page=True
            )

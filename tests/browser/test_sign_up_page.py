"""The sign-up page in a browser."""

import os
from pathlib import Path

import pytest

from tests.browser.reader import DESKTOP, PHONE, THEMES, Reader
from tests.factories.subscriptions import make_plan, per_call, published_version, recurring

PICTURES = os.environ.get("PICTURES", "")


@pytest.fixture
def on_sale(transactional_db: None) -> None:
    """A plan by the month and year, another by the month, and an add-on."""
    month = make_plan(offer="team", rank=1, description="For a team of any size.")
    published_version(recurring("10", charge_model="per_unit"), per_call(), plan=month)
    year = make_plan(offer="team", interval="year", rank=2)
    published_version(recurring("100", charge_model="per_unit"), per_call(), plan=year)
    published_version(recurring("49"), plan=make_plan(name="Solo", rank=3, trial_days=14))
    support = make_plan(name="Support", is_add_on=True)
    published_version(recurring("5", charge_model="per_unit", name="Support"), plan=support)


def test_the_page_is_accessible_and_fits(reader: Reader, on_sale: None) -> None:
    reader.audit("/sign-up/")
    for theme in THEMES if PICTURES else ():
        for size in (DESKTOP, PHONE):
            reader.page.emulate_media(color_scheme=theme)
            reader.page.set_viewport_size(size)  # type: ignore[arg-type]
            name = f"sign-up-{theme}-{size['width']}.png"
            page = reader.open("/sign-up/?country=US")
            page.screenshot(path=str(Path(PICTURES) / name), full_page=True)


def test_the_total_follows_the_choice_and_what_is_typed_stays(
    reader: Reader, on_sale: None
) -> None:
    page = reader.open("/sign-up/")
    page.get_by_label("Company").fill("Beta Inc.")
    page.get_by_label("Country").select_option("US")
    page.locator("#estimate", has_text="$10.00").wait_for()

    page.get_by_label("Support").fill("2")
    page.get_by_label("Seats").fill("3")
    page.keyboard.press("Tab")
    page.locator("#estimate", has_text="$40.00").wait_for()
    page.get_by_label("Every year").check()
    page.locator("#estimate", has_text="$300.00").wait_for()

    assert page.get_by_label("Company").input_value() == "Beta Inc."
    assert "quantity%3D3" in (page.locator("#known").get_attribute("href") or "")
    assert reader.complaints == []
    assert reader.policy_violations() == []

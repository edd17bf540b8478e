"""The style guide, which shows every component."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.reader import DESKTOP, PHONE, THEMES, Reader, look
from tests.factories.accounts import make_user
from tiktoktoe.accounts.roles import Role

PICTURES = os.environ.get("PICTURES", "")


def test_every_component_is_accessible_in_both_themes_and_fits_a_phone(
    finance_reader: Reader,
) -> None:
    finance_reader.audit("/styleguide/")


@pytest.mark.parametrize("layout", ["portal", "plain"])
def test_the_other_layouts_are_accessible_and_fit_a_phone(reader: Reader, layout: str) -> None:
    reader.sign_in(make_user(Role.CUSTOMER))

    reader.audit(f"/styleguide/?layout={layout}")


def test_bars_lines_and_a_waterfall_are_drawn_without_a_policy_violation(
    finance_reader: Reader,
) -> None:
    page = finance_reader.open("/styleguide/")

    expect(page.locator("#movement .barlayer .point")).to_have_count(12)
    expect(page.locator("#movement .scatterlayer .js-line")).to_have_count(1)
    expect(page.locator("#bridge .waterfalllayer .point")).to_have_count(5)
    assert page.locator("head style").count() == 0
    assert finance_reader.policy_violations() == []


def test_hovering_a_chart_shows_its_figures(finance_reader: Reader) -> None:
    page = finance_reader.open("/styleguide/")

    page.locator("#movement .nsewdrag").first.hover()

    expect(page.locator("#movement .hoverlayer .legend")).to_be_visible()


def test_a_chart_can_be_saved_as_a_picture(finance_reader: Reader) -> None:
    page = finance_reader.open("/styleguide/")

    with page.expect_download() as download:
        page.locator("[data-act=chart-image]").first.click()

    assert download.value.suggested_filename == "movement.png"
    assert finance_reader.policy_violations() == []


def test_the_chosen_theme_is_remembered_on_the_next_page(finance_reader: Reader) -> None:
    page = finance_reader.open("/styleguide/")
    switch = page.get_by_role("button", name="Dark theme")
    assert switch.get_attribute("aria-pressed") == "false"

    switch.click()
    finance_reader.open("/styleguide/")

    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert switch.get_attribute("aria-pressed") == "true"


def test_a_confirmation_can_be_left_and_asks_for_its_reason(finance_reader: Reader) -> None:
    page = finance_reader.open("/styleguide/")

    page.get_by_role("button", name="Void invoice").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("Reason")).to_be_visible()
    dialog.get_by_role("button", name="Keep as it is").click()

    expect(dialog).to_be_hidden()


def test_the_menu_of_a_phone_opens_and_closes_with_the_keyboard(finance_reader: Reader) -> None:
    finance_reader.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page = finance_reader.open("/styleguide/")
    menu = page.get_by_role("button", name="Menu", exact=True)
    expect(page.locator("#sidebar")).to_be_hidden()

    menu.click()
    expect(page.locator("#sidebar")).to_be_visible()
    page.keyboard.press("Escape")

    expect(page.locator("#sidebar")).to_be_hidden()
    expect(menu).to_be_focused()


def test_open_panels_are_accessible_in_both_themes(finance_reader: Reader) -> None:
    page = finance_reader.open("/styleguide/")

    page.locator(".chart-table summary").first.click()
    page.locator(".user-menu summary").click()
    assert look(page).faults == []
    keep_picture(page, "panels-light")
    page.emulate_media(color_scheme="dark")
    assert look(page, "colours").faults == []
    keep_picture(page, "panels-dark")

    page.keyboard.press("Escape")
    page.get_by_role("button", name="Void invoice").first.click()
    assert look(page).faults == []
    keep_picture(page, "dialog-dark")
    page.emulate_media(color_scheme="light")
    assert look(page, "colours").faults == []
    keep_picture(page, "dialog-light")


def keep_picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png")


@pytest.mark.skipif(not PICTURES, reason="set PICTURES to a folder to keep pictures")
def test_pictures_for_people(finance_reader: Reader) -> None:
    for theme in THEMES:
        for size in (DESKTOP, PHONE):
            finance_reader.page.emulate_media(color_scheme=theme)
            finance_reader.page.set_viewport_size(size)  # type: ignore[arg-type]
            for layout in ("staff", "portal"):
                page = finance_reader.open(f"/styleguide/?layout={layout}")
                name = f"styleguide-{layout}-{size['width']}-{theme}.png"
                page.screenshot(path=Path(PICTURES) / name, full_page=True)
    finance_reader.page.emulate_media(media="print")
    finance_reader.page.pdf(path=Path(PICTURES) / "styleguide.pdf")

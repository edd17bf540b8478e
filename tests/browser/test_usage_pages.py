"""The staff's pages of usage."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from subscriptions.models import Customer
from tests.browser.reader import DESKTOP, PHONE, Reader
from tests.factories.subscriptions import make_customer, make_meter
from tests.factories.usage import make_source, use

PICTURES = os.environ.get("PICTURES", "")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
DAYS = "start=2026-02-09&end=2026-03-10"


@pytest.fixture
def acme(transactional_db: None) -> Customer:
    make_meter()
    make_source()
    customer = make_customer(name="Acme Widgets International")
    other = make_customer(name="Beta")
    for day in range(30):
        at = NOON - timedelta(days=day)
        use(customer, 1000 + 137 * (day % 7), at, received_at=NOON)
        use(other, 400 + 90 * (day % 5), at, received_at=NOON)
    use(customer, -1, NOON, event_id="a-very-long-event-id-" * 5)
    return customer


def test_the_pages_of_usage_are_accessible_and_fit_a_phone(
    finance_reader: Reader, acme: Customer
) -> None:
    events = f"customer={acme.pk}&meter=api_calls&{DAYS}"
    for path in (
        f"/usage/?{DAYS}",
        f"/usage/?customer={acme.pk}&{DAYS}",
        "/usage/?start=2026-03-10&end=2026-03-01",
        f"/usage/events/?{events}",
        "/usage/rejected/",
        "/usage/sources/",
    ):
        finance_reader.audit(path)
        take_pictures(finance_reader, path)


def test_a_bar_is_drawn_for_every_day(finance_reader: Reader, acme: Customer) -> None:
    page = finance_reader.open(f"/usage/?{DAYS}")

    expect(page.locator("#daily-usage .barlayer .point")).to_have_count(30)


def take_pictures(reader: Reader, path: str) -> None:
    """Keep pictures for the eye when PICTURES names a folder."""
    if not PICTURES:
        return
    address, _, query = path.partition("?")
    name = address.strip("/").replace("/", "-") + ("-one" if "customer" in query else "")
    for word, size in (("desktop", DESKTOP), ("phone", PHONE)):
        reader.page.set_viewport_size(size)  # type: ignore[arg-type]
        reader.page.screenshot(path=Path(PICTURES) / f"{name}-{word}.png", full_page=True)

"""The catalog's editor and calculator in a browser."""

import os
from decimal import Decimal
from pathlib import Path

import pytest

from subscriptions.models import PlanVersion
from subscriptions.services.catalog import draft_plan_version
from subscriptions.services.price_specs import ThresholdSpec, TierTerms
from tests.browser.reader import DESKTOP, PHONE, THEMES, Reader
from tests.factories.subscriptions import JAN_1, make_plan, per_call, recurring

PICTURES = os.environ.get("PICTURES", "")
D = Decimal
TIERS = [
    TierTerms(up_to=D(10_000), unit_amount=D("0.004")),
    TierTerms(up_to=D(50_000), unit_amount=D("0.003"), flat_amount=D(5)),
    TierTerms(up_to=None, unit_amount=D("0.002")),
]


@pytest.fixture
def version(transactional_db: None) -> PlanVersion:
    """A draft with a fee and graduated usage."""
    calls = per_call("0", included="1000", charge_model="graduated", tiers=TIERS)
    return draft_plan_version(
        plan=make_plan(),
        currency="EUR",
        prices=[recurring("99.00"), calls],
        effective_from=JAN_1,
        minimum_amount=D(120),
        thresholds=[ThresholdSpec(amount=D(500)), ThresholdSpec(amount=D(250), is_repeating=True)],
    )


def test_the_pages_are_accessible_and_fit(finance_reader: Reader, version: PlanVersion) -> None:
    paths = [
        f"/plan-versions/{version.pk}/",
        f"/plan-versions/{version.pk}/prices/calls/",
        f"/plan-versions/{version.pk}/terms/",
        f"/catalog/{version.plan.code}/",
        f"/catalog/{version.plan.code}/versions/new/",
        f"/catalog/{version.plan.code}/edit/",
        "/catalog/",
        "/plans/new/",
        "/meters/new/",
    ]
    for path in paths:
        finance_reader.audit(path)
        for theme in THEMES if PICTURES else ():
            for size in (DESKTOP, PHONE):
                finance_reader.page.emulate_media(color_scheme=theme)
                finance_reader.page.set_viewport_size(size)  # type: ignore[arg-type]
                name = f"{path.strip('/').replace('/', '-')}-{theme}-{size['width']}.png"
                finance_reader.open(path).screenshot(
                    path=str(Path(PICTURES) / name), full_page=True
                )


def test_the_total_follows_what_is_typed(finance_reader: Reader, version: PlanVersion) -> None:
    page = finance_reader.open(f"/plan-versions/{version.pk}/")

    page.get_by_label("Usage").fill("21000")

    page.get_by_text("10000 × 0.003 + 5 = 35").wait_for()
    assert "€174.00" in page.locator("#calculation tfoot").inner_text()
    assert finance_reader.policy_violations() == []

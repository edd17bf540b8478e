"""The pages about subscriptions that start on a day to come, of staff and in the portal."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from billing.models import PlannedStart
from billing.services.changes.cancelling import cancel_subscription
from billing.services.changes.planned_starts import StartWanted, plan_start
from subscriptions.models import Plan
from tests.browser.reader import DESKTOP, PHONE, SIDEWAYS, Reader, axe_violations
from tests.factories.lifecycle import begin, fee_of
from tests.factories.subscriptions import TEST_ACTOR, make_customer, make_member
from tiktoktoe.kernel.clock import now

pytestmark = pytest.mark.django_db(transaction=True)
PICTURES = os.environ.get("PICTURES", "")


def test_what_starts_on_a_day_to_come_is_on_good_pages(finance_reader: Reader) -> None:
    reader, at, customer = finance_reader, now(), make_customer()
    later, version = (at + timedelta(days=20)).date(), fee_of("31.00")
    gone = begin(fee_of("19.00", name="Extra"), at.isoformat(), customer=customer)
    cancel_subscription(subscription=gone, actor=TEST_ACTOR, at=at)
    Plan.objects.update(is_public=True)
    wanted = StartWanted(on=later, plan_version=version, quantity=2, trial_days=0)
    start, refused = (
        plan_start(customer=customer, wanted=wanted, actor=TEST_ACTOR, reason="Contract", at=at)
        for _ in range(2)
    )
    PlannedStart.objects.filter(pk=refused.pk).update(
        state="refused", done_at=at, why="another live subscription bills api_calls"
    )

    page = reader.open(f"/customers/{customer.pk}/subscriptions/new/")
    page.locator("#id_plan_version").select_option(str(version.pk))
    page.get_by_label("On a later day").fill(later.isoformat())
    page.get_by_role("button", name="See what it costs").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Due then, with tax").wait_for()
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert axe_violations(page) == []
    assert page.evaluate(SIDEWAYS) <= 0
    take_pictures(reader, "form")
    reader.audit(f"/customers/{customer.pk}/", shows="Not started")
    take_pictures(reader, "customer")
    reader.audit(f"/planned-starts/{start.pk}/")
    take_pictures(reader, "start")
    reader.audit("/planned-starts/")
    take_pictures(reader, "list")

    reader.sign_in(make_member(customer).user)
    for name, path in {
        "portal-home": "/portal/",
        "portal-start": f"/portal/starts/{start.reference}/",
        "portal-return": f"/portal/subscriptions/{gone.reference}/return/?on={later}",
    }.items():
        reader.audit(path)
        assert reader.out_of_reach() == [], f"{path} by keyboard"
        take_pictures(reader, name)


def take_pictures(reader: Reader, name: str) -> None:
    """Keep pictures for the eye when PICTURES names a folder."""
    if not PICTURES:
        return
    for theme in ("light", "dark"):
        for word, size in (("desktop", DESKTOP), ("phone", PHONE)):
            reader.turn(theme)
            reader.page.set_viewport_size(size)  # type: ignore[arg-type]
            where = Path(PICTURES) / f"{name}-{word}-{theme}.png"
            reader.page.screenshot(path=where, full_page=True)

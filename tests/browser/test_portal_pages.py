"""The portal's pages of what numbers are made of, and of what a customer does by themselves."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from billing.models import InvoiceLine
from billing.services.changes.cancelling import cancel_subscription
from billing.services.changes.dated_changes import schedule_dated_change
from billing.services.changes.pausing import pause
from billing.services.changes.retention import OfferTerms, create_offer
from billing.services.changes.wanted import Wanted
from billing.services.credit.wallets import grant_prepaid, open_wallet
from billing.services.documents.downloads import make_download, request_download
from billing.services.invoices.invoicing import bill_start
from subscriptions.models import Plan, Subscription
from subscriptions.services.transitions import Actor
from tests.browser.reader import DESKTOP, PHONE, SIDEWAYS, Reader, axe_violations
from tests.factories.lifecycle import begin, fee_of
from tests.factories.subscriptions import (
    TEST_ACTOR,
    make_customer,
    make_member,
    make_plan,
    per_call,
    published_version,
    recurring,
    subscription_since,
)
from tests.factories.usage import use
from tiktoktoe.kernel.clock import now
from tiktoktoe.kernel.money import Money

pytestmark = pytest.mark.django_db(transaction=True)

PICTURES = os.environ.get("PICTURES", "")


@pytest.fixture
def mine(reader: Reader) -> Subscription:
    """A subscription of today with usage, and a dearer plan to go to."""
    at = now()
    small, _ = (
        published_version(
            recurring(fee, charge_model="per_unit"),
            per_call(),
            plan=make_plan(name=name, rank=rank),
            at=at,
        )
        for rank, (name, fee) in enumerate((("Team", "31.00"), ("Business", "62.00")), 1)
    )
    subscription = subscription_since(at, customer=make_customer(), version=small)
    bill_start(subscription=subscription, at=at)
    use(subscription.customer, 12_400, at - timedelta(seconds=1), received_at=at)
    reader.sign_in(make_member(subscription.customer).user)
    return subscription


def test_the_portals_own_pages_are_good_pages(reader: Reader, mine: Subscription) -> None:
    line, at = InvoiceLine.objects.get(), now()
    day = mine.current_period_start.date().isoformat()
    own = f"/portal/subscriptions/{mine.reference}"
    chosen = f"?plan_version={mine.plan_version_id}&quantity=2"
    beside = published_version(
        recurring("12.00"), plan=make_plan(name="Night support", is_add_on=True)
    )

    gone = begin(fee_of("31.00", name="Extra"), at.isoformat(), customer=mine.customer)
    resting = begin(fee_of("31.00", name="More"), at.isoformat(), customer=mine.customer)
    pause(subscription=resting, actor=TEST_ACTOR, at=at)
    later = (at + timedelta(days=10)).date()
    portal = Actor(source="portal")
    schedule_dated_change(
        subscription=mine, wanted=Wanted(on=later, quantity=3), actor=portal, at=at
    )
    later += timedelta(days=1)
    Plan.objects.update(is_public=True)
    cancel_subscription(subscription=gone, actor=TEST_ACTOR, at=at)
    make_download(
        download=request_download(
            customer=mine.customer, user=mine.customer.members.get().user, at=at
        ),
        at=at,
    )
    wallet = open_wallet(customer=mine.customer, currency="USD", name="Prepaid", at=at)
    grant_prepaid(
        wallet=wallet,
        amount=Money(20, "USD"),
        reason="Welcome",
        idempotency_key="w",
        expires_at=at + timedelta(days=90),
        actor=TEST_ACTOR,
        at=at,
    )

    for name, path in {
        "home": "/portal/",
        "credit": "/portal/credit/",
        "downloads": "/portal/downloads/",
        "invoices": "/portal/invoices/",
        "return": f"/portal/subscriptions/{gone.reference}/return/",
        "usage": f"/portal/usage/?meter=api_calls&start={day}&end={day}",
        "next-invoice": f"{own}/next-invoice/",
        "line": f"/portal/invoices/{line.invoice.number}/lines/{line.pk}/",
        "plan": f"{own}/plan/{chosen}&on={later}",
        "resumption": f"/portal/subscriptions/{resting.reference}/resumption/?on={later}",
        "cancellation": f"{own}/cancellation/",
        "add-ons": f"{own}/add-ons/?plan_version={beside.pk}&quantity=2",
        "pause": f"{own}/pause/",
    }.items():
        reader.audit(path)
        assert reader.out_of_reach() == [], f"{path} by keyboard"
        for word, size in (("desktop", DESKTOP), ("phone", PHONE)):
            if PICTURES:
                reader.page.set_viewport_size(size)  # type: ignore[arg-type]
                where = Path(PICTURES) / f"portal-{name}-{word}.png"
                reader.page.screenshot(path=where, full_page=True)


def test_the_preview_follows_the_form_by_keyboard(reader: Reader, mine: Subscription) -> None:
    page = reader.open(f"/portal/subscriptions/{mine.reference}/plan/")

    page.get_by_label("Quantity").fill("3")
    page.keyboard.press("Tab")
    page.get_by_text("$93.00").first.wait_for()
    page.get_by_role("button", name="Change now").focus()
    page.keyboard.press("Enter")
    page.get_by_text("You are on").wait_for()

    mine.refresh_from_db()
    assert mine.quantity == 3
    assert reader.policy_violations() == []


def test_an_offer_to_stay_is_accepted_by_keyboard_on_a_phone(
    reader: Reader, mine: Subscription
) -> None:
    terms = OfferTerms(name="Rest", text="Rest for two months instead.", pause_months=2)
    create_offer(terms=terms, at=now())
    reader.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page = reader.open(f"/portal/subscriptions/{mine.reference}/cancellation/")

    page.get_by_label("It is too expensive").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Cancel at the end").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Rest for two months instead.").wait_for()
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / "portal-offer-phone.png", full_page=True)
    assert axe_violations(page) == []
    assert page.evaluate(SIDEWAYS) <= 0
    page.get_by_role("button", name="Stay, with this").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Good that you stay").wait_for()

    mine.refresh_from_db()
    assert mine.pause_at == mine.current_period_end
    assert reader.policy_violations() == []

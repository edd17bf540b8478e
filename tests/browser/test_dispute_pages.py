"""The dispute desk in Chromium: good pages, and the evidence handed in by hand."""

import os
from pathlib import Path

import pytest
from pytest_django.live_server_helper import LiveServer

from billing.models import Dispute, PaymentAttempt
from billing.services.payments.charging import charge_invoice
from tests.browser.reader import DESKTOP, PHONE, Reader
from tests.stripe_world import NOW, PERSON, StripeWorld, customer_with_card, first_invoice_of

pytestmark = pytest.mark.django_db(transaction=True)

PICTURES = os.environ.get("PICTURES", "")


def _disputed(stripe: StripeWorld, reason: str = "fraud") -> Dispute:
    invoice = first_invoice_of(customer_with_card(stripe))
    attempt = charge_invoice(invoice=invoice, actor=PERSON, at=NOW)
    reference = stripe.dispute(PaymentAttempt.objects.get(pk=attempt.pk), reason)
    return Dispute.objects.get(gateway_reference=reference)


def test_the_desk_is_a_good_page_and_evidence_is_handed_in(
    stripe: StripeWorld, live_server: LiveServer, finance_reader: Reader
) -> None:
    lost, dispute = _disputed(stripe), _disputed(stripe, "canceled")
    stripe.decide(lost.gateway_reference, "lost")
    address = f"/payments/disputes/{dispute.pk}/"
    page = finance_reader.open(address)
    page.get_by_role("button", name="Gather evidence").click()
    page.get_by_label("Statement").fill("They use it daily.")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("The evidence is saved").wait_for()

    for name, path in {
        "disputes": "/payments/disputes/",
        "dispute-draft": address,
        "dispute-lost": f"/payments/disputes/{lost.pk}/",
        "dispute-payment": f"/payments/{lost.payment_id}/",
        "dispute-monitor": "/payments/monitor/?hours=168",
    }.items():
        finance_reader.audit(path)
        _picture(finance_reader, name)

    page = finance_reader.open(address)
    page.get_by_role("button", name="Hand in…").click()
    page.get_by_role("button", name="Hand in", exact=True).click()
    page.get_by_text("The bank has it.").wait_for()
    dispute.refresh_from_db()
    assert dispute.state == "under_review"


def _picture(reader: Reader, name: str) -> None:
    """Keep pictures when a folder is asked for: PICTURES=folder pytest …"""
    if not PICTURES:
        return
    for size, suffix in ((DESKTOP, "desktop"), (PHONE, "phone")):
        reader.page.set_viewport_size(size)  # type: ignore[arg-type]
        reader.page.screenshot(path=str(Path(PICTURES) / f"{name}-{suffix}.png"), full_page=True)
